"""Who may ask a site, how often, and for what, as a client sees it.

A run each for all that holds at once: what is limited, other limits in the same places, and none.
"""

from __future__ import annotations

import json
import shlex

import pytest

STATUS = "-o /dev/null -w '%{http_code}\\n'"
CHALLENGE = "/.well-known/acme-challenge/token"
ACME = "/var/lib/webstack/acme"
FILE = "/etc/nginx/webstack/secrets/alpha.htpasswd"
PASSWORD = "correct horse battery"
USER = f"-u 'alice:{PASSWORD}'"
STATIC = {"/static/": "/srv/alpha/current/static"}
SITES = ("rate", "connections", "exempt", "inside", "entry", "refusing", "open")
# 203.0.113.9 is the last one in the list that is not trusted.
FORWARDED = "-H 'X-Forwarded-For: 198.51.100.1, 203.0.113.9' -H 'X-Forwarded-Proto: https'"
# What the app was told of who asks and how.
ADDRESS, SCHEME = "/?environ=HTTP_X_FORWARDED_FOR", "/?environ=HTTP_X_FORWARDED_PROTO"


@pytest.fixture(scope="module")
def address(client):
    """The client's own address."""
    return client.address()


@pytest.fixture(scope="module")
def limits(address):
    """The keys of the app's own site, by the manifest, and those of sites beside it."""
    own = {
        "basic_auth": {"users": {"alice": PASSWORD}, "realm": "Staff only"},
        "methods": ["GET", "POST"],
        "blocked_paths": ["/wp-admin/"],
        "blocked_agents": ["sqlmap", "bad.bot (x)"],
        "max_body_size": "1k",
        "read_timeout": "1s",
    }
    few = {"rate": "1r/m", "burst": 0}
    others = {
        "rate": {"rate_limit": {"rate": "1r/m", "burst": 4}, "static": STATIC},
        "kept": {"rate_limit": {"rate": "1r/m", "burst": 4}, "cache": "1h"},
        "behind": {"tls": "self_signed"},
        "connections": {"connection_limit": 2},
        "exempt": {"rate_limit": few, "connection_limit": 2, "limits_exempt": [address]},
        "inside": {"allow": ["192.0.2.0/24"], "static": STATIC},
        "entry": {"allow": ["192.0.2.0/24", address], "static": STATIC},
        "refusing": {"deny": [address], "allow": ["0.0.0.0/1", "128.0.0.0/1"]},
        "open": {},
    }
    return {"sites": others, "variables": {"nginx_trusted_proxies": [address]}, **own}


@pytest.fixture(scope="module")
def limited(front, limits):
    """All limits at once."""
    return front.deploy(**limits, options=("-vvv", "--diff")).succeeded()


@pytest.fixture(scope="module")
def hashed(limited, front):
    """What Nginx checks the user's password by."""
    del limited
    return front.host.sh(f"cat {FILE}").partition(":")[2]


@pytest.fixture(scope="module")
def changed(front, address, hashed):
    """Other limits of the same sites, and what the host says for all of them."""
    few = {"rate": "1r/m", "burst": 0}
    variables = {
        "nginx_trusted_proxies": [address],
        "nginx_real_ip_header": "CF-Connecting-IP",
        "nginx_blocked_paths": [],
        "nginx_client_header_timeout": "2s",
        "nginx_large_client_header_buffers": "2 1k",
        "nginx_client_body_timeout": "2s",
        "nginx_client_max_body_size": "1k",
        "nginx_keepalive_timeout": "2s",
        "nginx_keepalive_requests": 2,
        "nginx_headers": {"X-Host": "all of its sites"},
        "nginx_listen": ["80", "[::]:80", "8090"],
        "nginx_access_log": "json",
    }
    front.deploy(
        sites={"rate": {"rate_limit": few}, "open": {}},
        variables=variables,
        rate_limit={"rate": "1r/m", "burst": 1},
        basic_auth={"users": {"alice": hashed}},
    ).succeeded()


@pytest.fixture(scope="module")
def freed(changed, front):
    """The same sites without a limit."""
    del changed
    front.deploy(sites={name: {} for name in SITES}).succeeded()


