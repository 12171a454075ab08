"""What a site says in its headers, and what is written down of its requests."""

from __future__ import annotations

import json

import pytest
from sites import another, beside

LOGS = "/var/log/nginx"
POLICY = "default-src 'self'; img-src *"
STATUS = "nginx-status.localhost"
LONG = "long".ljust(31, "g")
REPORT = "Content-Security-Policy-Report-Only"
# What each site says of itself; the app's own says nothing.
KEYS = {
    "mine": {
        "headers": {"Content-Security-Policy": POLICY, "x-frame-options": "DENY", "Referrer-Policy": ""}
    },
    # As long as a name may be; of a header, too.
    LONG: {"headers": {REPORT: POLICY}, "methods": ["GET"]},
    "object": {"access_log": "json"},
    "object-path": {"access_log": "json", "log_query": False},
    "line-path": {"log_query": False},
    "silent": {"access_log": "off"},
}


@pytest.fixture(scope="module")
def keys(front):
    """A site for each of the keys, and the status."""
    sites = beside(*(another(name, **given) for name, given in KEYS.items()))
    front.deploy(variables={"nginx_status": True, **sites}).succeeded()


@pytest.fixture(scope="module")
def no_keys(front):
    """The same sites without their keys, and no status."""
    front.deploy(variables=beside(*map(another, KEYS))).succeeded()


def last_line(front, site: str) -> str:
    return front.log(site).splitlines()[-1]


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("path", ["/", "/static/site.css", "/static/nowhere", "/.env"])
def test_all_answers_of_a_site_have_headers_for_security(client, path):
    found = client.headers(path)
    assert found["x-content-type-options"] == "nosniff"
    assert found["x-frame-options"] == "SAMEORIGIN"
    assert found["referrer-policy"] == "strict-origin-when-cross-origin"


@pytest.mark.usefixtures("keys")
def test_a_site_adds_replaces_and_removes_headers(client):
    found = client.headers(domain="mine.test")
    assert found["content-security-policy"] == POLICY
    assert found["x-frame-options"] == "DENY"
    assert "referrer-policy" not in found
    assert found["x-content-type-options"] == "nosniff"


@pytest.mark.usefixtures("keys")
def test_long_names_are_no_matter(client):
    assert client.headers(domain=f"{LONG}.test")[REPORT.lower()] == POLICY


@pytest.mark.usefixtures("keys")
def test_a_header_of_the_app_goes_before(client):
    assert client.headers("/?header=X-Frame-Options:ALLOWALL")["x-frame-options"] == "ALLOWALL"
    assert client.headers("/?header=Referrer-Policy:origin")["referrer-policy"] == "origin"


@pytest.mark.usefixtures("keys")
def test_the_log_is_that_of_the_site(front, client):
    client.get("/some/page?token=1", "-e http://alpha.test/?token=2")
    line = last_line(front, "alpha")
    assert '"GET /some/page?token=1 HTTP/1.1" 200' in line
    assert '"http://alpha.test/?token=2"' in line
    assert front.host.sh(f"stat -c '%U %G %a' {LOGS}/alpha.access.log") == "www-data adm 640"
    assert "/some/page" not in front.host.sh(f"cat {LOGS}/mine.access.log")


@pytest.mark.usefixtures("keys")
def test_a_line_of_the_log_is_an_object(front, client):
    client.get("/some/page?a=1", "-A 'a\"b\\c'", "object.test")
    found = json.loads(last_line(front, "object"))
    assert found["uri"] == "/some/page?a=1"
    assert found["status"] == 200
    assert found["user_agent"] == 'a"b\\c'
    assert found["upstream_status"] == "200"
    assert found["remote_addr"] == client.address()


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("site", ["line-path", "object-path"])
def test_queries_are_kept_out_of_the_log(front, client, site):
    client.get("/some/page?token=1", "-e 'http://alpha.test/?token=2'", f"{site}.test")
    line = last_line(front, site)
    assert "/some/page" in line
    assert "token" not in line


@pytest.mark.usefixtures("keys")
def test_a_site_can_do_without_a_log(front, client):
    assert client.status("/hushed", domain="silent.test") == 200
    assert front.log() != ""
    assert "/hushed" not in front.host.sh(f"cat {LOGS}/*.log")


@pytest.mark.usefixtures("keys")
def test_the_status_is_for_the_host_alone(front, client):
    assert "Active connections" in front.host.get(host=STATUS)
    assert client.status(domain=STATUS) == 403
    assert client.status(options="-H 'X-Forwarded-For: 127.0.0.1'", domain=STATUS) == 403
    assert "Active connections" not in front.host.get("/", "alpha.test")


@pytest.mark.usefixtures("no_keys")
def test_without_the_keys_sites_are_as_any_other(front, client):
    found = client.headers(domain="mine.test")
    assert "content-security-policy" not in found
    assert found["x-frame-options"] == "SAMEORIGIN"
    assert found["referrer-policy"] == "strict-origin-when-cross-origin"
    for site in ("object", "object-path", "line-path", "silent"):
        client.get("/some/page?token=1", domain=f"{site}.test")
        assert '"GET /some/page?token=1 HTTP/1.1" 200' in last_line(front, site)
    assert front.host.gives_no_answer(STATUS)
