"""Where a site is: its names, its path below them, and what is behind it."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _manifest, _nginx, _site_place

DEFAULTS = {
    "max_body_size": "10m",
    "tls": "off",
    "read_timeout": "60s",
    "blocked_paths": [],
    "headers": {},
    "access_log": "combined",
}
DOMAINS = ["a.example", "b.example"]
USE_PATH = "write / or a path that starts and ends with /, such as /shop/"


def site(name="shop", **keys):
    return {"name": name, "domains": DOMAINS, "upstream": {"servers": ["10.0.0.1:8000"]}, **keys}


def blog(**keys):
    return site("blog", **{"path": "/blog/", **keys})


def app(name="shop", **nginx):
    return {"name": name, "app": "shop:app", "source": {"git": "https://x/y"}, "nginx": nginx}


def findings(*sites):
    return [text.removeprefix("nginx_sites") for text in _nginx.findings(list(sites))]


def resolve(*sites, **defaults):
    return _nginx.resolve(list(sites), {**DEFAULTS, **defaults})


@pytest.mark.parametrize("path", ["/", "/shop/", "/shop/v1.2/", "/~a+b@c/"])
def test_paths_of_sites(path):
    assert findings(site(path=path)) == []


@pytest.mark.parametrize(
    "path", ["", "shop", "/shop", "shop/", "//", "/a//b/", "/../", "/a b/", "/$x/", "/a;/"]
)
def test_what_is_no_path_of_a_site(path):
    assert findings(site(path=path)) == [f"[0] (shop): path: {path!r} is not a path of a site; {USE_PATH}"]


def test_no_site_is_where_an_authority_looks():
    (finding,) = findings(site(path="/.well-known/acme-challenge/"))
    assert "is where an authority looks for its proof" in finding


def test_sites_with_the_same_domains_and_paths_of_their_own_are_one_server():
    other_order = blog(domains=["B.example", "a.example"])
    assert findings(site(), other_order, site("wiki", domains=["w.example"])) == []
    servers = resolve(site(), other_order, site("wiki", domains=["w.example"]))
    assert [[app["name"] for app in server["apps"]] for server in servers] == [["shop", "blog"], ["wiki"]]
    assert [server["name"] for server in servers] == ["shop", "wiki"]
    assert servers[0]["apps"][1]["domains"] == DOMAINS


def test_the_shortest_path_names_a_server_wherever_it_is_listed():
    assert resolve(blog(), site("wiki", path="/a/b/c/d/"), site())[0]["name"] == "shop"


def test_sites_without_domains_can_have_a_path_each():
    sites = [site(domains=[]), blog(domains=[])]
    assert findings(*sites) == []
    assert len(resolve(*sites)) == 1


def test_a_site_that_is_absent_is_part_of_no_server():
    (server,) = resolve(site(state="absent"), blog())
    assert server["name"] == "blog"
    assert findings(site(path="/blog/", state="absent"), blog()) == []


@pytest.mark.parametrize(
    ("second", "problem"),
    [
        (
            site("blog", domains=["A.example"]),
            "domains: a.example is already used by 'shop'; give each app its own domains or its own path",
        ),
        (
            blog(domains=["b.example"]),
            "domains: b.example is already used by 'shop' with other domains; "
            "give both apps the same domains, or each its own",
        ),
        (
            blog(domains=["c.example"], redirects=["A.example"]),
            "redirects: A.example is already used by 'shop'; give each app its own names",
        ),
        (
            blog(tls="self_signed"),
            "tls: differs from that of 'shop', which has the same domains; leave it to one of them",
        ),
        (
            blog(redirects=["w.example"]),
            "redirects: differs from that of 'shop', which has the same domains; leave it to one of them",
        ),
    ],
    ids=["same path", "some of the domains", "redirect", "tls", "two lists of redirects"],
)
def test_what_sites_cannot_both_have(second, problem):
    first = site(tls="off", redirects=["www.a.example"])
    assert findings(first, second) == [f"[1] (blog): {problem}"]


def test_the_third_site_at_a_path_is_held_against_the_one_that_has_it():
    (finding, _b) = findings(site(), blog(), site("wiki", path="/blog/"))
    assert finding.startswith("[2] (wiki): domains: a.example is already used by 'blog'")


@pytest.mark.parametrize(
    ("sites", "places"),
    [
        ([site(static={"/blog/": "/srv/x"}), blog()], "/blog/ belongs to 'blog'"),
        (
            [site(path="/a/", static={"/b/s/": "/srv/x"}), blog(path="/a/b/", static={"/s/": "/srv/y"})],
            "/a/b/s/ belongs to 'shop'",
        ),
    ],
    ids=["a site's path", "another folder"],
)
def test_a_folder_is_where_nothing_else_is(sites, places):
    sites = [{**one, "name": name} for one, name in zip(sites, ("shop", "blog"), strict=True)]
    (finding,) = findings(*sites)
    assert f"static: {places} already; give it another URL prefix" in finding


def test_a_folder_is_below_the_path_of_its_site():
    (server,) = resolve(site(path="/shop/", static={"/static/": "/srv/static"}))
    (folder,) = server["static"]
    assert (folder["prefix"], folder["alias"]) == ("/shop/static/", "/srv/static/")


def test_what_one_site_says_of_their_server_holds_for_all():
    sites = [site(max_body_size="1m"), blog(tls="self_signed", redirects=["w.example"], access_log="json")]
    assert findings(*sites) == []
    (server,) = resolve(*sites)
    assert server["tls"]["certificate"] == "/etc/nginx/webstack/tls/shop/fullchain.pem"
    assert server["names"] == [*DOMAINS, "w.example"]
    assert server["record"]["access_log"] == "webstack_json"
    assert [one["max_body_size"] for one in server["apps"]] == ["1m", "10m"]
    (certificate,) = _nginx.certificates(sites, "off", "/")
    assert (certificate["name"], certificate["domains"]) == ("shop", [*DOMAINS, "w.example"])


def test_certificates_on_the_host_are_judged_once_a_server_and_for_its_redirects():
    tls = {"certificate": "/a.pem", "key": "/a.key", "on_host": True}
    (wanted,) = _nginx.on_host([site(), blog(tls=tls, redirects=["w.example"])])
    assert wanted["label"] == "shop: tls"
    assert wanted["domains"] == [*DOMAINS, "w.example"]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"domains": []}, "have no name to lead to; write it as the first of the domains"),
        ({"domains": ["*.a.example"]}, "have no name to lead to; write it as the first of the domains"),
        ({"redirects": ["B.example"]}, "B.example is one of the domains, too; remove it here or there"),
        ({"redirects": ["https://x"]}, "'https://x' is not a host name; write names without scheme"),
    ],
)
def test_redirects_lead_somewhere_and_never_in_a_circle(keys, problem):
    (finding,) = findings(site(**{"redirects": ["w.example"], **keys}))
    assert finding.startswith(f"[0] (shop): redirects: {problem}")


def test_a_name_leads_to_one_site_alone():
    (finding,) = findings(
        site(redirects=["w.example"]), site("wiki", domains=["x.example"], redirects=["W.example"])
    )
    assert finding.startswith("[1] (wiki): redirects: W.example is already used by 'shop'")


def test_an_authority_is_asked_for_names_that_it_can_look_at():
    (finding,) = findings(site(tls="acme", redirects=["*.a.example"]))
    assert "acme proves a name over HTTP, which *.a.example cannot be" in finding


def test_a_certificate_is_judged_where_it_is_asked_for_by_what_others_say_of_the_server():
    nginx = {"domains": DOMAINS}
    leading, asking = {**nginx, "redirects": ["*.a.example"]}, {**nginx, "path": "/blog/", "tls": "acme"}
    (finding,) = findings(site(**leading), site("blog", **asking))
    assert finding.startswith("[1] (blog): tls: acme proves a name over HTTP, which *.a.example cannot be")
    (finding,) = _manifest.findings([app(**leading), app("blog", **asking)])
    assert finding.startswith("python_apps[1] (blog): nginx.tls: acme proves a name over HTTP")


def test_a_default_for_tls_is_judged_by_what_the_server_says():
    files = {"certificate": "/a.pem", "key": "/a.key", "on_host": True}
    sites = [site(domains=["*.a.example"]), blog(domains=["*.a.example"], tls=files)]
    assert _nginx.findings(sites, {"nginx_tls": "acme"}) == []


def test_a_static_site_has_its_folder_and_no_upstream():
    static = {"name": "docs", "domains": ["d.example"], "root": "/srv/docs/"}
    assert findings(static) == []
    (server,) = resolve(static)
    assert (server["upstream"], server["place"]["root"]) == (None, "/srv/docs")
    assert findings(site(root="/srv/docs")) == [
        "[0] (shop): root: stands beside upstream; remove one of them"
    ]
    (finding,) = findings({**static, "root": "docs"})
    assert finding.startswith("[0] (docs): root: 'docs' is not an absolute path")


def test_the_manifest_is_judged_alike():
    first = app(domains=DOMAINS, static={"/blog/": "x"}, redirects=["a.example"])
    second = app("blog", domains=DOMAINS, path="/blog/", root="/x")
    found = _manifest.findings([first, second])
    assert [text.partition(": ")[2].partition(": ")[0] for text in found] == [
        "nginx.root",
        "nginx.static",
        "nginx.redirects",
    ]


def test_the_manifests_keys_reach_the_site():
    nginx = {"path": "/shop/", "redirects": ["w.example"], "buffering": False, "domains": DOMAINS}
    (derived,) = _nginx.derive({"web": {"python_apps": [app(**nginx)]}}, "web", ["web"], {})
    assert {key: derived[key] for key in nginx} == nginx
    (server,) = resolve(derived)
    assert server["place"] == _site_place.Place(
        path="/shop/", redirects=["w.example"], root="", buffering=False
    )
