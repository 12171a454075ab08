"""What gixy-ng has to say of whole configurations, with all of its checks."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

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
MANIFESTS = {
    "no site": ([], {}),
    "a site": ([SHOP], {}),
    "several servers": ([{**SHOP, "upstream": {"servers": ["10.0.0.11:8000", "[fd00::1]:8000"]}}], {}),
    "several sites": ([SHOP, BLOG, ANY], {}),
    "a site for every name": ([{**ANY, "tls": "self_signed"}], {}),
    "static folders": ([{**SHOP, "static": STATIC}], {}),
    "TLS in every way": (
        [TLS, {**BLOG, "tls": "acme"}, {**ANY, "tls": OWN}, {**LONG, "tls": "off"}],
        {"nginx_hsts_include_subdomains": True},
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
    "ssl_ecdh_curve": "the post-quantum curve is named only where the host's OpenSSL has it",
}
MAIN = {("worker_rlimit_nofile_vs_connections", "nginx.conf")}
HSTS = "hsts_header"
# By manifest, which check finds something in which file.
EXPECTED = {
    "a site for every name": {(HSTS, "webstack/sites/any.conf")},
    "TLS in every way": {(HSTS, "webstack/sites/blog.conf")},
    "ports of one's own": {
        (HSTS, "webstack/sites/shop.conf"),
        ("http2_misdirected_request", "webstack/http.conf"),
    },
}
CURVES = {("ssl_ecdh_curve", "webstack/include/tls.conf")}


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
    if host == "DEBIAN_13" and manifest in EXPECTED:
        expected |= CURVES
    assert audit(front_tree.write(tree, tmp_path)) == expected


def test_each_accepted_finding_has_a_reason_and_each_reason_a_finding():
    found = MAIN | CURVES | set().union(*EXPECTED.values())
    assert {check for check, _file in found} == set(REASONS)


def test_gixy_reads_what_is_included(tmp_path):
    tree = front_tree.render([{**SHOP, "extra": "location /i { alias /srv/shop/; }"}])
    assert ("alias_traversal", "webstack/sites/shop.conf") in audit(front_tree.write(tree, tmp_path))
