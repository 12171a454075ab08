"""What gixy-ng has to say of whole configurations, with all of its checks."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils._spec import documented

from tests.unit.roles import front_tree

SHOP = {
    "name": "shop",
    "domains": ["shop.example.com", "www.shop.example.com"],
    "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"], "keepalive": 16},
}
BLOG = {**SHOP, "name": "blog", "domains": ["blog.example.com"]}
ANY = {"name": "any", "upstream": {"servers": ["10.0.0.11:8000"]}}
TLS = {**SHOP, "tls": "self_signed"}
STATIC = {"/static/": "/srv/shop/current/shop/static", "/media/": "/srv/shop/shared/media"}
OWN = {"certificate": "/etc/ssl/shop.pem", "key": "/etc/ssl/private/shop.key", "on_host": True}
EXTRA = (
    "location = /robots.txt {\n    return 200 'User-agent: *';\n}\nlocation = /old {\n    return 301 /;\n}\n"
)
LONG = {
    **SHOP,
    "name": "a" * 31,
    "domains": [f"{'a' * 63}.{'b' * 63}.{'c' * 63}.example.com", "*.shop.example.com"],
}
ROOT = {"name": "docs", "domains": ["docs.example.com"], "root": "/srv/www/docs"}
LIMITED = {
    **SHOP,
    "rate_limit": {"rate": "20r/s", "burst": 40},
    "connection_limit": 20,
    "limits_exempt": ["10.0.0.0/8"],
    "methods": ["GET", "POST"],
    "allow": ["10.0.0.0/8", "2001:db8::/32"],
    "deny": ["10.1.0.0/16"],
    "basic_auth": {"users": {"alice": "secret"}, "realm": "Staff only"},
    "blocked_paths": ["/wp-admin/", "/."],
    "blocked_agents": ["sqlmap", "bad.bot (x)"],
    "read_timeout": "2m",
}
SAID = {
    **SHOP,
    "headers": {"Content-Security-Policy": "default-src 'self'", "X-Frame-Options": ""},
    "access_log": "json",
    "log_query": False,
    "buffering": False,
}
KEPT = {
    **SHOP,
    "cache": "1s",
    "static": STATIC,
    "static_fallback": {"/static/": "/srv/shop/previous/shop/static"},
    "error_pages": {404: "/srv/shop/current/errors/404.html", 502: "/srv/shop/current/errors/502.html"},
    "maintenance": {"allow": ["192.0.2.0/24"], "page": "/srv/shop/down.html", "health": "/healthz"},
}
PLACED = [
    {**SHOP, "redirects": ["example.com"], "tls": "self_signed"},
    {**SHOP, "name": "wiki", "path": "/wiki/", "extra": "location = /x {\n    return 204;\n}\n"},
    {**ROOT, "domains": SHOP["domains"], "path": "/docs/"},
]
SIZES = {
    "nginx_client_max_body_size": "50m",
    "nginx_cache_max_size": "500m",
    "nginx_proxy_connect_timeout": "5s",
    "nginx_client_header_timeout": "5s",
    "nginx_client_body_timeout": "5s",
    "nginx_send_timeout": "5s",
    "nginx_keepalive_timeout": "30s",
    "nginx_keepalive_requests": 2000,
    "nginx_large_client_header_buffers": "4 16k",
    "nginx_limit_nofile": 4096,
    "nginx_worker_connections": 1024,
    "nginx_sandbox": "off",
    "nginx_writable_paths": ["/srv/logs"],
    "nginx_purge": True,
}
MANIFESTS = {
    "no site": ([], {}),
    "a site": ([SHOP], {}),
    "several servers": ([{**SHOP, "upstream": {"servers": ["10.0.0.11:8000", "[fd00::1]:8000"]}}], {}),
    "several sites": ([SHOP, BLOG, ANY], {}),
    "a site for every name": ([{**ANY, "tls": "self_signed"}], {}),
    "static folders, cache and pages": ([KEPT], SIZES),
    "limits behind a proxy": (
        [LIMITED],
        {
            "nginx_trusted_proxies": ["192.0.2.0/24"],
            "nginx_real_ip_header": "CF-Connecting-IP",
            "nginx_blocked_paths": [],
        },
    ),
    "TLS behind a proxy": (
        [{**PLACED[0], "allow": ["10.0.0.0/8"]}],
        {"nginx_trusted_proxies": ["192.0.2.0/24"]},
    ),
    "headers and logs": (
        [SAID, BLOG],
        {"nginx_headers": {"X-Mine": "1"}, "nginx_access_log": "json", "nginx_status": True},
    ),
    "paths and redirects": ([*PLACED, {**BLOG, "state": "absent"}], {"nginx_tls": "self_signed"}),
    "a static site": ([ROOT], {}),
    "TLS in every way": (
        [TLS, {**BLOG, "tls": "acme"}, {**ANY, "tls": OWN}, {**LONG, "tls": "off"}],
        {"nginx_hsts_include_subdomains": True, "nginx_hsts_max_age": 3600},
    ),
    "raw directives": ([{**SHOP, "extra": EXTRA, "max_body_size": "0"}], {}),
    "long names": ([LONG], {}),
    "ports of one's own": (
        [{**TLS, "static": STATIC, "extra": EXTRA}],
        {
            "nginx_listen": ["127.0.0.1:8080"],
            "nginx_listen_tls": ["127.0.0.1:8443"],
            "nginx_tls_profile": "modern",
            "nginx_proxy_read_timeout": "5m",
        },
    ),
}
# What gixy is right about in general and not here. It sees neither the unit nor the host.
REASONS = {
    "worker_rlimit_nofile_vs_connections": "the unit's LimitNOFILE says so, see test_nginx_unit.py",
    "hsts_header": "a browser must not be bound to a certificate that it warns of, or that is still to come",
    "http2_misdirected_request": "the server returns 421 by itself, whatever the location",
    "if_is_evil": "the block ends in a return, and says which page goes with it; nothing of it is left over",
    "return_bypasses_allow_deny": "what returns in a site refuses, or repeats the path that was asked for",
    "try_files_is_evil_too": "a cache of open files would go on serving a release that has gone",
    "ssl_ecdh_curve": "the post-quantum curve is named only where the host's OpenSSL has it",
}
MAIN = {("worker_rlimit_nofile_vs_connections", "nginx.conf")}
HSTS = "hsts_header"
# By manifest, which check finds something in which file.
EXPECTED = {
    "a site for every name": {(HSTS, "webstack/sites/any.conf")},
    "TLS in every way": {(HSTS, "webstack/sites/blog.conf")},
    "static folders, cache and pages": {
        ("if_is_evil", "webstack/sites/shop.conf"),
        ("try_files_is_evil_too", "webstack/sites/shop.conf"),
    },
    "limits behind a proxy": {("return_bypasses_allow_deny", "webstack/sites/shop.conf")},
    "TLS behind a proxy": {
        (HSTS, "webstack/sites/shop.conf"),
        ("http2_misdirected_request", "webstack/http.conf"),
        ("return_bypasses_allow_deny", "webstack/sites/shop.conf"),
    },
    "paths and redirects": {
        (HSTS, "webstack/sites/shop.conf"),
        ("http2_misdirected_request", "webstack/http.conf"),
    },
    "ports of one's own": {
        (HSTS, "webstack/sites/shop.conf"),
        ("http2_misdirected_request", "webstack/http.conf"),
    },
}
CURVES = {("ssl_ecdh_curve", "webstack/include/tls.conf")}
# TLS is in a file that only sites with it include.
BY_TLS = (
    "a site for every name",
    "TLS in every way",
    "TLS behind a proxy",
    "paths and redirects",
    "ports of one's own",
)


def audit(conf):
    """Return which of all its checks finds something in which file."""
    if importlib.util.find_spec("gixy") is None:
        pytest.fail("gixy-ng is not installed in .venv; run `make setup`")
    done = subprocess.run(
        [sys.executable, "-m", "gixy", "--format", "json", str(conf)],
        check=False,
        capture_output=True,
        text=True,
    )
    # Without its list there was no audit, as where it cannot read a file.
    assert done.stdout.startswith("["), done.stderr
    return {
        (finding["plugin"], str(Path(finding["file"]).relative_to(conf.parent)))
        for finding in json.loads(done.stdout)
    }


@pytest.mark.parametrize("host", ["DEBIAN_12", "DEBIAN_13"])
@pytest.mark.parametrize("manifest", MANIFESTS)
def test_gixy_finds_nothing_but_what_has_a_reason(manifest, host, tmp_path):
    sites, variables = MANIFESTS[manifest]
    assert front_tree.findings(sites, **variables) == []
    tree = front_tree.render(sites, getattr(front_tree, host), **variables)
    expected = MAIN | EXPECTED.get(manifest, set())
    if host == "DEBIAN_13" and manifest in BY_TLS:
        expected |= CURVES
    assert audit(front_tree.write(tree, tmp_path)) == expected


# What certbot is told is no part of nginx's tree, and whose manifests the sites are made of is none either.
NOT_PRINTED = ("nginx_sites", "nginx_app_hosts", "nginx_acme_")


def test_manifests_use_every_key():
    options = documented("nginx")
    entries = [site for sites, _variables in MANIFESTS.values() for site in sites]
    assert set().union(*entries) == set(options["nginx_sites"].options)
    variables = set().union(*(variables for _sites, variables in MANIFESTS.values()))
    assert variables == {name for name in options if not name.startswith(NOT_PRINTED)}


def test_each_accepted_finding_has_a_reason_and_each_reason_a_finding():
    found = MAIN | CURVES | set().union(*EXPECTED.values())
    assert {check for check, _file in found} == set(REASONS)


def test_gixy_reads_what_is_included(tmp_path):
    tree = front_tree.render([{**SHOP, "extra": "location /i { alias /srv/shop/; }"}])
    assert ("alias_traversal", "webstack/sites/shop.conf") in audit(front_tree.write(tree, tmp_path))