def statuses(client, count, path="/", site="alpha"):
    """Ask count times at once, over connections of their own; return the statuses in order."""
    ask = shlex.quote(client.command(path, STATUS, f"{site}.test"))
    return sorted(map(int, client.sh(f"seq {count} | xargs -P {count} -n 1 sh -c {ask}").split()))


def status(client, site="alpha", path="/", options=""):
    return client.status(path, options, f"{site}.test")


def test_an_authority_is_not_asked_who_it_is(front, client):
    """The site waits for its first certificate, as this authority cannot be reached."""
    closed = {"basic_auth": {"users": {"a": "b"}}, "allow": ["192.0.2.1"], "methods": ["POST"]}
    nowhere = {"nginx_acme_directory": "https://127.0.0.1:1/dir"}
    front.deploy(tls="acme", **closed, variables=nowhere).refused()
    front.host.sh(f"echo proof | install -D /dev/stdin {ACME}{CHALLENGE}; chmod -R a+rX {ACME}")
    assert client.get(CHALLENGE) == "proof"
    assert status(client) == 405
    assert status(client, options="-d x") == 403


@pytest.mark.usefixtures("limited")
def test_more_than_the_rate_gets_429_but_files_are_free(client):
    assert statuses(client, 20, site="rate") == [200] * 5 + [429] * 15
    assert statuses(client, 20, "/static/site.css", "rate") == [200] * 20
    # Each client of a trusted proxy counts apart.
    assert status(client, "rate", options=FORWARDED) == 200
    assert statuses(client, 20, site="open") == [200] * 20


@pytest.mark.usefixtures("limited")
def test_kept_answers_count(client):
    assert statuses(client, 20, site="kept") == [200] * 5 + [429] * 15


@pytest.mark.usefixtures("limited")
def test_more_connections_at_once_get_429(client):
    assert statuses(client, 6, "/?wait=2", "connections") == [200] * 2 + [429] * 4
    assert statuses(client, 6, "/?wait=2", "open") == [200] * 6


@pytest.mark.usefixtures("limited")
def test_limits_do_not_hold_for_who_is_exempt(front, client):
    assert statuses(client, 6, "/?wait=2", "exempt") == [200] * 6
    asked = [front.host.get(host="exempt.test", options=STATUS) for _ in range(2)]
    assert asked == ["200", "429"]


@pytest.mark.usefixtures("limited")
def test_other_methods_get_405_from_files_too(client):
    asked = {method: status(client, options=f"{USER} -X {method}") for method in ("GET", "POST", "PUT")}
    assert asked == {"GET": 200, "POST": 200, "PUT": 405}
    assert status(client, options=f"{USER} --head") == 200
    assert status(client, path="/static/site.css", options=USER) == 200
    assert status(client, path="/static/site.css", options=f"{USER} -X DELETE") == 405
    assert status(client, "open", options="-X DELETE") == 200


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize(("site", "expected"), [("inside", 403), ("entry", 200), ("open", 200)])
def test_only_addresses_of_the_list_are_let_in(client, site, expected):
    paths = ["/"] if site == "open" else ["/", "/static/site.css"]
    assert {path: status(client, site, path) for path in paths} == dict.fromkeys(paths, expected)


@pytest.mark.usefixtures("limited")
def test_files_that_not_everybody_may_have_are_kept_by_browsers_alone(client):
    kept = {site: client.headers("/static/site.css", domain=f"{site}.test") for site in ("entry", "rate")}
    assert kept["entry"]["cache-control"] == "private, max-age=600"
    assert kept["rate"]["cache-control"] == "max-age=600"
    assert client.headers("/static/site.css", USER)["cache-control"] == "private, max-age=600"


@pytest.mark.usefixtures("limited")
def test_who_is_refused_is_not_let_in_by_a_wider_network(front, client):
    assert status(client, "refusing") == 403
    assert front.host.get(host="refusing.test", options=STATUS) == "200"


@pytest.mark.usefixtures("limited")
def test_a_password_lets_in_and_the_app_does_not_see_it(front, client):
    assert [status(client), status(client, path="/static/site.css")] == [401, 401]
    assert client.headers("/")["www-authenticate"] == 'Basic realm="Staff only"'
    assert status(client, options=USER) == 200
    assert status(client, options="-u alice:wrong") == 401
    assert client.get("/?environ=HTTP_AUTHORIZATION", USER) == "None"
    assert client.get("/?environ=HTTP_AUTHORIZATION", "-u a:b", "open.test") == "Basic YTpi"
    assert front.host.sh(f"stat -c '%U %G %a' {FILE}") == "root www-data 640"


