"""Who may ask a site, how often, and for what."""

from __future__ import annotations

import re

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _host_variables, _nginx, _site_limits
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable

SHOP = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}}
DEFAULTS = {"read_timeout": "60s", "blocked_paths": ["/."]}
NETWORKS = 'write addresses and CIDRs, such as ["203.0.113.7", "10.0.0.0/8", "2001:db8::/32"]'
RATE = "write a whole number of requests with its unit, such as 20r/s or 100r/m"
METHODS = "write a list such as [GET, POST]"
USERS = "write each as NAME: password"
TIME = "write a time with its unit, such as 60s or 1h30m"
PATHS = "write the beginnings of paths, such as [/wp-admin/, /.git/]"
AGENTS = "write a part of the User-Agent that others do not have, such as [sqlmap, SemrushBot]"


def findings(**keys):
    return [line.removeprefix("nginx_sites[0] (shop): ") for line in _nginx.findings([{**SHOP, **keys}])]


def resolve(**keys):
    return _site_limits.resolve({**SHOP, **keys}, DEFAULTS)


GOOD = {
    "rate_limit": {"rate": "20r/s", "burst": 40},
    "connection_limit": 10,
    "limits_exempt": ["10.0.0.0/8"],
    "methods": ["GET", "POST"],
    "allow": ["192.0.2.0/24"],
    "deny": ["192.0.2.7"],
    "basic_auth": {"users": {"alice": "secret"}, "realm": "Staff"},
    "blocked_paths": ["/wp-admin/", "/."],
    "blocked_agents": ["sqlmap"],
    "read_timeout": "5m",
}


def test_what_is_right_is_taken():
    assert set(GOOD) == set(_site_limits.KEYS)
    assert findings(**GOOD) == []
    assert findings(limits_exempt=[], deny=[], blocked_paths=[], blocked_agents=[]) == []


@pytest.mark.parametrize(
    ("keys", "problem", "remedy"),
    [
        ({"rate_limit": {}}, "rate_limit.rate: is missing", RATE),
        ({"rate_limit": {"rate": 20}}, "rate_limit.rate: must be text, not a number", RATE),
        ({"rate_limit": {"rate": "20"}}, "rate_limit.rate: '20' is not a rate", RATE),
        ({"rate_limit": {"rate": "0r/s"}}, "rate_limit.rate: '0r/s' is not a rate", RATE),
        ({"rate_limit": {"rate": "2r/h"}}, "rate_limit.rate: '2r/h' is not a rate", RATE),
        (
            {"rate_limit": {"rate": "2r/s", "burst": -1}},
            "rate_limit.burst: -1 is out of range",
            "write a whole number from 0 to 100000",
        ),
        (
            {"connection_limit": 0},
            "connection_limit: 0 is out of range",
            "write a whole number from 1 to 65535",
        ),
        (
            {"connection_limit": "2"},
            "connection_limit: must be a whole number, not text",
            "write a whole number from 1",
        ),
        ({"limits_exempt": ["x"]}, "limits_exempt: 'x' is neither an address nor a CIDR", NETWORKS),
        ({"methods": []}, "methods: is an empty list, so nothing could be asked", METHODS),
        ({"methods": ["get"]}, "methods: 'get' is not a method", "write GET"),
        (
            {"methods": ["FETCH"]},
            "methods: 'FETCH' is not a method",
            "the known ones are GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, COPY, LOCK, MKCOL, MOVE, "
            "PROPFIND, PROPPATCH, UNLOCK",
        ),
        ({"methods": ["GET", "GET"]}, "methods: GET is listed twice", "list it once"),
        (
            {"allow": []},
            "allow: is an empty list, so nobody could enter",
            f"remove the key, or name who is let in; {NETWORKS}",
        ),
        ({"allow": ["x"]}, "allow: 'x' is neither an address nor a CIDR", NETWORKS),
        ({"deny": ["x"]}, "deny: 'x' is neither an address nor a CIDR", NETWORKS),
        (
            {"deny": ["0.0.0.0/0"]},
            "deny: 0.0.0.0/0 is everybody, so nobody could enter",
            "name some, or stop the app",
        ),
        (
            {"allow": ["10.0.0.5"], "deny": ["10.0.0.0/8"]},
            "allow: 10.0.0.5 lies in 10.0.0.0/8 of deny, which goes first",
            "remove one of them",
        ),
        ({"basic_auth": {}}, "basic_auth.users: is missing", USERS),
        ({"basic_auth": {"users": "a=b"}}, "basic_auth.users: must be a mapping, not text", USERS),
        (
            {"basic_auth": {"users": {"alice": "x"}, "realm": "off"}},
            "basic_auth.realm: 'off' cannot be a realm",
            "write a short text without quotes, backslashes and dollar signs, and no ~ at its start",
        ),
        (
            {"blocked_agents": ["Zürich"]},
            "blocked_agents: 'Zürich' has signs other than ASCII's, a dollar sign, or more than 100 of them",
            AGENTS,
        ),
        ({"blocked_agents": ["bot", "bot"]}, "blocked_agents: bot is listed twice", "list it once"),
        ({"blocked_paths": ["/x", "/x"]}, "blocked_paths: /x is listed twice", "list it once"),
        ({"read_timeout": "0s"}, "read_timeout: '0s' is not a time", TIME),
        ({"read_timeout": "5m2h"}, "read_timeout: '5m2h' is not a time", TIME),
        ({"read_timeout": "1m1m"}, "read_timeout: '1m1m' is not a time", TIME),
        ({"read_timeout": "1000000000d"}, "read_timeout: '1000000000d' is not a time", TIME),
        ({"read_timeout": ""}, "read_timeout: '' is not a time", TIME),
        ({"read_timeout": "1 m"}, "read_timeout: '1 m' is not a time", TIME),
    ],
)
def test_what_is_wrong_is_refused_with_the_remedy(keys, problem, remedy):
    assert findings(**keys) == [f"{problem}; {remedy}"]


