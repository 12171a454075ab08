"""Wrong settings of a site are refused before the first change, with the entry, the key and the remedy."""

from __future__ import annotations

import pytest

MEASURED = ("/etc", "/srv", "/var/lib/webstack", "/var/cache/nginx")
PASSWORD = "correct horse battery"
NETWORKS = "write addresses and CIDRs"
PREFIX = "write a path that starts and ends with /"

# By the key below `nginx`: what is written, what is said of it, and the remedy.
ENTRIES: list[tuple[str, object, str, str]] = [
    ("domains", ["https://a.test/"], "'https://a.test/' is not a host name", "write names without scheme"),
    ("domains", ["bücher.test"], "'bücher.test' is not a host name", "write xn--bcher-kva.test"),
    ("domains", "b.test", "must be a list, not text", "such as [shop.example.com]"),
    ("domains", ["c.test", "C.test"], "C.test is listed twice", "list it once"),
    ("domains", ["alpha.test"], "alpha.test is already used by 'alpha'", "own domains or its own path"),
    ("path", "shop", "'shop' is not a path of a site", "write / or a path"),
    ("path", "/.well-known/acme-challenge/", "is where an authority looks", "write / or a path"),
    ("redirects", ["e.test:80"], "'e.test:80' is not a host name", "write names without scheme"),
    ("redirects", ["alpha.test"], "alpha.test is already used by", "its own names"),
    (
        "static",
        {"/static/": "/etc"},
        "/static/: its folder is not a path inside",
        "to folders of the release",
    ),
    (
        "static",
        {"/static/": "../x"},
        "/static/: its folder is not a path inside",
        "to folders of the release",
    ),
    ("static", {"static": "static"}, "'static' is not a URL prefix", PREFIX),
    ("static", {"/a;b/": "static"}, "'/a;b/' is not a URL prefix", PREFIX),
    ("max_body_size", "10", "'10' is not a size", "with its unit, such as 10m"),
    ("max_body_size", "99999999999g", "is not a size", "with its unit, such as 10m"),
    ("rate_limit", {"rate": "20"}, ".rate: '20' is not a rate", "such as 20r/s or 100r/m"),
    ("rate_limit", {"burst": 5}, ".rate: is missing", "such as 20r/s or 100r/m"),
    ("rate_limit", {"rate": "1r/s", "burst": -1}, ".burst: -1 is out of range", "from 0"),
    ("connection_limit", 0, "0 is out of range", "write a whole number from 1"),
    ("limits_exempt", ["office"], "'office' is neither an address nor a CIDR", NETWORKS),
    ("methods", ["get"], "'get' is not a method", "write GET"),
    ("methods", [], "is an empty list", "such as [GET, POST]"),
    ("allow", [], "is an empty list, so nobody could enter", "remove the key"),
    ("allow", ["300.0.0.1"], "'300.0.0.1' is neither an address nor a CIDR", NETWORKS),
    ("deny", ["10.0.0.1/8"], "'10.0.0.1/8' is an address within a network", "write 10.0.0.0/8"),
    ("deny", ["0.0.0.0/0"], "0.0.0.0/0 is everybody", "name some, or stop the app"),
    ("basic_auth", {"users": {}}, ".users: has no user", "write each as NAME: password"),
    ("basic_auth", {"users": {"al:ice": PASSWORD}}, ".users: the name of item 0", "NAME: password"),
    ("basic_auth", {"users": {"a": PASSWORD}, "realm": 'x"'}, ".realm: ", "without quotes"),
    ("blocked_paths", ["wp-admin"], "'wp-admin' is not the beginning of a path", "such as [/wp-admin/"),
    ("blocked_agents", ["Mozilla/5.0 ("], "is part of what every browser sends", "such as [sqlmap"),
    ("read_timeout", "0s", "'0s' is not a time", "such as 60s"),
    ("read_timeout", "5m2h", "'5m2h' is not a time", "such as 60s or 1h30m"),
    ("cache", "10", "'10' is not a time", "such as 1s or 2h"),
    ("error_pages", {200: "a.html"}, "200 is no error status", "from 400 to 599"),
    ("error_pages", {404: "/etc/passwd"}, "404: '/etc/passwd' is not a path inside", "a file of the release"),
    ("maintenance", "yes", "must be true or false, or a mapping, not text", "write true, false"),
    ("maintenance", {"allow": ["office"]}, "allow: 'office' is neither", "write addresses"),
    ("maintenance", {"allow": ["::1", "::1/128"]}, "allow: ::1/128 is listed twice", "list it once"),
    ("maintenance", {"operators": []}, "operators: unknown key", "the known ones are allow, page"),
    ("headers", {"X-Mine": "a\nSet-Cookie: b=c"}, "X-Mine has a character", "one line of printable ASCII"),
    ("headers", {"X-Mine": "$host"}, "X-Mine has a character", "one line of printable ASCII"),
    ("headers", {"X Mine": "a"}, "'X Mine' is not a header's name", "use letters, digits and -"),
    ("headers", {"Set-Cookie": "a=b"}, "Set-Cookie is not free", "remove it"),
    ("access_log", "apache", "'apache' is not known", "write combined, json or off"),
    ("log_query", "never", "must be true or false, not text", "without quotes"),
    ("buffering", "off", "must be true or false, not text", "without quotes"),
    ("extra", "location /x {\n    return 204;\n", "has a block that is never closed", "close it with }"),
    ("extra", "}\nserver {", "line 1 closes a block that it did not open", "remove the }"),
    ("extra", "return 204", "has a last directive without an end", "end it with ;"),
    ("extra", "return 200 'a;", "has a ' that is never closed", "close the quote"),
    ("max_boddy_size", "10m", "unknown key", "did you mean max_body_size?"),
]
# Sites of the role's own list, beside one that is good.
SITES: list[tuple[str, object, str, str]] = [
    ("root", "www/docs", "'www/docs' is not an absolute path", "write an absolute path"),
    ("root", '/srv/a"; }', "is not an absolute path", "write an absolute path"),
    ("upstream", {"servers": ["10.0.0.11"]}, ".servers: '10.0.0.11' is not a server", "HOST:PORT"),
    ("upstream", {"servers": []}, ".servers: is an empty list", "HOST:PORT"),
    ("static", {"/static/": "static"}, "/static/: its folder is not an absolute path", "an absolute path of"),
    ("static_fallback", {"/old/": "/srv/old"}, "/old/ is not in static", "add it there, or remove it"),
    ("error_pages", {"404": "/srv/errors/"}, "404: '/srv/errors/' is a folder", "name the file"),
    ("maintenance", {"health": "/healthz?a=b"}, "health: '/healthz?a=b' is not a path", "without a query"),
]
VARIABLES: dict[str, tuple[object, str, str]] = {
    "nginx_listen": (["80", "http"], "'http' is neither a port nor an IP address", 'such as ["80"'),
    "nginx_client_max_body_size": ("big", "'big' is not a size", "such as 10m"),
    "nginx_cache_max_size": ("1", "'1' is not a size", "such as 500m or 1g"),
    "nginx_proxy_connect_timeout": ("soon", "'soon' is not a time", "such as 60s"),
    "nginx_proxy_read_timeout": ("0", "'0' is not a time", "such as 60s"),
    "nginx_client_header_timeout": ("ten", "'ten' is not a time", "such as 60s"),
    "nginx_client_body_timeout": ("0s", "'0s' is not a time", "such as 60s"),
    "nginx_send_timeout": ("1 s", "'1 s' is not a time", "such as 60s"),
    "nginx_keepalive_timeout": ("x", "'x' is not a time", "such as 60s"),
    "nginx_keepalive_requests": (0, "0 is out of range", "from 1"),
    "nginx_large_client_header_buffers": ("4", "'4' is not a number with a size", 'such as "4 8k"'),
    "nginx_trusted_proxies": (["0.0.0.0/0"], "0.0.0.0/0 is everybody", "name the addresses of your"),
    "nginx_real_ip_header": ("X_Real", "'X_Real' is not a header that nginx reads", "X-Forwarded-For"),
    "nginx_blocked_paths": (["wp"], "'wp' is not the beginning of a path", "such as [/wp-admin/"),
    "nginx_headers": ({"X-Mine": "é"}, "X-Mine has a character", "one line of printable ASCII"),
    "nginx_access_log": ("xml", "'xml' is not known", "write combined, json or off"),
    "nginx_status": ("yes", "must be true or false, not text", "without quotes"),
    "nginx_sandbox": ("loose", "'loose' is not known", "write strict or off"),
    "nginx_writable_paths": (["logs"], "'logs' is not an absolute path", "write an absolute path"),
    "nginx_limit_nofile": (100, "100 is out of range", "from 1024"),
    "nginx_worker_connections": (-1, "-1 is out of range", "from 0"),
    "nginx_purge": ("all", "must be true or false, not text", "without quotes"),
}
# What nginx alone can judge.
FOR_NGINX: dict[str, tuple[dict[str, object], str]] = {
    "directive": ({"extra": "no_such_directive on;"}, 'unknown directive "no_such_directive"'),
    "place": ({"extra": "worker_processes 2;"}, '"worker_processes" directive is not allowed here'),
    "number": ({"extra": "client_body_buffer_size 1x;"}, "invalid value"),
}


