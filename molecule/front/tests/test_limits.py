"""Who may ask a site, how often, and for what, as a client sees it."""

from __future__ import annotations

import shlex

import pytest

STATUS = "-o /dev/null -w '%{http_code}\\n'"
CHALLENGE = "/.well-known/acme-challenge/token"
ACME = "/var/lib/webstack/acme"
PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def address(client):
    """The client's own address."""
    return client.sh("hostname -i | awk '{print $1}'")


@pytest.fixture
def status(client):
    """Ask for a path and return the status."""

    def status(path="/", options=""):
        return int(client.get(path, f"{STATUS} {options}"))

    return status


def statuses(client, count, options="", path="/"):
    """Ask count times at once, over connections of their own; return the statuses in order."""
    url = shlex.quote(f"http://alpha.test{path}")
    asked = client.sh(
        f"seq {count} | xargs -P {count} -I{{}} curl -sS --max-time 20 {STATUS} {options} {url}"
    )
    return sorted(map(int, asked.split()))


def test_nothing_is_refused_that_nobody_asked_to_refuse(front, client, status):
    front.deploy().succeeded()
    assert statuses(client, 30) == [200] * 30
    assert status("/", "-X DELETE") == 200
    assert status("/", "-A sqlmap") == 200
    assert status("/wp-admin/") == 200


def test_more_than_the_rate_gets_429_but_not_files_nor_who_is_exempt(front, client, address):
    limit = {"rate": "1r/s", "burst": 4}
    front.deploy(rate_limit=limit).succeeded()
    found = statuses(client, 20)
    assert 5 <= found.count(200) <= 7
    assert found.count(429) == 20 - found.count(200)
    assert statuses(client, 20, path="/static/site.css") == [200] * 20
    assert front.deploy(rate_limit=limit, limits_exempt=[address]).succeeded().changed
    assert statuses(client, 20) == [200] * 20
    # With the zone that has counted before.
    front.deploy(rate_limit={"rate": "1r/s", "burst": 0}).succeeded()
    assert 429 in statuses(client, 20)
    front.deploy().succeeded()
    assert statuses(client, 20) == [200] * 20


def test_more_connections_at_once_get_429(front, client, address):
    slow = {"extra": "limit_rate 60;"}
    front.deploy(connection_limit=2, **slow).succeeded()
    assert statuses(client, 6) == [200] * 2 + [429] * 4
    front.deploy(connection_limit=2, limits_exempt=[address], **slow).succeeded()
    assert statuses(client, 6) == [200] * 6
    front.deploy(**slow).succeeded()
    assert statuses(client, 6) == [200] * 6


def test_other_methods_get_405_from_files_too(front, status):
    front.deploy(methods=["GET", "POST"]).succeeded()
    assert [status("/", f"-X {method}") for method in ("GET", "POST", "PUT", "DELETE")] == [
        200,
        200,
        405,
        405,
    ]
    assert status("/", "--head") == 200
    assert status("/static/site.css") == 200
    assert status("/static/site.css", "-X DELETE") == 405
    front.deploy().succeeded()
    assert status("/", "-X DELETE") == 200


def test_addresses_are_let_in_and_refused(front, status, address):
    front.deploy(allow=["192.0.2.0/24"]).succeeded()
    assert [status(), status("/static/site.css")] == [403, 403]
    front.deploy(allow=["192.0.2.0/24", address]).succeeded()
    assert [status(), status("/static/site.css")] == [200, 200]
    front.deploy(deny=[address]).succeeded()
    assert status() == 403
    front.deploy(deny=[address], allow=["0.0.0.0/1", "128.0.0.0/1"]).succeeded()
    assert status() == 403
    front.deploy().succeeded()
    assert status() == 200


def test_a_password_lets_in_and_is_read_by_nobody_else(front, client, status):
    auth = {"users": {"alice": PASSWORD}, "realm": "Staff only"}
    run = front.deploy(basic_auth=auth, options=("-vvv", "--diff")).succeeded()
    assert [status(), status("/static/site.css")] == [401, 401]
    assert 'Basic realm="Staff only"' in client.get("/", "-D- -o /dev/null")
    assert status("/", f"-u 'alice:{PASSWORD}'") == 200
    assert status("/", "-u alice:wrong") == 401
    path = "/etc/nginx/webstack/secrets/alpha.htpasswd"
    hashed = front.host.sh(f"cat {path}").partition(":")[2]
    assert hashed.startswith("$7$")
    assert front.host.sh(f"stat -c '%U %G %a' {path}") == "root www-data 640"
    assert PASSWORD not in run.text
    assert hashed not in run.text
    assert front.deploy(basic_auth=auth).succeeded().changed == []
    front.deploy(basic_auth={"users": {"alice": hashed}}).succeeded()
    assert status("/", f"-u 'alice:{PASSWORD}'") == 200
    front.deploy().succeeded()
    assert status() == 200
    assert front.host.sh(f"test -e {path} || echo gone") == "gone"