def test_no_run_shows_a_password_or_its_hash(limited, hashed):
    assert hashed.startswith("$7$")
    assert PASSWORD not in limited.text
    assert hashed not in limited.text


@pytest.mark.usefixtures("limited")
def test_paths_are_answered_without_the_app(client):
    paths = ("/wp-admin/x", "/wp%2dadmin/x", "//wp-admin/./x", "/.git/config", "/wp-admins")
    assert [status(client, path=path, options=USER) for path in paths] == [404, 404, 404, 200, 200]
    hidden = ("/.git/config", "/.env", "/%2eenv", "/.well-known/security.txt", "/wp-admin/x")
    assert [status(client, "open", path) for path in hidden] == [404, 404, 404, 200, 200]


@pytest.mark.usefixtures("limited")
def test_agents_are_refused_in_any_case_and_letter_by_letter(client):
    agents = ("SQLMap/1.0", "a bad.bot (x) b", "badXbot (x)", "Mozilla/5.0 (X11)")
    found = [status(client, options=f"{USER} -A '{agent}'") for agent in agents]
    assert found == [403, 403, 200, 200]
    assert status(client, "open", options="-A sqlmap") == 200


@pytest.mark.usefixtures("limited")
def test_a_body_that_is_too_large_gets_413(client):
    body, chunked = f"-d {'x' * 2000}", f"-H 'Transfer-Encoding: chunked' -d {'x' * 2000}"
    assert [status(client, options=f"{USER} {options}") for options in (body, chunked)] == [413, 413]
    assert status(client, options=f"{USER} -d {'x' * 1000}") == 200
    assert [status(client, "open", options=options) for options in (body, chunked)] == [200, 200]


@pytest.mark.usefixtures("limited")
def test_a_site_bounds_how_long_its_app_may_take(client):
    assert status(client, path="/?wait=3", options=USER) == 504
    assert status(client, "open", "/?wait=3") == 200


@pytest.mark.usefixtures("limited")
def test_a_trusted_proxy_is_believed_who_the_client_is(front, client, address):
    assert client.get(ADDRESS, FORWARDED, "open.test") == "203.0.113.9"
    assert client.get(SCHEME, FORWARDED, "open.test") == "https"
    assert [client.get(path, "", "open.test") for path in (ADDRESS, SCHEME)] == [address, "http"]
    # It is this client who is let in or not.
    assert status(client, "inside", options="-H 'X-Forwarded-For: 192.0.2.7'") == 200
    assert status(client, "entry", options=FORWARDED) == 403
    # And nobody else is believed.
    assert front.host.get(ADDRESS, "open.test", FORWARDED) == "127.0.0.1"
    assert front.host.get(SCHEME, "open.test", FORWARDED) == "http"


@pytest.mark.usefixtures("limited")
def test_a_trusted_proxy_that_ends_tls_may_come_without_it(front, client):
    assert status(client, "behind", options=FORWARDED) == 200
    assert client.get(SCHEME, FORWARDED, "behind.test") == "https"
    assert status(client, "behind") == 308
    assert status(client, "behind", options="-H 'X-Forwarded-Proto: http'") == 308
    assert client.status("/", "-k", "behind.test", 443) == 200
    # Nobody else is believed.
    assert front.host.get(host="behind.test", options=f"{STATUS} {FORWARDED}") == "308"


@pytest.mark.usefixtures("limited")
def test_a_second_run_with_limits_changes_nothing(front, limits):
    assert front.deploy(**limits).succeeded().changed == []


@pytest.mark.usefixtures("changed")
def test_a_hash_in_the_place_of_a_password_is_checked_by(client, front, hashed):
    assert front.host.sh(f"cat {FILE}") == f"alice:{hashed}"
    assert status(client, options=USER) == 200


@pytest.mark.usefixtures("changed")
def test_other_rates_hold_where_the_zone_has_counted_before(client):
    assert 429 in statuses(client, 20, site="rate")
    assert 429 in statuses(client, 3)


