"""What a site says in its headers, and what is written down of its requests."""

from __future__ import annotations

import json

import pytest

LOG = "/var/log/nginx/alpha.access.log"


def headers(answer: str) -> list[str]:
    return [line.strip().lower() for line in answer.splitlines()[1:]]


def last_line(front) -> str:
    return front.host.sh(f"tail -n 1 {LOG}")


def test_a_site_has_headers_for_security(front, client):
    front.deploy().succeeded()
    found = headers(client.get("/", "-i"))
    for line in (
        "x-content-type-options: nosniff",
        "x-frame-options: sameorigin",
        "referrer-policy: strict-origin-when-cross-origin",
    ):
        assert found.count(line) == 1


def test_static_files_and_errors_have_them_too(front, client):
    front.deploy(path="/shop/", static={"/static/": "static"}).succeeded()
    for path in ("/shop/static/site.css", "/nowhere"):
        assert "x-content-type-options: nosniff" in headers(client.get(path, "-i"))


def test_a_site_adds_replaces_and_removes_headers(front, client):
    policy = "default-src 'self'; img-src *"
    front.deploy(
        headers={"Content-Security-Policy": policy, "x-frame-options": "DENY", "Referrer-Policy": ""}
    ).succeeded()
    found = headers(client.get("/", "-i"))
    assert f"content-security-policy: {policy}" in found
    assert [line for line in found if line.startswith("x-frame-options")] == ["x-frame-options: deny"]
    assert not [line for line in found if line.startswith("referrer-policy")]
    front.deploy().succeeded()
    found = headers(client.get("/", "-i"))
    assert not [line for line in found if line.startswith("content-security-policy")]
    assert "referrer-policy: strict-origin-when-cross-origin" in found


def test_the_log_is_that_of_the_site(front, client):
    front.deploy().succeeded()
    client.get("/some/page?token=1")
    assert '"GET /some/page?token=1 HTTP/1.1" 200' in last_line(front)
    assert front.host.sh(f"stat -c '%U %G %a' {LOG}") == "www-data adm 640"


def test_a_line_of_the_log_is_an_object(front, client):
    front.deploy(access_log="json").succeeded()
    client.get("/some/page?a=1", "-A 'a\"b\\c'")
    found = json.loads(last_line(front))
    assert found["uri"] == "/some/page?a=1"
    assert found["status"] == 200
    assert found["user_agent"] == 'a"b\\c'
    assert found["upstream_status"] == "200"


@pytest.mark.parametrize("access_log", ["combined", "json"])
def test_queries_are_kept_out_of_the_log(front, client, access_log):
    front.deploy(access_log=access_log, log_query=False).succeeded()
    client.get("/some/page?token=1", "-e 'http://alpha.test/?token=2'")
    line = last_line(front)
    assert "/some/page" in line
    assert "token" not in line


def test_a_site_can_do_without_a_log(front, client):
    front.deploy().succeeded()
    client.get("/before")
    front.deploy(access_log="off").succeeded()
    client.get("/after")
    assert "/before" in last_line(front)


def test_the_status_is_for_the_host_alone(front, client):
    asked = "-H 'Host: nginx-status.localhost'"
    front.deploy(variables={"nginx_status": True}).succeeded()
    assert "Active connections" in front.host.sh(f"curl -s {asked} http://127.0.0.1/")
    assert client.get("/", f"-i {asked}").split()[1] == "403"
    assert '"text": "one"' in client.get("/")
    front.deploy().succeeded()
    assert front.host.gives_no_answer("nginx-status.localhost")