@pytest.fixture(scope="module")
def before(front):
    """What is on the host with a manifest that is good."""
    front.deploy().succeeded()
    return front.host.digest(*MEASURED)


def test_wrong_settings_are_refused_all_at_once(front, before):
    apps = [front.entry()]
    expected = []
    for number, (key, value, problem, remedy) in enumerate(ENTRIES, 1):
        app = {**front.entry(domains=[f"wrong{number}.test"], static={}), "name": f"wrong{number}"}
        app["nginx"][key] = value
        apps.append(app)
        expected.append((f"python_apps[{number}] (wrong{number}): nginx.{key}", problem, remedy))
    sites = [{"name": "good", "domains": ["good.test"], "root": "/srv/www"}]
    for number, (key, value, problem, remedy) in enumerate(SITES, 1):
        behind = {} if key in ("root", "upstream") else {"upstream": {"servers": ["10.0.0.11:80"]}}
        site = {"name": f"site{number}", "domains": [f"site{number}.test"], **behind, key: value}
        sites.append(site)
        expected.append((f"nginx_sites[{number}] (site{number}): {key}", problem, remedy))
    expected += [(f"{name}: ", problem, remedy) for name, (_value, problem, remedy) in VARIABLES.items()]
    variables = {name: value for name, (value, *_said) in VARIABLES.items()}
    run = front.host.deploy(apps, nginx_sites=sites, **variables).refused()
    lines = run.message.splitlines()
    for start, problem, remedy in expected:
        found = [line for line in lines if line.startswith(start) and problem in line and remedy in line]
        assert found, f"{start} … {problem} … {remedy} is not in:\n{run.message}"
    assert lines[0].endswith(f"({len(expected)} to mend):")
    assert run.changed == []
    assert PASSWORD not in run.text
    assert front.host.digest(*MEASURED) == before


@pytest.mark.parametrize("kind", FOR_NGINX)
def test_what_nginx_refuses_leaves_all_as_it_was(front, before, kind):
    keys, problem = FOR_NGINX[kind]
    run = front.deploy(**keys).refused()
    assert problem in run.message
    assert "alpha" in run.message
    assert run.changed == []
    assert front.host.digest(*MEASURED) == before
    assert '"text": "one"' in front.host.get()
