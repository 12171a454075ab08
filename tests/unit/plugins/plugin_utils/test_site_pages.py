"""Pages for errors, and maintenance: what is refused, and what it comes to."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import (
    _addresses,
    _manifest,
    _nginx,
    _site_pages,
)

ALONE = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}}
SHOP = {"name": "shop", "app": "shop:app", "source": {"package": "shop==1"}}
USE_FILE = "name a file of the release, such as errors/404.html"
USE_STATUS = "write one from 400 to 599 that a visitor can get"
USE_ABSOLUTE = "write an absolute path of letters, digits and . _ - + @ , = ~ :"
USE_MAINTENANCE = "write true, false, or a mapping such as {allow: [192.0.2.0/24]}"
USE_HEALTH = "write a path such as /healthz, without a query"


def of_site(**keys):
    """Return what is wrong with keys of a site alone."""
    return [text.removeprefix("nginx_sites[0] (shop): ") for text in _nginx.findings([{**ALONE, **keys}])]


def of_app(tmp_path, health="/healthz", **keys):
    """Return what is wrong with keys of an app."""
    app = {**SHOP, "source": {"path": str(tmp_path)}, "health": {"path": health}, "nginx": keys}
    return [text.removeprefix("python_apps[0] (shop): ") for text in _manifest.findings([app])]


def resolve(**keys):
    return _site_pages.resolve({**ALONE, **keys}, {})


def derive(**app):
    (site,) = _nginx.derive({"web": {"python_apps": [{"name": "shop", **app}]}}, "web", ["web"], {})
    return site


@pytest.mark.parametrize(
    "page", ["/errors/404.html", "../404.html", "a/../b", "a//b", "", "a b", "a$uri", "a;"]
)
def test_a_page_of_an_app_is_a_file_of_its_release(tmp_path, page):
    assert of_app(tmp_path, error_pages={404: page}) == [
        f"nginx.error_pages: 404: {page!r} is not a path inside the release; {USE_FILE}"
    ]
    assert of_app(tmp_path, maintenance={"page": page}) == [
        f"nginx.maintenance: page: {page!r} is not a path inside the release; {USE_FILE}"
    ]
    assert of_app(tmp_path, error_pages={404: "errors/404.html"}, maintenance={"page": "x.html"}) == []


@pytest.mark.parametrize(
    ("page", "problem"),
    [
        ("errors/404.html", f"'errors/404.html' is not an absolute path; {USE_ABSOLUTE}"),
        ("/srv/../etc/shadow", f"'/srv/../etc/shadow' is not an absolute path; {USE_ABSOLUTE}"),
        ("/srv/$uri", f"'/srv/$uri' is not an absolute path; {USE_ABSOLUTE}"),
        ("/srv/x;}", f"'/srv/x;}}' is not an absolute path; {USE_ABSOLUTE}"),
        ("/srv/pages/", "'/srv/pages/' is a folder; name the file"),
        (404, "must be text, not a number; name the page's file"),
    ],
)
def test_a_page_of_a_site_alone_is_a_file_of_the_host(page, problem):
    assert of_site(error_pages={502: page}) == [f"error_pages: 502: {problem}"]
    assert of_site(maintenance={"page": page}) == [f"maintenance: page: {problem}"]


@pytest.mark.parametrize("status", [200, 399, 600, 444, 499, "5xx", "404;", "-404", True])
def test_a_status_that_is_no_error_is_refused(status):
    assert of_site(error_pages={status: "/a"}) == [f"error_pages: {status} is no error status; {USE_STATUS}"]


def test_a_status_has_one_page():
    assert of_site(error_pages={404: "/a", "404": "/b"}) == [
        "error_pages: 404 is there twice; give it one page"
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("yes", f"must be true or false, or a mapping, not text; {USE_MAINTENANCE}"),
        ([], f"must be true or false, or a mapping, not a list; {USE_MAINTENANCE}"),
        ({}, f"is an empty mapping; {USE_MAINTENANCE}"),
        ({"bypass": "x"}, "bypass: unknown key; the known ones are allow, page, health"),
        ({"allow": "10.0.0.1"}, f"allow: must be a list of texts; {_addresses.USE_NETWORKS}"),
        ({"allow": [10]}, f"allow: must be a list of texts; {_addresses.USE_NETWORKS}"),
        (
            {"allow": ["office"]},
            f"allow: 'office' is neither an address nor a CIDR; {_addresses.USE_NETWORKS}",
        ),
        ({"allow": ["10.0.0.1", "10.0.0.1/32"]}, "allow: 10.0.0.1/32 is listed twice; list it once"),
        ({"health": "healthz"}, f"health: 'healthz' is not a path; {USE_HEALTH}"),
        ({"health": "/h?x"}, f"health: '/h?x' is not a path; {USE_HEALTH}"),
        ({"health": "/h$uri"}, f"health: '/h$uri' is not a path; {USE_HEALTH}"),
        ({"health": 1}, f"health: must be text, not a number; {USE_HEALTH}"),
    ],
)
def test_wrong_maintenance_is_refused(value, problem):
    assert of_site(maintenance=value) == [f"maintenance: {problem}"]


@pytest.mark.parametrize(
    "value", [True, False, {"allow": ["10.0.0.1", "10.0.0.0/8", "::1", "2001:db8::/32"], "health": "/h/z"}]
)
def test_right_maintenance_is_taken(value):
    assert of_site(maintenance=value) == []


def test_an_app_says_its_health_path_once(tmp_path):
    (found,) = of_app(tmp_path, maintenance={"health": "/healthz"})
    assert found == "nginx.maintenance: health: unknown key; the known ones are allow, page"


def test_a_health_path_that_nginx_cannot_compare_is_refused_under_maintenance_alone(tmp_path):
    assert of_app(tmp_path, health="/a$b") == []
    (found,) = of_app(tmp_path, health="/a$b", maintenance=True)
    assert found.startswith("health.path: '/a$b' cannot be kept up under maintenance; use a path of")


def test_pages_of_a_package_are_refused():
    nginx = {"error_pages": {404: "a.html"}, "maintenance": {"page": "b.html"}}
    remedy = "its pages are not in a release of a package; remove them, the app has its own"
    assert _manifest.findings([{**SHOP, "nginx": nginx}]) == [
        f"python_apps[0] (shop): nginx.error_pages: {remedy}",
        f"python_apps[0] (shop): nginx.maintenance: {remedy}",
    ]
    assert _manifest.findings([{**SHOP, "nginx": {"maintenance": True}}]) == []


def test_pages_of_a_release_are_out_of_reach_for_a_proxy_elsewhere(tmp_path):
    app = {**SHOP, "source": {"path": str(tmp_path)}, "listen": "10.0.0.1:8000"}
    apps = [{**app, "nginx": {"error_pages": {404: "a.html"}}}]
    hostvars = {"web": {"python_apps": apps}, "proxy": {}}
    found = _manifest.manifest_findings(hostvars, "web", ["web"], ["proxy"], apps, "/")
    remedy = "its pages are not on the proxy proxy; remove them, the app has its own"
    assert found == [f"python_apps[0] (shop): nginx.error_pages: {remedy}"]
    assert _manifest.manifest_findings(hostvars, "web", ["web"], ["web"], apps, "/") == []


def test_a_site_without_keys_goes_without():
    assert resolve() == {"errors": [], "intercept": False, "maintenance": None}
    assert resolve(maintenance=False)["maintenance"] is None


@pytest.mark.parametrize(
    ("statuses", "intercept"), [([502, 504], False), ([404], True), ([502, "503"], True)]
)
def test_answers_of_the_app_are_replaced_where_it_may_give_them(statuses, intercept):
    pages = resolve(error_pages={status: f"/p/{status}.html" for status in statuses})
    assert pages["intercept"] is intercept
    assert [page["status"] for page in pages["errors"]] == [int(status) for status in statuses]
    assert pages["errors"][0] == {
        "status": int(statuses[0]),
        "root": "/p",
        "file": f"/{statuses[0]}.html",
    }


def test_maintenance_takes_its_own_page_or_that_of_503_or_the_collections():
    own = resolve(maintenance={"page": "/m.html"}, error_pages={503: "/p/503.html"})["maintenance"]
    assert (own["root"], own["file"]) == ("/", "/m.html")
    of_503 = resolve(maintenance=True, error_pages={503: "/p/503.html"})["maintenance"]
    assert (of_503["root"], of_503["file"]) == ("/p", "/503.html")
    assert resolve(maintenance=True)["maintenance"] == {
        "variable": "webstack_shop_503",
        "allow": [],
        "health": "",
        "root": "/etc/nginx/webstack/pages",
        "file": "/maintenance.html",
    }


def test_the_networks_of_operators_are_written_in_full():
    closed = resolve(maintenance={"allow": ["192.0.2.7", "192.0.2.8/032", "2001:DB8:0::/32"]})["maintenance"]
    assert closed["allow"] == ["192.0.2.7/32", "192.0.2.8/32", "2001:db8::/32"]


def test_pages_of_an_app_are_those_of_its_live_release():
    site = derive(
        nginx={"error_pages": {404: "e/404.html"}, "maintenance": {"page": "m.html", "allow": ["::1"]}}
    )
    assert site["error_pages"] == {404: "/srv/shop/current/e/404.html"}
    assert site["maintenance"] == {"allow": ["::1"], "page": "/srv/shop/current/m.html"}


@pytest.mark.parametrize(
    ("health", "expected"),
    [
        ({"path": "/healthz?full=1"}, {"allow": [], "health": "/healthz"}),
        ({"path": "/a%2Db"}, {"allow": [], "health": "/a-b"}),
        ({"path": "/"}, {"allow": []}),
        ({}, {"allow": []}),
    ],
)
def test_the_health_path_of_an_app_is_kept_up_unless_it_is_the_front_page(health, expected):
    assert derive(health=health, nginx={"maintenance": True})["maintenance"] == expected
    assert derive(health=health, nginx={"maintenance": False})["maintenance"] is False


SHARED = {"upstream": {"servers": ["10.0.0.1:8000"]}, "domains": ["shop.example.com"]}
FRONT, WIKI = {**SHARED, "name": "shop"}, {**SHARED, "name": "wiki", "path": "/wiki/"}


def test_sites_of_one_server_may_each_have_their_health_path():
    first, second = ({"maintenance": {"health": path}} for path in ("/healthz", "/wiki/healthz"))
    assert _nginx.findings([{**FRONT, **first}, {**WIKI, **second}]) == []
    assert _nginx.findings([{**FRONT, "maintenance": True}, {**WIKI, **second}]) == []
    (found,) = _nginx.findings([{**FRONT, "maintenance": False}, {**WIKI, **second}])
    assert found.startswith("nginx_sites[1] (wiki): maintenance: differs from that of 'shop'")


@pytest.mark.parametrize(
    ("health", "problem"),
    [
        (("/wiki", "/wiki/healthz"), "[0] (shop): maintenance: health: /wiki leads to 'wiki' already"),
        (("/healthz", "/wiki"), "[1] (wiki): maintenance: health: /wiki leads to 'wiki' already"),
        (
            ("/wiki/healthz", "/wiki/healthz"),
            "[1] (wiki): maintenance: health: /wiki/healthz is the health path of 'shop' already",
        ),
        (
            ("/.webstack/maintenance", "/wiki/healthz"),
            "[0] (shop): maintenance: health: /.webstack/maintenance is where Nginx keeps its pages",
        ),
    ],
)
def test_a_health_path_is_where_nothing_else_is(health, problem):
    """nginx refuses two locations of the same words, and names no site."""
    first, second = ({"maintenance": {"health": path}} for path in health)
    assert _nginx.findings([{**FRONT, **first}, {**WIKI, **second}]) == [
        f"nginx_sites{problem}; give the app another health path"
    ]
    # Elsewhere it is in nobody's way, but for pages.
    if "webstack" not in problem and health[1] != "/wiki":
        assert _nginx.findings([{**FRONT, **first}, {**WIKI, **second, "domains": ["w.example"]}]) == []


def test_a_health_path_of_an_app_is_where_nothing_else_is(tmp_path):
    nginx = {"domains": ["shop.example.com"]}
    source = {"path": str(tmp_path)}
    shop = {**SHOP, "source": source, "health": {"path": "/wiki?a=b"}, "nginx": nginx}
    wiki = {**SHOP, "name": "wiki", "source": source, "nginx": {**nginx, "path": "/wiki/"}}
    assert _manifest.findings([shop, wiki]) == []
    shop["nginx"] = {**nginx, "maintenance": True}
    assert _manifest.findings([shop, wiki]) == [
        "python_apps[0] (shop): health.path: /wiki leads to 'wiki' already; give the app another health path"
    ]


@pytest.mark.parametrize("keys", [{"error_pages": {404: "404.html"}}, {"maintenance": {"page": "m.html"}}])
def test_files_of_two_releases_are_not_one_by_their_name(tmp_path, keys):
    """Each app's is one of its own release, so the role would find two that differ."""
    nginx = {"domains": ["shop.example.com"], **keys}
    source = {"path": str(tmp_path)}
    apps = [
        {**SHOP, "source": source, "nginx": nginx},
        {**SHOP, "name": "wiki", "source": source, "nginx": {**nginx, "path": "/wiki/"}},
    ]
    (key,) = keys
    (found,) = _manifest.findings(apps)
    assert found.startswith(f"python_apps[1] (wiki): nginx.{key}: differs from that of 'shop'")
    apps[1]["nginx"].pop(key)
    assert _manifest.findings(apps) == []


def test_health_path_of_an_app_is_below_its_path_unless_it_is_the_apps_front_page():
    def health(path):
        nginx = {"path": "/wiki/", "maintenance": True}
        return derive(health={"path": path}, nginx=nginx)["maintenance"].get("health")

    assert health("/healthz?full=1") == "/wiki/healthz"
    assert health("/") is None
