"""The gunicorn role's list: derived, checked, completed."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn

DEFAULTS = {
    "workers": "auto",
    "worker_class": "gthread",
    "threads": 4,
    "timeout": 30,
    "graceful_timeout": 30,
    "settings": {},
    "service": {"sandbox": "strict", "memory_max": ""},
    "keep": 5,
}
ALONE = {"name": "shop", "app": "shop:app", "directory": "/opt/shop", "virtualenv": "/opt/shop/venv"}


def test_five_lines_become_an_entry_with_what_they_say():
    manifest = [{"name": "shop", "app": "shop.wsgi:app", "source": {"path": "../shop"}}]
    assert _gunicorn.derive(manifest) == [
        {
            "name": "shop",
            "app": "shop.wsgi:app",
            "user": "shop",
            "directory": "/srv/shop/next/code",
            "virtualenv": "/srv/shop/next/venv",
            "current": "/srv/shop/current",
            "previous": "/srv/shop/previous",
            "env": {},
            "health": {"host": "localhost"},
        }
    ]


def test_all_that_the_manifest_says_about_running_reaches_the_entry():
    (entry,) = _gunicorn.derive(
        [
            {
                "name": "shop",
                "app": "shop:app",
                "source": {"path": "../shop"},
                "env": {"A": "x", "B": 5},
                "shared": ["uploads"],
                "keep_releases": 3,
                "health": {"path": "/healthz"},
                "listen": "10.0.0.1:8000",
                "gunicorn": {"workers": 2, "settings": {"max_requests": 9}},
                "service": {"memory_max": "512M"},
                "nginx": {"domains": ["*.example.com", "shop.example.com"]},
                "state": "present",
            }
        ]
    )
    assert entry == {
        "name": "shop",
        "app": "shop:app",
        "user": "shop",
        "directory": "/srv/shop/next/code",
        "virtualenv": "/srv/shop/next/venv",
        "current": "/srv/shop/current",
        "previous": "/srv/shop/previous",
        "env": {"A": "x", "B": "5"},
        "writable_paths": ["/srv/shop/shared"],
        "keep": 3,
        "health": {"path": "/healthz", "host": "www.example.com"},
        "listen": "10.0.0.1:8000",
        "workers": 2,
        "settings": {"max_requests": 9},
        "service": {"memory_max": "512M"},
    }


def test_what_is_derived_is_never_wrong():
    manifest = [{"name": "shop", "app": "shop:app", "shared": ["x"], "keep_releases": 2, "nginx": {}}]
    assert _gunicorn.findings(_gunicorn.derive(manifest), DEFAULTS) == []


class Half(dict):
    """An entry of which nothing but its name may be read."""

    def __getitem__(self, key):
        assert key == "name"
        return super().__getitem__(key)


def test_only_the_chosen_apps_are_derived_and_no_other_is_read():
    manifest = [{"app": "x:y"}, Half(name="half", env=1), {"name": "shop", "app": "shop:app"}]
    assert [entry["name"] for entry in _gunicorn.derive(manifest, "shop")] == ["shop"]


def test_only_the_chosen_entries_are_judged_each_at_its_place():
    listed = [{"app": "x:y"}, Half(name="half", env=1), {**ALONE, "workers": 0}]
    (finding,) = _gunicorn.findings(listed, DEFAULTS, ["shop"])
    assert finding.startswith("gunicorn_apps[2] (shop): workers: 0 ")


def test_an_app_without_its_module_is_derived_so_that_it_is_found():
    (finding,) = _gunicorn.findings(_gunicorn.derive([{"name": "shop"}]), DEFAULTS)
    assert finding.startswith("gunicorn_apps[0] (shop): app: is missing; ")


def test_an_absent_app_keeps_the_links_that_are_to_go():
    links = {"current": "/srv/shop/current", "previous": "/srv/shop/previous"}
    assert _gunicorn.derive([{"name": "shop", "state": "absent"}]) == [
        {"name": "shop", **links, "state": "absent"}
    ]


def test_no_list_of_entries_is_refused_by_name():
    with pytest.raises(ValueError, match="python_apps must be a list of entries"):
        _gunicorn.derive("shop")


def test_defaults_fill_what_an_entry_leaves_out():
    assert _gunicorn.resolve([ALONE], DEFAULTS) == [
        {
            "name": "shop",
            "app": "shop:app",
            "user": "shop",
            "directory": "/opt/shop",
            "virtualenv": "/opt/shop/venv",
            "current": "",
            "script_name": "",
            "previous": "",
            "env": {},
            "writable_paths": [],
            "health": {
                "path": "/",
                "status": [],
                "timeout": 30,
                "host": "localhost",
                "scheme": "http",
                "body": "",
                "watch": 0,
            },
            "notify": {"before": [], "after": []},
            "listen": "unix",
            "socket": {
                "unit": "gunicorn-shop.socket",
                "address": "/run/webstack/shop/http.sock",
                "path": "/run/webstack/shop/http.sock",
            },
            "workers": "auto",
            "worker_class": "gthread",
            "threads": 4,
            "timeout": 30,
            "graceful_timeout": 30,
            "settings": {},
            "service": {"sandbox": "strict", "memory_max": ""},
            "keep": 5,
            "state": "present",
        }
    ]


def test_an_entry_wins_over_the_defaults_key_by_key():
    defaults = {**DEFAULTS, "settings": {"max_requests": 1, "loglevel": "debug"}}
    entry = {
        **ALONE,
        "workers": 3,
        "threads": 8,
        "settings": {"max_requests": 2},
        "service": {"sandbox": False},
        "keep": 2,
    }
    (resolved,) = _gunicorn.resolve([entry], defaults)
    assert resolved["workers"] == 3
    assert resolved["threads"] == 8
    assert resolved["settings"] == {"max_requests": 2, "loglevel": "debug"}
    assert resolved["service"] == {"sandbox": "off", "memory_max": ""}
    assert resolved["keep"] == 2


def test_sync_never_gets_the_threads_of_the_host():
    (resolved,) = _gunicorn.resolve([{**ALONE, "worker_class": "sync"}], DEFAULTS)
    assert resolved["threads"] == 1


@pytest.mark.parametrize(
    ("health", "path", "status"),
    [
        ({}, "/", []),
        ({"path": "/healthz"}, "/healthz", [200]),
        ({"status": [404]}, "/", [404]),
        ({"path": "/healthz", "status": [204]}, "/healthz", [204]),
    ],
)
def test_a_path_of_its_own_must_answer_200_unless_told_otherwise(health, path, status):
    (resolved,) = _gunicorn.resolve([{**ALONE, "health": health}], DEFAULTS)
    assert (resolved["health"]["path"], resolved["health"]["status"]) == (path, status)


@pytest.mark.parametrize(
    ("nginx", "script_name", "asked"),
    [({}, "", "/healthz"), ({"path": "/"}, "", "/healthz"), ({"path": "/a/b/"}, "/a/b", "/a/b/healthz")],
)
def test_an_app_below_a_path_is_asked_there(nginx, script_name, asked):
    app = {"name": "shop", "app": "shop:app", "health": {"path": "/healthz"}, "nginx": nginx}
    (resolved,) = _gunicorn.resolve(_gunicorn.derive([app]), DEFAULTS)
    assert (resolved["script_name"], resolved["health"]["path"]) == (script_name, asked)


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"path": "shop"}, "path: 'shop' is not a path of a site; write / or a path that starts and ends"),
        (
            {"env": {"SCRIPT_NAME": "/shop"}},
            "env: SCRIPT_NAME is not for the app to set; remove it, use path",
        ),
        ({"settings": {"root_path": "/shop"}}, "settings: root_path is not free; remove it, use path"),
    ],
)
def test_a_path_is_said_in_one_place(keys, problem):
    (finding,) = _gunicorn.findings([{**ALONE, **keys}])
    assert finding.startswith(f"gunicorn_apps[0] (shop): {problem}")


@pytest.mark.parametrize(
    ("listen", "unit"),
    [
        ("10.0.0.1:8000", "gunicorn-shop-10.0.0.1:8000.socket"),
        ("[2001:db8::1]:8000", "gunicorn-shop-2001:db8::1:8000.socket"),
    ],
)
def test_each_address_has_a_socket_unit_of_its_own(listen, unit):
    (resolved,) = _gunicorn.resolve([{**ALONE, "listen": listen}], DEFAULTS)
    assert resolved["socket"] == {"unit": unit, "address": listen, "path": ""}


ABSOLUTE_REMEDY = "write an absolute path of letters, digits and . _ - + @ , = ~ :"


@pytest.mark.parametrize(
    ("keys", "problem", "remedy"),
    [
        (
            {"user": "root"},
            "user: 'root' cannot run an app",
            "name the unix user that runs the app, not root",
        ),
        ({"user": "0"}, "user: '0' cannot run an app", "name the unix user that runs the app, not root"),
        ({"directory": "srv"}, "directory: 'srv' is not an absolute path", ABSOLUTE_REMEDY),
        (
            {"directory": "/a\nExecStart=x"},
            "directory: '/a\\nExecStart=x' is not an absolute path",
            ABSOLUTE_REMEDY,
        ),
        ({"virtualenv": "/a/../b"}, "virtualenv: '/a/../b' is not an absolute path", ABSOLUTE_REMEDY),
        ({"current": "/a b"}, "current: '/a b' is not an absolute path", ABSOLUTE_REMEDY),
        ({"writable_paths": ["/a%h"]}, "writable_paths: '/a%h' is not an absolute path", ABSOLUTE_REMEDY),
        ({"keep": 1}, "keep: 1 is out of range", "write a whole number from 2"),
        ({"workres": 4}, "workres: unknown key", "did you mean workers?"),
        *(
            (
                {"worker_class": name, "threads": 2},
                f"worker_class {name} has no threads",
                "remove threads, or use gthread",
            )
            for name in ("sync", "gevent", "asgi")
        ),
        ({"settings": {"timeout": 4}}, "settings: timeout is not free", "remove it, use timeout"),
        (
            {"health": {"host": "a b"}},
            "health.host: 'a b' is not a host name",
            "write one such as shop.example.com",
        ),
        ({"health": {"scheme": "ftp"}}, "health.scheme: 'ftp' is not known", "write http or https"),
        ({"env": {"A": None}}, "env: A is empty", 'write "" for an empty text, or remove it'),
    ],
)
def test_a_list_of_ones_own_is_judged_as_strictly(keys, problem, remedy):
    assert _gunicorn.findings([{**ALONE, **keys}]) == [f"gunicorn_apps[0] (shop): {problem}; {remedy}"]


@pytest.mark.parametrize("host_class", ["sync", "gevent", "asgi"])
def test_threads_are_refused_where_the_class_of_the_host_has_none(host_class):
    defaults = {**DEFAULTS, "worker_class": host_class}
    assert _gunicorn.findings([{**ALONE, "threads": 8}], defaults) == [
        f"gunicorn_apps[0] (shop): gunicorn_worker_class {host_class} has no threads; "
        "remove threads, or use gthread"
    ]
    assert _gunicorn.findings([{**ALONE, "worker_class": "gthread", "threads": 8}], defaults) == []
    assert _gunicorn.findings([{**ALONE, "threads": 1}], defaults) == []


def test_what_an_entry_needs_is_named():
    assert _gunicorn.findings([{"name": "shop"}]) == [
        'gunicorn_apps[0] (shop): app: is missing; write MODULE:CALLABLE, such as "shop.wsgi:app" or '
        '"shop:create_app()"',
        f"gunicorn_apps[0] (shop): directory: is missing; {ABSOLUTE_REMEDY}",
        f"gunicorn_apps[0] (shop): virtualenv: is missing; {ABSOLUTE_REMEDY}",
    ]
    assert _gunicorn.findings([{"name": "shop", "state": "absent"}]) == []


def test_host_wide_defaults_are_judged_by_the_names_of_their_variables():
    defaults = {
        **DEFAULTS,
        "threads": 0,
        "worker_class": "tornado",
        "settings": {"bind": "x"},
        "service": {"sandbox": False, "memory_max": "1"},
    }
    assert _gunicorn.findings([], defaults) == [
        "gunicorn_worker_class: 'tornado' is not known; write gthread, sync, gevent or asgi",
        "gunicorn_threads: 0 is out of range; write a whole number from 1",
        "gunicorn_settings: bind is not free; remove it, use listen",
        "gunicorn_service_memory_max: '1' is not a size; write a size with its unit, such as 512M or 1G",
    ]
