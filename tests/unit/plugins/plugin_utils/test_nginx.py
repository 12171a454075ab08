"""The nginx role's list: joined, checked, completed."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

DEFAULTS = {
    "max_body_size": "10m",
    "tls": "off",
    "read_timeout": "60s",
    "blocked_paths": [],
    "headers": {},
    "access_log": "combined",
}
ALONE = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}}


def test_an_app_on_the_proxys_own_host_is_reached_by_its_socket():
    hostvars = {"web": {"python_apps": [{"name": "shop"}]}}
    assert _nginx.derive(hostvars, "web", ["web"], {}) == [
        {
            "name": "shop",
            "domains": [],
            "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"], "keepalive": 16},
        }
    ]


def test_what_only_the_play_says_counts_on_the_host_itself():
    own = {"python_apps": [{"name": "shop"}], "gunicorn_worker_class": "sync"}
    hostvars = {"web": {"gunicorn_worker_class": "gthread"}, "app1": {}}
    assert _nginx.derive(hostvars, "web", ["web", "app1"], own) == [
        {
            "name": "shop",
            "domains": [],
            "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"], "keepalive": 0},
        }
    ]


def test_a_manifest_that_is_no_list_is_refused_by_host():
    with pytest.raises(ValueError, match="app1: python_apps must be a list of entries"):
        _nginx.derive({"app1": {"python_apps": "shop"}}, "web", ["app1"], {})


def test_the_section_of_the_manifest_reaches_the_site():
    nginx = {
        "domains": ["a.example"],
        "static": {"/s/": "shop/s"},
        "max_body_size": "1m",
        "extra": "gzip off;",
    }
    (site,) = _nginx.derive({"web": {"python_apps": [{"name": "shop", "nginx": nginx}]}}, "web", ["web"], {})
    assert site["domains"] == ["a.example"]
    assert site["static"] == {"/s/": "/srv/shop/current/shop/s"}
    assert site["static_fallback"] == {"/s/": "/srv/shop/previous/shop/s"}
    assert site["max_body_size"] == "1m"
    assert site["extra"] == "gzip off;"


@pytest.mark.parametrize(
    ("variables", "listen", "server"),
    [
        ({}, "10.0.0.1:8000", "10.0.0.1:8000"),
        ({}, "0.0.0.0:8000", "app1:8000"),
        ({"ansible_host": "10.0.0.1"}, "0.0.0.0:8000", "10.0.0.1:8000"),
        ({"ansible_host": "203.0.113.1", "webstack_address": "10.0.0.1"}, "[::]:80", "10.0.0.1:80"),
        ({"ansible_host": "2001:db8::1"}, "[::]:80", "[2001:db8::1]:80"),
    ],
)
def test_an_app_on_another_host_is_reached_at_its_address(variables, listen, server):
    hostvars = {"app1": {"python_apps": [{"name": "shop", "listen": listen}], **variables}}
    (site,) = _nginx.derive(hostvars, "proxy", ["app1"], {})
    assert site["upstream"]["servers"] == [server]


@pytest.mark.parametrize(
    ("listen", "server"),
    [
        ("10.0.0.1:8000", "10.0.0.1:8000"),
        ("0.0.0.0:8000", "127.0.0.1:8000"),
        ("[::]:8000", "[::1]:8000"),
    ],
)
def test_an_address_on_the_proxys_own_host_is_asked_locally(listen, server):
    hostvars = {"web": {"python_apps": [{"name": "shop", "listen": listen}]}}
    (site,) = _nginx.derive(hostvars, "web", ["web"], {})
    assert site["upstream"]["servers"] == [server]


def test_an_app_on_several_hosts_is_one_site_with_all_its_servers():
    app = {"name": "shop", "listen": "0.0.0.0:8000"}
    hostvars = {"app1": {"python_apps": [app]}, "app2": {"python_apps": [app]}, "app3": {}}
    (site,) = _nginx.derive(hostvars, "proxy", ["app1", "app2", "app3"], {})
    assert site["upstream"]["servers"] == ["app1:8000", "app2:8000"]


def test_an_absent_app_has_no_site_where_it_is_absent():
    here, gone = {"name": "shop", "listen": "0.0.0.0:1"}, {"name": "shop", "state": "absent"}
    hostvars = {"app1": {"python_apps": [gone]}, "app2": {"python_apps": [here]}}
    (site,) = _nginx.derive(hostvars, "proxy", ["app1", "app2"], {})
    assert site["upstream"]["servers"] == ["app2:1"]
    assert _nginx.derive(hostvars, "proxy", ["app1"], {}) == []


@pytest.mark.parametrize(
    ("app", "variables", "keepalive"),
    [
        ({}, {}, 16),
        ({"gunicorn": {"worker_class": "sync"}}, {}, 0),
        ({}, {"gunicorn_worker_class": "sync"}, 0),
        ({"gunicorn": {"worker_class": "gthread"}}, {"gunicorn_worker_class": "sync"}, 16),
    ],
)
def test_connections_are_kept_only_to_workers_that_keep_them(app, variables, keepalive):
    hostvars = {"web": {"python_apps": [{"name": "shop", **app}], **variables}}
    (site,) = _nginx.derive(hostvars, "web", ["web"], {})
    assert site["upstream"]["keepalive"] == keepalive


def test_defaults_fill_what_an_entry_leaves_out():
    (site,) = _nginx.resolve([ALONE], DEFAULTS)
    assert site == {
        "name": "shop",
        "domains": [],
        "names": [],
        "catch_all": True,
        "upstream": {"name": "webstack_shop", "servers": ["10.0.0.1:8000"], "keepalive": 0},
        "static": [],
        "handed": False,
        "max_body_size": "10m",
        "tls": None,
        "extra": "",
        **{name: site[name] for name in (*_nginx.FEATURES, "apps")},
    }


SERVER_REMEDY = 'write "unix:/PATH" or "HOST:PORT"'
ABSOLUTE_REMEDY = "write an absolute path of letters, digits and . _ - + @ , = ~ :"


@pytest.mark.parametrize(
    ("keys", "problem", "remedy"),
    [
        ({"upstream": {}}, "upstream.servers: is missing", SERVER_REMEDY),
        ({"upstream": {"servers": []}}, "upstream.servers: is an empty list", SERVER_REMEDY),
        ({"upstream": {"servers": ["a"]}}, "upstream.servers: 'a' is not a server", SERVER_REMEDY),
        ({"upstream": {"servers": ["a:1;}"]}}, "upstream.servers: 'a:1;}' is not a server", SERVER_REMEDY),
        ({"upstream": {"servers": ["unix:x"]}}, "upstream.servers: 'unix:x' is not a server", SERVER_REMEDY),
        (
            {"upstream": {"servers": ["a:1"], "keepalive": -1}},
            "upstream.keepalive: -1 is out of range",
            "write a whole number from 0",
        ),
        ({"static": {"/s/": "s"}}, "static: /s/: its folder is not an absolute path", ABSOLUTE_REMEDY),
        ({"static": {"/s/": "/a;b"}}, "static: /s/: its folder is not an absolute path", ABSOLUTE_REMEDY),
        ({"extra": "}"}, "extra: line 1 closes a block that it did not open", "remove the }"),
        (
            {"max_body_size": "99999999999g"},
            "max_body_size: '99999999999g' is not a size",
            'write a size with its unit, such as 10m, or "0" for no bound',
        ),
        (
            {"max_body_size": "1m; }"},
            "max_body_size: '1m; }' is not a size",
            'write a size with its unit, such as 10m, or "0" for no bound',
        ),
    ],
)
def test_a_list_of_ones_own_is_judged_as_strictly(keys, problem, remedy):
    assert _nginx.findings([{**ALONE, **keys}]) == [f"nginx_sites[0] (shop): {problem}; {remedy}"]


def test_sites_must_not_share_what_is_theirs_alone():
    sites = [
        {**ALONE, "domains": ["a.example"]},
        {**ALONE, "domains": ["b.example"]},
        {**ALONE, "name": "blog", "domains": ["A.example"]},
        {**ALONE, "name": "one"},
        {**ALONE, "name": "two"},
    ]
    assert _nginx.findings(sites) == [
        "nginx_sites[1] (shop): name: 'shop' is already used by nginx_sites[0] (shop); "
        "give each its own name",
        "nginx_sites[2] (blog): domains: a.example is already used by 'shop'; give each app its own domains "
        "or its own path",
        "nginx_sites[4] (two): domains: has none, so it would answer every name, as 'one' already does; "
        "give each app its own domains or its own path",
    ]


def test_host_wide_defaults_are_judged_by_the_names_of_their_variables():
    assert _nginx.findings([ALONE], {"nginx_client_max_body_size": "10"}) == [
        "nginx_client_max_body_size: '10' is not a size; write a size with its unit, such as 10m, or \"0\" "
        "for no bound"
    ]


def test_the_role_judges_where_nginx_listens():
    (finding,) = _nginx.findings([ALONE], {"nginx_listen": "80"})
    assert finding.startswith("nginx_listen: must be a list, not text; write a list of ports")
    assert _nginx.findings([ALONE], {"nginx_listen": ["80"]}) == []