@pytest.mark.parametrize("time", ["60", "60s", "1500ms", "1h30m", "1d2h3m4s5ms", "999999999d"])
def test_times_are_written_as_nginx_reads_them(time):
    assert findings(read_timeout=time) == []


def test_who_is_exempt_is_said_once_for_both_limits():
    assert findings(rate_limit={"rate": "2r/s", "exempt": ["10.0.0.0/8"]}) == [
        "rate_limit.exempt: unknown key; the known ones are rate, burst"
    ]


@pytest.mark.parametrize(
    "path", ["", "/", "x", "/a//b", "/a/../b", "/a/./b", "/..", "/a b", "/a?b", "/%2e", "/$uri", '/"', "/a\n"]
)
def test_what_no_path_begins_with_is_refused(path):
    assert findings(blocked_paths=[path]) == [
        f"blocked_paths: {path!r} is not the beginning of a path; {PATHS}"
    ]


@pytest.mark.parametrize("agent", ["", " ", "Mozilla", "mozilla/5.0", "5", "/"])
def test_what_every_browser_sends_is_not_blocked(agent):
    assert findings(blocked_agents=[agent]) == [
        f"blocked_agents: {agent!r} is part of what every browser sends; {AGENTS}"
    ]


@pytest.mark.parametrize("agent", ["$host", "a\nb", "x" * 101])
def test_what_nginx_reads_otherwise_is_not_taken(agent):
    (finding,) = findings(blocked_agents=[agent])
    assert finding.endswith(AGENTS)


@pytest.mark.parametrize("users", [{"alice": "hid\nden"}, {"alice": 4711}, {"al:ice": "hidden"}, ["hidden"]])
def test_no_message_has_a_password(users):
    assert findings(basic_auth={"users": users})
    assert not re.search("hid|4711", str(findings(basic_auth={"users": users})))


@pytest.mark.parametrize("key", ["users", "realm"])
def test_no_message_has_what_a_template_had_in_its_hands(key):
    (finding,) = findings(basic_auth={"users": {"alice": "x"}, key: Unreadable("cannot read hidden")})
    assert finding == f"basic_auth.{key}: has no value: its template fails; define what its template needs"


def test_nothing_is_limited_that_is_not_asked_for():
    assert resolve(blocked_paths=[]) == {
        "id": "webstack_shop",
        "rate": None,
        "connections": 0,
        "exempt": [],
        "methods": [],
        "allow": [],
        "deny": [],
        "auth": None,
        "paths": "",
        "agents": "",
        "read_timeout": "60s",
    }


def test_variables_of_nginx_have_no_dash():
    assert _site_limits.resolve({"name": "my-shop"}, DEFAULTS)["id"] == "webstack_my_shop"


