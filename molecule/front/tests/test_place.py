"""Where a site is: below a path, beside other apps, and under names that lead to it."""

from __future__ import annotations

import harness
import pytest

DOMAIN = "alpha.test"
ROOT = "/srv/www/docs"


def at(name: str) -> str:
    """Return curl's options for another name that leads to the proxy."""
    return f"-i -H 'Host: {name}'"


def status(answer: str) -> str:
    return answer.split()[1]


def location(answer: str) -> str:
    (line,) = [line for line in answer.splitlines() if line.lower().startswith("location: ")]
    return line.partition(": ")[2].strip()


@pytest.mark.parametrize("worker_class", ["gthread", "sync", "gevent"])
def test_an_app_below_a_path_learns_where_it_is(front, client, worker_class):
    front.deploy(path="/shop/", variables={"gunicorn_worker_class": worker_class}).succeeded()
    assert '"script_name": "/shop"' in client.get("/shop/some/page")
    assert status(client.get("/", "-i")) == "404"
    assert status(client.get("/shopping", "-i")) == "404"


def test_a_path_without_its_slash_leads_to_it(front, client):
    front.deploy(path="/shop/").succeeded()
    answer = client.get("/shop?a=1&b=2", "-i")
    assert status(answer) == "308"
    assert location(answer) == "/shop/?a=1&b=2"


def test_static_files_are_below_the_path(front, client):
    front.deploy(path="/shop/", static={"/static/": "static"}).succeeded()
    assert client.get("/shop/static/site.css").startswith("/* one */")
    assert status(client.get("/static/site.css", "-i")) == "404"


def test_an_app_without_a_path_is_at_the_root(front, client):
    front.deploy().succeeded()
    assert '"script_name": ""' in client.get("/shop/")


def test_no_client_says_where_the_app_is(front, client):
    front.deploy(path="/shop/").succeeded()
    assert '"script_name": "/shop"' in client.get("/shop/", "-H 'X-Forwarded-Prefix: /evil'")


def test_the_longest_path_of_two_apps_wins(front, client, tmp_path):
    apps = [
        harness.entry(name, harness.write_app(tmp_path / name, name), nginx={"domains": [DOMAIN], **keys})
        for name, keys in (("alpha", {}), ("beta", {"path": "/beta/"}))
    ]
    front.host.deploy(apps).succeeded()
    assert '"text": "alpha"' in client.get("/")
    assert '"text": "beta"' in client.get("/beta/")
    assert '"text": "alpha"' in client.get("/betas")
    assert front.host.sh("ls /etc/nginx/webstack/sites") == "alpha.conf"
    front.host.deploy([apps[0], {"name": "beta", "state": "absent"}]).succeeded()
    assert '"text": "alpha"' in client.get("/beta/")


@pytest.mark.parametrize("tls", ["off", "self_signed"])
def test_names_lead_to_the_first_domain(front, client, tls):
    front.deploy(redirects=["www.alpha.test"], tls=tls).succeeded()
    answer = client.get("/a%20b?c=d&e", at("www.alpha.test"))
    assert status(answer) == "308"
    assert location(answer) == f"{'http' if tls == 'off' else 'https'}://alpha.test/a%20b?c=d&e"


def test_names_are_covered_by_the_certificate(front):
    front.deploy(redirects=["www.alpha.test"], tls="self_signed").succeeded()
    pem = "/etc/nginx/webstack/tls/alpha/fullchain.pem"
    names = front.host.sh(f"openssl x509 -in {pem} -noout -ext subjectAltName")
    assert names.endswith("DNS:alpha.test, DNS:www.alpha.test")


def test_a_name_that_leads_nowhere_any_more_gets_no_answer(front, client):
    front.deploy(redirects=["www.alpha.test"]).succeeded()
    front.deploy().succeeded()
    with pytest.raises(AssertionError):
        client.get("/", at("www.alpha.test"))


def test_a_static_site_serves_its_folder_but_not_what_is_hidden(front, client):
    front.host.sh(f"mkdir -p {ROOT}/guide {ROOT}/.git; echo home > {ROOT}/index.html")
    front.host.sh(f"echo guide > {ROOT}/guide/index.html; echo secret > {ROOT}/.git/config")
    site = {"name": "docs", "domains": [DOMAIN], "root": ROOT}
    front.deploy(variables={"nginx_sites": [site]}).succeeded()
    assert client.get("/") == "home"
    assert client.get("/guide/") == "guide"
    assert status(client.get("/.git/config", "-i")) == "404"
    assert status(client.get("/nothing", "-i")) == "404"
    front.deploy().succeeded()
    assert '"text": "one"' in client.get("/guide/")


@pytest.mark.parametrize("buffering", [True, False])
def test_answers_are_passed_on_as_they_come_where_the_user_says_so(front, buffering):
    front.deploy(buffering=buffering).succeeded()
    text = front.host.sh("cat /etc/nginx/webstack/sites/alpha.conf")
    assert ("proxy_buffering off;" in text) is not buffering