def test_an_authority_is_not_asked_who_it_is(front, client, status):
    """The site waits for its first certificate, as this authority cannot be reached."""
    closed = {"basic_auth": {"users": {"a": "b"}}, "allow": ["192.0.2.1"], "methods": ["POST"]}
    nowhere = {"nginx_acme_directory": "https://127.0.0.1:1/dir"}
    front.deploy(tls="off").succeeded()
    front.deploy(tls="acme", **closed, variables=nowhere).refused()
    front.host.sh(f"echo proof | install -D /dev/stdin {ACME}{CHALLENGE}; chmod -R a+rX {ACME}")
    assert client.get(CHALLENGE) == "proof"
    assert status() == 405
    front.deploy(tls="off").succeeded()


def test_paths_are_answered_without_the_app(front, status):
    front.deploy(blocked_paths=["/wp-admin/"]).succeeded()
    assert [status(path) for path in ("/wp-admin/x", "/wp%2dadmin/x", "/.git/config")] == [404, 404, 200]
    front.deploy().succeeded()
    hidden = ("/.git/config", "/.env", "/%2eenv", "/.well-known/security.txt")
    assert [status(path) for path in ("/wp-admin/x", *hidden)] == [200, 404, 404, 404, 200]
    front.deploy(variables={"nginx_blocked_paths": []}).succeeded()
    assert status("/.git/config") == 200


def test_agents_are_refused_in_any_case_and_letter_by_letter(front, status):
    front.deploy(blocked_agents=["sqlmap", "bad.bot (x)"]).succeeded()
    agents = ("SQLMap/1.0", "a bad.bot (x) b", "badXbot (x)", "Mozilla/5.0 (X11)")
    assert [status("/", f"-A '{agent}'") for agent in agents] == [403, 403, 200, 200]
    front.deploy().succeeded()
    assert status("/", "-A sqlmap") == 200


@pytest.mark.parametrize(("keys", "expected"), [({"read_timeout": "1s"}, 504), ({}, 200)])
def test_a_site_bounds_how_long_its_app_may_take(front, client, keys, expected):
    front.deploy(**keys).succeeded()
    pids = " ".join(map(str, front.host.pids("alpha")))
    front.host.sh(f"kill -STOP {pids}; (sleep 4; kill -CONT {pids}) >/dev/null 2>&1 &")
    assert int(client.get("/", STATUS)) == expected
    front.host.sh("sleep 4")


def test_a_trusted_proxy_is_believed_who_the_client_is(front, client, address):
    seen = {"extra": 'location = /seen {\n    return 200 "$remote_addr $webstack_scheme";\n}\n'}
    forged = "-H 'X-Forwarded-For: 198.51.100.1, 203.0.113.9' -H 'X-Forwarded-Proto: https'"
    front.deploy().succeeded()
    assert f'"address": "{address}"' in client.get("/", forged)
    front.deploy(**seen, variables={"nginx_trusted_proxies": ["192.0.2.1"]}).succeeded()
    assert client.get("/seen", forged) == f"{address} http"
    front.deploy(**seen, variables={"nginx_trusted_proxies": [address]}).succeeded()
    assert client.get("/seen", forged) == "203.0.113.9 https"
    assert '"address": "203.0.113.9"' in client.get("/", forged)
    front.deploy(deny=["203.0.113.9"], variables={"nginx_trusted_proxies": [address]}).succeeded()
    assert client.get("/", f"{STATUS} {forged}").strip() == "403"
    own = {"nginx_trusted_proxies": [address], "nginx_real_ip_header": "CF-Connecting-IP"}
    front.deploy(**seen, variables=own).succeeded()
    assert client.get("/seen", f"{forged} -H 'CF-Connecting-IP: 198.51.100.7'") == "198.51.100.7 https"


def test_a_client_that_dawdles_is_let_go(front, client):
    dawdle = "timeout 20 bash -c 'exec 3<>/dev/tcp/alpha.test/80; printf \"GET / HTTP\" >&3; cat <&3'"
    took = f"SECONDS=0; {dawdle} >/dev/null 2>&1; echo $SECONDS"
    front.deploy(variables={"nginx_client_header_timeout": "2s"}).succeeded()
    assert 1 <= int(client.sh(f"bash -c {shlex.quote(took)}")) <= 4
    front.deploy().succeeded()
    assert 9 <= int(client.sh(f"bash -c {shlex.quote(took)}")) <= 13


def test_a_head_has_the_room_that_the_host_gives_it(front, status):
    head = f"-H 'X-Long: {'x' * 3000}'"
    front.deploy(variables={"nginx_large_client_header_buffers": "2 1k"}).succeeded()
    assert status("/", head) == 400
    front.deploy().succeeded()
    assert status("/", head) == 200
