"""What the inventory sets besides the manifest, judged before any role starts."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.webstack.python.plugins.filter.manifest_findings import manifest_findings
from ansible_collections.webstack.python.plugins.plugin_utils import _host_variables, _nginx
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable
from ansible_collections.webstack.python.plugins.plugin_utils._spec import ROLES

LISTEN = 'write a list of ports or addresses with ports, such as ["80", "[::]:80"]'


def findings(variables, runs_apps=True, is_proxy=True):
    return _host_variables.findings(variables, "web", runs_apps=runs_apps, is_proxy=is_proxy)


@pytest.mark.parametrize("role", ["python_app", "gunicorn", "nginx"])
def test_every_literal_default_is_fine(role):
    defaults = yaml.safe_load((ROLES / role / "defaults/main.yml").read_text(encoding="utf-8"))
    literal = {name: value for name, value in defaults.items() if "{{" not in str(value)}
    assert literal.keys() <= _host_variables.NAMES
    assert findings(literal) == []


def test_known_default_of_nginx_listen_is_that_of_the_role():
    defaults = yaml.safe_load((ROLES / "nginx/defaults/main.yml").read_text(encoding="utf-8"))
    assert defaults["nginx_listen"] == list(_nginx.LISTEN)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("gunicorn_timeout", 0, "0 is out of range; write a whole number from 1"),
        ("gunicorn_threads", "4", "must be a whole number, not text; write a whole number from 1"),
        ("gunicorn_service_sandbox", "on", "'on' is not known; write strict, jit or off"),
        ("gunicorn_settings", {"bind": "x"}, "bind is not free; remove it, use listen"),
        ("nginx_client_max_body_size", "10 MB", None),
        (
            "nginx_proxy_read_timeout",
            "soon",
            "'soon' is not a time; write a time with its unit, such as 60s or 1h30m",
        ),
        (
            "nginx_proxy_read_timeout",
            "0",
            "'0' is not a time; write a time with its unit, such as 60s or 1h30m",
        ),
        (
            "nginx_proxy_connect_timeout",
            "0s",
            "'0s' is not a time; write a time with its unit, such as 60s or 1h30m",
        ),
        ("nginx_listen", "80", f"must be a list, not text; {LISTEN}"),
        ("nginx_listen", [], f"is an empty list; {LISTEN}"),
        (
            "nginx_listen",
            ["::1:80"],
            f"'::1:80' is neither a port nor an IP address with a port; {LISTEN}",
        ),
        (
            "nginx_listen",
            ["80 ssl"],
            f"'80 ssl' is neither a port nor an IP address with a port; {LISTEN}",
        ),
        ("nginx_listen", ["80", "80"], "80 is listed twice; list it once"),
        ("python_app_uv_version", "latest", "'latest' is not a version; write one version, such as 1.2.3"),
        ("python_app_uv_version", 0.13, "must be text, not a number; write it in quotes"),
        (
            "python_app_index_url",
            "deploy:secret@pypi.example.com",
            "is not the address of a package index; write an https URL",
        ),
        ("python_app_packages", "gcc", None),
        ("python_app_ca_bundle", "ca.pem", None),
    ],
)
def test_wrong_variables_are_found(variable, value, problem):
    (finding,) = findings({variable: value})
    assert finding.startswith(f"{variable}: ")
    assert problem is None or finding == f"{variable}: {problem}"


INDEX = {
    "python_app_index_url": "https://pypi.example.com/simple",
    "python_app_index_username": "deploy",
    "python_app_index_password": "hunter2",
}
NO_USER = {"python_app_index_username": "", "python_app_index_password": ""}


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({}, None),
        ({"python_app_index_username": "", "python_app_index_password": ""}, None),
        ({"python_app_index_password": ""}, None),
        (
            {"python_app_index_username": ""},
            "python_app_index_password: has no user; set python_app_index_username",
        ),
        ({"python_app_index_url": ""}, "python_app_index_username: has no index; set python_app_index_url"),
        (
            {"python_app_index_url": "https://deploy:hunter2@pypi.example.com/simple"},
            "python_app_index_username: is in python_app_index_url, too; "
            "remove user and password from the URL",
        ),
        (
            {**NO_USER, "python_app_index_url": "https://deploy:hun/ter2@pypi.example.com/simple"},
            "python_app_index_url: is not a proper URL; percent-encode user, password and other "
            "special signs, or use python_app_index_username and python_app_index_password",
        ),
        (
            {"python_app_index_password": ["hunter2"]},
            "python_app_index_password: must be text, not a list; write it as text",
        ),
    ],
)
def test_credentials_of_the_index_go_together(changes, problem):
    found = findings({**INDEX, **changes})
    assert found == ([problem] if problem else [])


@pytest.mark.parametrize(
    "item",
    [
        "--extra-index-url=https://deploy:hunter2@pypi.example.com/simple",
        "--index=own=https://hunter2@pypi.example.com/simple",
        "https://deploy:hun/ter2@pypi.example.com/simple",
    ],
)
def test_arguments_of_uv_hold_no_credentials(item):
    assert findings({"python_app_uv_arguments": ["--no-build", item]}) == [
        "python_app_uv_arguments: item 1 has a user or password in a URL, and arguments are public on the "
        "host; use python_app_index_url with python_app_index_username and python_app_index_password"
    ]


def test_arguments_of_uv_may_hold_a_url():
    arguments = ["--find-links=https://pypi.example.com/wheels", "--exclude-newer-package", "a@b"]
    assert findings({"python_app_uv_arguments": arguments}) == []


def test_list_of_ones_own_is_judged_with_the_hosts_worker_class():
    app = {"name": "shop", "app": "shop:app", "directory": "/srv", "virtualenv": "/srv", "threads": 8}
    assert findings({"gunicorn_apps": [app], "gunicorn_worker_class": "asgi"}) == [
        "gunicorn_apps[0] (shop): gunicorn_worker_class asgi has no threads; remove threads, or use gthread"
    ]
    assert findings({"gunicorn_apps": [app]}) == []


def test_addresses_of_nginx_are_fine():
    assert findings({"nginx_listen": ["80", "127.0.0.1:8080", "[2001:db8::1]:80"]}) == []


def test_a_host_is_judged_by_the_roles_that_it_gets():
    variables = {"gunicorn_timeout": 0, "nginx_listen": "80"}
    assert [text.partition(":")[0] for text in findings(variables)] == ["gunicorn_timeout", "nginx_listen"]
    assert len(findings(variables, is_proxy=False)) == 1
    assert len(findings(variables, runs_apps=False)) == 1
    assert findings(variables, runs_apps=False, is_proxy=False) == []


def test_hand_written_lists_are_judged():
    assert findings({"gunicorn_apps": [{"name": "shop", "state": "absent"}], "nginx_sites": []}) == []
    apps, sites = findings({"gunicorn_apps": "shop", "nginx_sites": [{"name": "shop"}]})
    assert apps.startswith("gunicorn_apps: must be a list, not text")
    assert (
        sites == "nginx_sites[0] (shop): upstream: is missing; name its servers, or the root of a static site"
    )


def test_what_needs_a_roles_default_is_left_to_the_role():
    waiting = Unreadable("'gunicorn_graceful_timeout' is undefined")
    assert findings({"gunicorn_timeout": waiting, "gunicorn_settings": {"max_requests": waiting}}) == []
    (finding,) = findings({"gunicorn_timeout": Unreadable("'longer' is undefined")})
    assert (
        finding
        == "gunicorn_timeout: has no value on web: 'longer' is undefined; define what its template needs"
    )


def test_the_filter_judges_what_the_inventory_sets_and_no_default_of_a_role():
    context = {"gunicorn_timeout": 0, "gunicorn_apps": "from the role's defaults"}
    found = manifest_findings(context, {"web": {"gunicorn_timeout": 0}}, "web", ["web"], ["web"])
    assert found == ["gunicorn_timeout: 0 is out of range; write a whole number from 1"]
