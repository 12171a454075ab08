"""Sites of one server block: what one says of it holds, whichever of them says it."""

from __future__ import annotations

import re

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

from tests.unit.roles import front_tree

HOME = {
    "name": "home",
    "domains": ["shop.example.com"],
    "upstream": {"servers": ["unix:/run/webstack/home/http.sock"]},
}
WIKI = {
    **HOME,
    "name": "wiki",
    "path": "/wiki/",
    "upstream": {"servers": ["unix:/run/webstack/wiki/http.sock"]},
}
# A value for each key of a block, with what it depends on.
SAID = {
    "rate_limit": {"rate": "10r/s"},
    "connection_limit": 5,
    "limits_exempt": ["10.0.0.0/8"],
    "methods": ["GET"],
    "allow": ["10.0.0.0/8"],
    "deny": ["10.1.0.0/16"],
    "basic_auth": {"users": {"alice": "secret"}},
    "blocked_paths": ["/wp-admin/"],
    "blocked_agents": ["sqlmap"],
    "read_timeout": "5m",
    "cache": "1h",
    "error_pages": {404: "/srv/404.html"},
    "maintenance": True,
    "redirects": ["www.shop.example.com"],
    "headers": {"X-Mine": "1"},
    "access_log": "json",
    "log_query": False,
    "tls": "self_signed",
}
BESIDE = {"limits_exempt": {"rate_limit": {"rate": "10r/s"}}}


def written(*sites):
    """Return the tree's files, and what else the tree is told to have."""
    known = front_tree.variables(list(sites), front_tree.DEBIAN_12)
    names = ("secrets", "certificates", "caches")
    told = {name: front_tree.evaluate(front_tree.TASK[name], known) for name in names}
    return front_tree.render(list(sites)), told


@pytest.mark.parametrize("key", [key for key in _nginx.SERVER_KEYS if key != "domains"])
def test_it_makes_no_difference_which_site_of_a_server_says_a_key(key):
    said = {key: SAID[key], **BESIDE.get(key, {})}
    assert front_tree.findings([HOME, {**WIKI, **said}]) == []
    second = written(HOME, {**WIKI, **said})
    assert second != written(HOME, WIKI)
    assert second == written({**HOME, **said}, WIKI)
    tree, told = second
    for name in re.findall(r"/etc/nginx/webstack/secrets/([^;]+);", "".join(tree.values())):
        assert name in told["secrets"]
