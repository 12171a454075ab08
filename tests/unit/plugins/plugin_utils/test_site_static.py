"""Folders that nginx serves by itself."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx, _site_static

ALONE = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}, "static": {"/a/": "/srv/a"}}


def test_an_app_has_the_folders_of_the_release_that_is_live_and_of_the_one_before():
    assert _site_static.derive("shop", {"/static/": "shop/static", "/media/": "media/"}) == {
        "static": {"/static/": "/srv/shop/current/shop/static", "/media/": "/srv/shop/current/media/"},
        "static_fallback": {
            "/static/": "/srv/shop/previous/shop/static",
            "/media/": "/srv/shop/previous/media/",
        },
    }
    assert _site_static.derive("shop", {}) == {}


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
