"""What a site says in its headers, and what is written down of its requests."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.nginx_quote import quote
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx, _site_record

DEFAULTS = {"headers": {"X-Frame-Options": "SAMEORIGIN", "X-None": None}, "access_log": "combined"}
SITE = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}}


def findings(**keys):
    prefix = "nginx_sites[0] (shop): "
    return [text.removeprefix(prefix) for text in _nginx.findings([{**SITE, **keys}])]


def headers(own, name="shop"):
    found = _site_record.resolve({"name": name, "headers": own}, DEFAULTS)["headers"]
    return {header["name"]: (header["value"], header["variable"]) for header in found}


def test_a_site_has_the_hosts_headers():
    assert headers({}) == {"X-Frame-Options": ("SAMEORIGIN", "webstack_header_1")}


@pytest.mark.parametrize("nothing", ["", None, " "])
def test_an_empty_header_takes_the_hosts_away(nothing):
    assert headers({"x-frame-options": nothing}) == {}


def test_a_sites_own_header_replaces_the_hosts_in_any_case():
    assert headers({"x-frame-OPTIONS": "DENY"}) == {"x-frame-OPTIONS": ("DENY", "webstack_shop_h1")}


def test_no_two_headers_are_held_in_one_variable():
    variables = [
        variable
        for name in ("a", "a-b", "a--b")
        for _value, variable in headers({"B-C": "1", "C": "2", "B--C": "3"}, name).values()
    ]
    assert len(set(variables)) == 3 * 3 + 1


@pytest.mark.parametrize(
    "value", ["default-src 'self'; script-src 'nonce-x' \"y\" \\", 'report-to="x", {a}', 0, "", None]
)
def test_values_that_a_header_can_have(value):
    assert findings(headers={"Content-Security-Policy": value}) == []
    assert quote(value)


@pytest.mark.parametrize("value", ["a\nSet-Cookie: b", "a\r", "a$b", "tab\t", "é", "\x7f", "~a"])
def test_values_that_nginx_cannot_send(value):
    (finding,) = findings(headers={"X-A": value})
    assert finding.startswith("headers: X-A has a character that nginx cannot send as it is")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("X A", "'X A' is not a header's name"),
        ("X_A", "'X_A' is not a header's name"),
        ("X:A", "'X:A' is not a header's name"),
        (1, "1 is not a header's name"),
        ("", "'' is not a header's name"),
        ("X-Å", "'X-Å' is not a header's name"),
        ("strict-Transport-Security", "strict-Transport-Security is not free; remove it, nginx_hsts_max_age"),
        ("Content-Length", "Content-Length is not free; remove it, it is nginx's own"),
        ("Cache-Control", "Cache-Control is not free; remove it, the app says"),
    ],
)
def test_names_that_no_header_of_a_site_can_have(name, problem):
    (finding,) = findings(headers={name: "a"})
    assert finding.startswith(f"headers: {problem}")


@pytest.mark.parametrize(("value", "kind"), [(True, "a truth value"), (["a"], "a list"), (1.5, "a number")])
def test_a_value_is_a_text(value, kind):
    assert findings(headers={"X-A": value}) == [f"headers: X-A is {kind}, not text; write it in quotes"]


def test_a_header_is_named_once():
    assert findings(headers={"X-A": "1", "x-a": "2"}) == ["headers: x-a is listed twice; list it once"]


def test_the_hosts_headers_are_judged_alike():
    (finding,) = _nginx.findings([SITE], {"nginx_headers": {"X-A": "$x"}})
    assert finding.startswith("nginx_headers: X-A has a character")


@pytest.mark.parametrize(
    ("keys", "log"),
    [
        ({}, "combined"),
        ({"access_log": "json"}, "webstack_json"),
        ({"access_log": "off"}, "off"),
        ({"access_log": False}, "off"),
        ({"access_log": False, "log_query": False}, "off"),
        ({"log_query": False}, "webstack_combined_no_query"),
        ({"access_log": "json", "log_query": False}, "webstack_json_no_query"),
    ],
)
def test_the_log_has_the_format_that_is_asked_for(keys, log):
    assert findings(**keys) == []
    assert _site_record.resolve({**SITE, **keys}, DEFAULTS)["access_log"] == log


def test_a_host_can_do_without_logs():
    assert _site_record.resolve(SITE, {"headers": {}, "access_log": False})["access_log"] == "off"
    assert _nginx.findings([SITE], {"nginx_access_log": False, "nginx_status": True}) == []
    (finding,) = findings(access_log="apache")
    assert finding == "access_log: 'apache' is not known; write combined, json or off"
