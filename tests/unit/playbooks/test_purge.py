"""What a purge may be asked for, and that it is refused before the first proxy forgets anything."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.purge_findings import purge_findings

SHOP = {"name": "shop", "app": "shop:app", "nginx": {"domains": ["shop.test"], "cache": "1s"}}
BLOG = {"name": "blog", "app": "blog:app"}
WIKI = {"name": "wiki", "cache": "1h", "upstream": {"servers": ["10.0.0.1:80"]}}
USE_APP = "name the one to purge on the command line, as in -e app=shop"
USE_URL = "write a path such as /news, or a whole URL such as https://shop.example.com/news"
HOSTVARS = {"app1": {"python_apps": [SHOP, BLOG]}, "lb1": {}, "lb2": {"nginx_sites": [WIKI]}}
PROXIES = ["lb1", "lb2"]


def findings(host="lb1", hostvars=HOSTVARS, **given):
    """Return what is wrong for a proxy; given: variables of the command line, which all hosts have."""
    known = {name: {**values, **given} for name, values in hostvars.items()}
    return purge_findings(known[host], known, host, PROXIES, ["app1"])


@pytest.mark.parametrize("app", ["shop", "wiki"])
@pytest.mark.parametrize("url", ["", "/", "/news?page=2", "https://shop.example.com/", "http://a:8080/b?c=d"])
def test_an_app_with_a_cache_on_any_proxy_may_be_purged(app, url):
    assert findings(app=app, url=url) == []
    assert findings(app=app) == []


@pytest.mark.parametrize(
    ("app", "finding"),
    [
        ("shpo", "app: there is no app 'shpo'; the proxies have blog, shop, wiki"),
        ("blog", "app: nothing is kept of 'blog'; its site has no cache"),
        ("", f"app: {USE_APP}"),
        (["shop"], f"app: {USE_APP}"),
        (None, f"app: {USE_APP}"),
    ],
)
def test_anything_but_an_app_with_a_cache_is_refused_once(app, finding):
    assert findings(app=app) == [finding]
    assert findings("lb2", app=app) == []


@pytest.mark.parametrize("speaker", [0, 1])
@pytest.mark.parametrize("app", ["home", "wiki"])
def test_the_cache_of_a_server_is_that_of_all_of_its_apps(app, speaker):
    places = [{"domains": ["a.test"]}, {"domains": ["a.test"], "path": "/wiki/"}]
    places[speaker]["cache"] = "1s"
    manifest = [
        {**SHOP, "name": name, "nginx": nginx} for name, nginx in zip(("home", "wiki"), places, strict=True)
    ]
    assert findings(hostvars={"app1": {"python_apps": manifest}, "lb1": {}, "lb2": {}}, app=app) == []


@pytest.mark.parametrize(
    "url", ["news", "shop.example.com/news", "https://shop.example.com", "/a#b", "/a b", 5]
)
def test_what_is_no_url_is_refused(url):
    assert findings(app="shop", url=url) == [f"url: {url!r} is not a URL; {USE_URL}"]


def test_proxies_that_name_different_apps_are_refused():
    hostvars = {**HOSTVARS, "lb1": {"app": "shop"}}
    assert findings(hostvars=hostvars) == [f"app: the proxies name different ones; {USE_APP}"]
    hostvars = {**HOSTVARS, "lb1": {"url": "/a"}}
    assert findings(hostvars=hostvars, app="shop", url="/b") == []
    (found,) = purge_findings(
        {"app": "shop", "url": "/a"},
        {**HOSTVARS, "lb1": {"app": "shop", "url": "/a"}, "lb2": {**HOSTVARS["lb2"], "app": "shop"}},
        "lb1",
        PROXIES,
        ["app1"],
    )
    assert found == "url: the proxies have different ones; give it on the command line"


def test_the_playbook_asks_for_an_app_before_it_looks_at_a_proxy(play, here):
    hosts = {"proxies": {"hosts": {"lb1": here}}}
    site = {**here, "python_apps": [SHOP]}
    status, said = play("purge.yml", {"lb1": site}, **hosts)
    assert status == 2
    assert f"app: {USE_APP}" in said
    assert "Remove its answers" not in said
    status, said = play("purge.yml", {"lb1": site}, "-e", "app=shop", "-e", "url=/no-such-page", **hosts)
    assert status == 0, said