@pytest.mark.parametrize(
    ("given", "burst"), [({"rate": "20r/s"}, 20), ({"rate": "90r/m"}, 90), ({"rate": "9r/s", "burst": 0}, 0)]
)
def test_a_burst_is_the_rates_number(given, burst):
    assert resolve(rate_limit=given)["rate"] == {"rate": given["rate"], "burst": burst}


@pytest.mark.parametrize(
    ("given", "expected"),
    [(["GET"], ["GET", "HEAD"]), (["HEAD", "GET"], ["HEAD", "GET"]), (["POST"], ["POST"])],
)
def test_get_brings_head_along(given, expected):
    assert resolve(methods=given)["methods"] == expected


def test_the_templates_get_no_password():
    resolved = resolve(basic_auth=GOOD["basic_auth"])
    assert resolved["auth"] == {"realm": "Staff", "file": "shop.htpasswd"}
    assert "secret" not in str(resolved)
    assert resolve(basic_auth={"users": {"a": "b"}})["auth"]["realm"] == "Restricted"


def test_the_users_are_in_a_file_of_secrets():
    sites = [{**SHOP, **GOOD}, {**SHOP, "name": "blog"}, {**SHOP, **GOOD, "name": "gone", "state": "absent"}]
    found = _nginx.secrets(sites)
    assert list(found) == ["shop.htpasswd"]
    assert found["shop.htpasswd"].startswith("alice:$7$")


@pytest.mark.parametrize(
    ("given", "path", "blocked"),
    [
        (["/."], "/.git/config", True),
        (["/."], "/.well-known/security.txt", False),
        (["/."], "/.well-known", True),
        (["/."], "/a/.git", False),
        (["/.well"], "/.well-known/x", False),
        (["/.well"], "/.welly", True),
        (["/.well-known/"], "/.well-known/x", True),
        (["/wp-admin/"], "/wp-admin/x", True),
        (["/wp-admin/"], "/wp-admin", False),
        (["/wp-admin/"], "/x/wp-admin/", False),
        (["/a+b", "/c"], "/a+b", True),
        (["/a+b", "/c"], "/aab", False),
        (["/a+b", "/c"], "/c/d", True),
    ],
)
def test_paths_are_blocked_by_how_they_begin(given, path, blocked):
    assert bool(re.search(resolve(blocked_paths=given)["paths"], path)) is blocked


def test_paths_are_blocked_by_the_hosts_default():
    assert resolve()["paths"] == resolve(blocked_paths=["/."])["paths"] != ""
    assert resolve(blocked_paths=[])["paths"] == ""


def test_agents_are_compared_letter_by_letter():
    pattern = resolve(blocked_agents=["a.b", "c|d (", "e\\f"])["agents"]
    assert all(re.search(pattern, agent) for agent in ("x a.b", "c|d (y", "e\\f"))
    assert not any(re.search(pattern, agent) for agent in ("aXb", "c", "d (", "ef"))


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("nginx_trusted_proxies", ["10.0.0.1/8"], "'10.0.0.1/8' is an address within a network"),
        ("nginx_trusted_proxies", ["0.0.0.0/0"], "0.0.0.0/0 is everybody, whose header would be believed"),
        ("nginx_real_ip_header", "proxy_protocol", "'proxy_protocol' is not a header that nginx reads"),
        ("nginx_real_ip_header", "X Y", "'X Y' is not a header that nginx reads"),
        ("nginx_blocked_paths", ["x"], "'x' is not the beginning of a path"),
        ("nginx_client_header_timeout", "10 s", "'10 s' is not a time"),
        ("nginx_client_body_timeout", "0", "'0' is not a time"),
        ("nginx_send_timeout", "x", "'x' is not a time"),
        ("nginx_keepalive_timeout", "65;", "'65;' is not a time"),
        ("nginx_keepalive_requests", 0, "0 is out of range"),
        ("nginx_large_client_header_buffers", "8k", "'8k' is not a number with a size"),
        ("nginx_large_client_header_buffers", "4 8k; x", "'4 8k; x' is not a number with a size"),
    ],
)
def test_wrong_variables_of_the_host_are_refused(name, value, problem):
    for found in (
        _nginx.findings([], {name: value}),
        _host_variables.findings({name: value}, "web", runs_apps=False, is_proxy=True),
    ):
        (finding,) = found
        assert finding.startswith(f"{name}: {problem}")
        assert "; " in finding
