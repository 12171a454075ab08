"""Folders that nginx serves by itself."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx, _site_static
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Entry

ALONE = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}, "static": {"/a/": "/srv/a"}}


def test_an_app_has_the_folders_of_the_release_that_is_live_and_of_the_one_before():
    assert _site_static.derive("shop", {"/static/": "shop/static", "/media/": "media/"}, local=True) == {
        "static": {"/static/": "/srv/shop/current/shop/static", "/media/": "/srv/shop/current/media/"},
        "static_fallback": {
            "/static/": "/srv/shop/previous/shop/static",
            "/media/": "/srv/shop/previous/media/",
        },
    }
    assert _site_static.derive("shop", {}, local=True) == {}


@pytest.mark.parametrize("shared", ["media", "media/", "up", "up/loads/big"])
def test_folders_that_are_written_to_at_any_time_have_no_fallback(shared):
    """Nginx keeps files open that have one, and would answer by the size that they had."""
    folders = {"/static/": "static", "/media/": "media", "/up/": "up/loads"}
    app = {"name": "shop", "shared": [shared], "nginx": {"static": folders}}
    (site,) = _nginx.derive({"web": {"python_apps": [app]}}, "web", ["web"], {})
    assert site["static"].keys() == folders.keys()
    changing = "/media/" if "media" in shared else "/up/"
    assert site["static_fallback"].keys() == folders.keys() - {changing}


def test_an_app_all_of_whose_folders_are_shared_has_no_fallback():
    assert _site_static.derive("shop", {"/media/": "media"}, ["media"], local=True) == {
        "static": {"/media/": "/srv/shop/current/media"}
    }


def test_an_app_of_another_host_has_the_folders_that_were_handed_over():
    folders = "/var/lib/webstack/static/shop/{}/static"
    entry = {
        "static": {"/static/": folders.format("current")},
        "static_fallback": {"/static/": folders.format("previous")},
    }
    assert _site_static.derive("shop", {"/static/": "static"}, local=False) == entry
    assert _site_static.is_handed({"name": "shop", **entry})
    assert not _site_static.is_handed({"name": "sho", **entry})
    assert not _site_static.is_handed({"name": "shop"})


def test_folders_are_those_of_another_host_as_soon_as_one_host_is():
    shop = {"name": "shop", "listen": "0.0.0.0:8000", "nginx": {"static": {"/s/": "s"}}}
    hostvars = {name: {"python_apps": [shop]} for name in ("web", "app1")}
    static = [
        _nginx.derive(hostvars, "web", hosts, {})[0]["static"]["/s/"]
        for hosts in (["web"], ["web", "app1"], ["app1", "web"])
    ]
    handed = "/var/lib/webstack/static/shop/current/s"
    assert static == ["/srv/shop/current/s", handed, handed]


@pytest.mark.parametrize(
    ("shared", "folders"),
    [("static", ["static"]), ("static/up", ["static"]), ("./stat", []), ("up/", ["up/a"]), ("upper", [])],
)
def test_folders_that_are_shared_or_hold_what_is(shared, folders):
    entry = Entry("", {"shared": [shared], "nginx": {"static": {"/s/": "static", "/u/": "up/a"}}})
    assert [folder for _prefix, folder, _shared in _site_static.shared_folders(entry)] == folders


def test_folders_end_as_their_prefixes_do():
    entry = {"static": {"/b/": "/srv/b/", "/a/": "/srv/a"}, "static_fallback": {"/b/": "/old/b"}}
    assert _site_static.resolve(entry, "/") == [
        {"prefix": "/a/", "alias": "/srv/a/", "fallback": ""},
        {"prefix": "/b/", "alias": "/srv/b/", "fallback": "/old/b/"},
    ]


@pytest.mark.parametrize(
    ("fallback", "problem"),
    [
        ({"/b/": "/srv/b"}, "/b/ is not in static; add it there, or remove it"),
        ({"/a/": "srv/a"}, "/a/: its folder is not an absolute path; write an absolute path of letters"),
        ({"a": "/srv/a"}, "'a' is not a URL prefix; write a path that starts and ends with /"),
    ],
)
def test_a_fallback_that_is_none_is_refused(fallback, problem):
    found = _nginx.findings([{**ALONE, "static_fallback": fallback}])
    assert found[0].startswith(f"nginx_sites[0] (shop): static_fallback: {problem}")
    assert _nginx.findings([{**ALONE, "static_fallback": {"/a/": "/srv/b"}}]) == []
