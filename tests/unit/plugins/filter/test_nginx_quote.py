"""Values as words of nginx's configuration."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.webstack.python.plugins.filter import nginx_quote


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("shop.example.com", "shop.example.com"),
        ("*.example.com", "*.example.com"),
        ("[::]:80", "[::]:80"),
        ("unix:/run/webstack/shop/http.sock", "unix:/run/webstack/shop/http.sock"),
        (80, "80"),
        ("", '""'),
        ("/srv/my files/", '"/srv/my files/"'),
        ("a; return 200", '"a; return 200"'),
        ("a } server {", '"a } server {"'),
        ('say "hi"', '"say \\"hi\\""'),
        ("back\\", '"back\\\\"'),
        ("a # b", '"a # b"'),
        ("ä.example.com", '"ä.example.com"'),
    ],
)
def test_value_becomes_one_word(value, expected):
    assert nginx_quote.quote(value) == expected


@pytest.mark.parametrize("value", ["/srv/$host/", "a\nb", "a\x00", "~^shop", "a\x7f"])
def test_what_nginx_cannot_write_is_refused(value):
    with pytest.raises(AnsibleFilterError, match="cannot be a value in nginx's configuration"):
        nginx_quote.quote(value)