@pytest.mark.usefixtures("changed")
def test_a_trusted_proxy_has_a_header_of_its_own(client):
    named = f"{FORWARDED} -H 'CF-Connecting-IP: 198.51.100.7'"
    assert client.get(ADDRESS, named, "open.test") == "198.51.100.7"


@pytest.mark.usefixtures("changed")
def test_a_host_has_no_path_blocked(client):
    assert status(client, "open", "/.git/config") == 200


@pytest.mark.usefixtures("changed")
@pytest.mark.parametrize("part", ["head", "body", "kept"])
def test_a_client_that_dawdles_is_let_go(client, part):
    assert 1 <= dawdled(client, part) <= 4


@pytest.mark.usefixtures("changed")
def test_requests_have_the_room_that_the_host_gives_them(client):
    assert status(client, "open", options=long_head()) == 400
    assert status(client, "open", options=f"-d {'x' * 2000}") == 413


@pytest.mark.usefixtures("changed")
def test_a_connection_has_as_many_requests_as_the_host_says(client):
    assert connects(client) == [1, 0, 1, 0]


@pytest.mark.usefixtures("changed")
def test_a_host_says_what_its_sites_send_listen_to_and_log(front, client):
    assert client.headers(domain="open.test")["x-host"] == "all of its sites"
    assert client.get("/host", "-o /dev/null -w '%{http_code}'", "open.test", 8090) == "200"
    assert json.loads(front.log("open").splitlines()[-1])["uri"] == "/host"


# What comes of a request before the client falls silent.
PARTS = {
    "head": "GET / HTTP",
    "body": "POST / HTTP/1.1\\r\\nHost: open.test\\r\\nContent-Length: 9\\r\\n\\r\\n",
    "kept": "GET / HTTP/1.1\\r\\nHost: open.test\\r\\n\\r\\n",
}


def dawdled(client, part="head"):
    """Return the seconds for which Nginx waits for more, 20 at most."""
    sent = f"exec 3<>/dev/tcp/{client.of_proxy()}/80; printf '{PARTS[part]}' >&3; cat <&3"
    took = f"SECONDS=0; timeout 20 bash -c {shlex.quote(sent)} >/dev/null 2>&1; echo $SECONDS"
    return int(client.sh(f"bash -c {shlex.quote(took)}"))


def connects(client):
    """Return how many connections each of four requests of one client opens."""
    first = client.command("/", "-o /dev/null -w '%{num_connects}\n'", "open.test")
    return list(map(int, client.sh(f"{first} {' '.join(['-o /dev/null http://open.test/'] * 3)}").split()))


def long_head():
    return f"-H 'X-Long: {'x' * 3000}'"


@pytest.mark.usefixtures("freed")
@pytest.mark.parametrize("site", ["alpha", *SITES])
def test_nothing_is_refused_that_nobody_asks_to_refuse(client, site):
    assert statuses(client, 6, "/?wait=1", site) == [200] * 6
    assert status(client, site, options=f"-X DELETE -A sqlmap -d {'x' * 2000}") == 200
    assert status(client, site, "/wp-admin/") == 200


@pytest.mark.usefixtures("freed")
def test_no_rate_is_counted_any_more(client):
    assert statuses(client, 20, site="rate") == [200] * 20


@pytest.mark.usefixtures("freed")
def test_nobody_is_believed_any_more(client, address):
    assert client.get(ADDRESS, FORWARDED) == address
    assert client.get(SCHEME, FORWARDED) == "http"


@pytest.mark.usefixtures("freed")
def test_the_defaults_of_the_host_are_back(front, client):
    assert {part: dawdled(client, part) for part in PARTS} == {
        "head": pytest.approx(11, abs=2),
        "body": pytest.approx(11, abs=2),
        "kept": 20,
    }
    assert connects(client) == [1, 0, 0, 0]
    assert status(client, options=long_head()) == 200
    assert "x-host" not in client.headers()
    assert client.refuses(8090)
    assert status(client, path="/.git/config") == 404
    assert status(client, path="/?wait=2") == 200
    assert front.host.sh("ls /etc/nginx/webstack/secrets 2>/dev/null || true") == ""
