"""nginx's variables: it loads no name that its default table has no room for."""

from __future__ import annotations

import re

from tests.unit.roles import front_tree

LONGEST = 46
DEFINED = re.compile(r"^\s*(?:(?:geo|map) .*?\$(\w+) \{|set \$(\w+) )", re.MULTILINE)
LONG = "X-" + "Long-" * 20 + "Name"
SITE = {
    "name": "a" * 31,
    "domains": ["shop.example.com"],
    "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"]},
    "static": {"/static/": "/srv/shop/static"},
    "rate_limit": {"rate": "10r/s"},
    "connection_limit": 5,
    "limits_exempt": ["10.0.0.0/8"],
    "methods": ["GET"],
    "basic_auth": {"users": {"alice": "secret"}},
    "cache": "1h",
    "error_pages": {404: "/srv/404.html"},
    "maintenance": True,
    "headers": {"Content-Security-Policy-Report-Only": "default-src 'self'", f"{LONG}-Own": "1"},
    "access_log": "json",
    "log_query": False,
}
HOST = {
    "nginx_headers": {"X-Permitted-Cross-Domain-Policies": "none", LONG: "1", "x-a": "1", "X-None": ""},
    "nginx_trusted_proxies": ["10.0.0.0/8"],
}


def test_no_name_of_a_variable_is_too_long_for_nginx():
    assert front_tree.findings([SITE], **HOST) == []
    text = "".join(front_tree.render([SITE], **HOST).values())
    names = {one or other for one, other in DEFINED.findall(text)}
    assert f"webstack_{'a' * 31}_503" in names
    assert [name for name in names if len(name) > LONGEST] == []


def test_each_header_has_a_variable_that_is_made_of_its_value():
    """The host's are numbered where they are made, and where each site adds them."""
    plain = {**SITE, "name": "plain", "domains": ["plain.example.com"], "headers": {"X-A": None}}
    tree = front_tree.render([SITE, plain], **HOST)
    text = "".join(tree.values())
    made = {
        variable: sent
        for sent, variable in re.findall(r"^map \$sent_http_(\w+) \$(\w+) \{", text, re.MULTILINE)
    }
    added = re.findall(r"^add_header (\S+) \$(webstack_\w+_h?\d+) always;", text, re.MULTILINE)
    assert [made[variable] for _name, variable in added] == [
        name.lower().replace("-", "_") for name, _ in added
    ]
    assert len(added) == 5 + 2
