"""Which app hosts hand static files over, and to which proxies."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.filter.static_apps import static_apps
from ansible_collections.webstack.python.plugins.filter.static_archives import static_archives
from ansible_collections.webstack.python.plugins.filter.static_left_out import static_left_out
from ansible_collections.webstack.python.plugins.filter.static_requests import static_requests
from ansible_collections.webstack.python.plugins.plugin_utils import _static_hand_over
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable

APPS = ["app1", "app2"]
COPIES = "/var/lib/webstack/static"
SITE = {"name": "shop", "static": {"/s/": f"{COPIES}/shop/current/static"}}


def app(name="shop", **keys):
    return {"name": name, "nginx": {"static": {"/s/": "static", "/m/": "media", "/t/": "static"}}, **keys}


def hosts(*apps, **proxies):
    """Return the variables of two app hosts with these apps, and of proxies."""
    return {**{host: {"python_apps": list(apps)} for host in APPS}, **(proxies or {"front": {}})}


def digests(**known):
    return {"digests": {"shop": known}}


def test_folders_go_to_a_proxy_that_is_another_host():
    hostvars = hosts(app(), app("blog", nginx={}), app("gone", state="absent"))
    assert static_apps(hostvars, "app1", APPS, ["front"]) == [
        {"name": "shop", "folders": ["media", "static"], "release": ""}
    ]


@pytest.mark.parametrize(
    ("proxies", "front"),
    [
        (APPS, {}),
        ([], {}),
        (["front"], {"nginx_app_hosts": []}),
        # It says itself what it serves.
        (["front"], {"nginx_sites": []}),
        (["front"], {"nginx_sites": [{"name": "shop", "static": {"/s/": "/srv/shop/static"}}]}),
        (["front"], {"nginx_sites": [{"name": "shop", "static": {"/s/": f"{COPIES}/blog/current/s"}}]}),
        (["front"], {"nginx_sites": [{**SITE, "state": "absent"}]}),
    ],
)
def test_nothing_goes_where_no_other_host_serves_the_app_by_the_manifest(proxies, front):
    assert static_apps(hosts(app(), front=front), "app1", APPS, proxies) == []


def test_a_proxy_whose_own_list_has_copies_gets_them_of_every_host():
    hostvars = hosts(app(), app("blog"), front={"nginx_sites": [{"name": "docs"}, SITE, "wrong"]})
    assert static_left_out(hostvars, "front", [], APPS, ["front"]) == [{"name": "shop", "hosts": APPS}]
    # One that is an app host, too, serves by default its own apps alone.
    hostvars["app1"]["nginx_sites"] = [SITE]
    assert [each["name"] for each in static_apps(hostvars, "app2", APPS, ["app1"])] == ["shop"]
    hostvars["app1"]["nginx_app_hosts"] = ["app1"]
    assert static_apps(hostvars, "app2", APPS, ["app1"]) == []


def test_a_proxy_whose_own_list_cannot_be_read_gets_the_copies_of_all_apps():
    hostvars = hosts(app(), front={"nginx_sites": Unreadable("'hosted' is undefined")})
    assert [each["name"] for each in static_apps(hostvars, "app1", APPS, ["front"])] == ["shop"]


@pytest.mark.parametrize(
    "wrong",
    [
        "shop",
        ["shop"],
        [{"nginx": {"static": {"/s/": "s"}}}],
        [app(nginx="static")],
        [app(nginx={"static": ["s"]})],
        [app(nginx=None)],
    ],
)
def test_what_the_preflight_refuses_is_passed_over_until_it_does(wrong):
    assert (
        static_left_out({"app1": {"python_apps": wrong}, "front": {}}, "front", [], ["app1"], ["front"]) == []
    )


def test_a_proxy_that_is_one_of_several_hosts_of_an_app_gets_its_own_files_too():
    hostvars = hosts(app())
    hostvars["app1"]["nginx_app_hosts"] = APPS
    assert [bool(static_apps(hostvars, host, APPS, ["app1"])) for host in APPS] == [True, True]
    hostvars["app2"]["python_apps"] = []
    assert static_apps(hostvars, "app1", APPS, ["app1"]) == []


@pytest.mark.parametrize(("only", "names"), [((), ["blog", "shop"]), ("blog", ["blog"]), (["wiki"], [])])
def test_a_run_for_some_apps_hands_over_theirs(only, names):
    found = static_apps(hosts(app(), app("blog")), "app2", APPS, ["front"], only)
    assert [each["name"] for each in found] == names


def test_a_rollback_hands_over_the_release_that_it_goes_back_to():
    rollbacks = [{"entry": "shop", "release": "3f9a1c0b77de"}, {"entry": "blog", "failed": True}]
    found = static_apps(hosts(app(), app("blog")), "app1", APPS, ["front"], [], rollbacks)
    assert [(each["name"], each["release"]) for each in found] == [("blog", ""), ("shop", "3f9a1c0b77de")]


def test_each_proxy_is_asked_for_the_digests_of_its_hosts_without_repetition():
    hostvars = hosts(app(), front={}, other={"nginx_app_hosts": ["app2"]})
    hostvars["app1"]["found"] = digests(offered="b", live="a")
    hostvars["app2"]["found"] = digests(offered="b")
    shop = {"name": "shop", "offered": ["b"], "complete": True}
    assert static_requests(hostvars, APPS, APPS, ["front", "other"], "found") == [
        {"proxy": "front", "apps": [{**shop, "live": ["a"]}]},
        {"proxy": "other", "apps": [{**shop, "live": []}]},
    ]


def test_a_run_without_some_hosts_of_an_app_says_so():
    hostvars = hosts(app())
    hostvars["app2"]["found"] = digests(offered="b", live="a")
    (request,) = static_requests(hostvars, ["app2"], APPS, ["front"], "found")
    assert request["apps"][0]["complete"] is False


def test_no_proxy_is_asked_where_no_release_is_known():
    hostvars = hosts(app())
    hostvars["app1"]["found"] = {"skipped": True}
    hostvars["app2"]["found"] = digests()
    assert static_requests(hostvars, APPS, APPS, ["front"], "found") == []


def test_first_host_that_has_what_is_lacking_brings_it():
    hostvars = hosts(app())
    hostvars["app1"]["found"] = digests(offered="b", live="a")
    hostvars["app2"]["found"] = digests(offered="c", live="a")
    brought = [static_archives(hostvars, host, APPS, APPS, "found", ["c", "a", "b", "a"]) for host in APPS]
    assert brought == [["a", "b"], ["c"]]
    assert static_archives(hostvars, "app2", ["app2"], APPS, "found", ["a"]) == ["a"]


def test_a_proxy_must_have_the_files_of_hosts_that_are_left_out():
    hostvars = hosts(app())
    assert static_left_out(hostvars, "front", ["front"], APPS, ["front"]) == [{"name": "shop", "hosts": APPS}]
    assert static_left_out(hostvars, "front", ["front", "app2"], APPS, ["front"]) == []


def test_archives_are_in_the_folder_of_the_run():
    assert _static_hand_over.archive(Path("/run"), "b") == Path("/run/webstack-static-b.tar.gz")
