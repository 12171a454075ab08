# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site says in its headers, and what is written down of its requests."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils import _rules, _site_place
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Rule, kind

# What a site takes over from the manifest's section `nginx`.
KEYS: tuple[str, ...] = ("headers", "access_log", "log_query")

# Headers that are not a site's to set, with what decides them.
OWNED = {
    "strict-transport-security": "nginx_hsts_max_age decides it",
    "x-request-id": "each response has it",
    **dict.fromkeys(("cache-control", "expires"), "the app says how long its answers hold"),
    **dict.fromkeys(
        ("content-type", "last-modified", "etag", "location", "set-cookie", "vary"),
        "it depends on the answer, so the app says it",
    ),
    **dict.fromkeys(
        (
            "connection",
            "content-encoding",
            "content-length",
            "date",
            "keep-alive",
            "server",
            "trailer",
            "transfer-encoding",
            "upgrade",
        ),
        "it is nginx's own",
    ),
}
# By the keys access_log and log_query.
FORMATS = {
    ("combined", True): "combined",
    ("combined", False): "webstack_combined_no_query",
    ("json", True): "webstack_json",
    ("json", False): "webstack_json_no_query",
    ("off", True): "off",
    ("off", False): "off",
}
HEADER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
HEADER_VALUE = re.compile(r"(?!~)[ -#%-~]*")
USE_HEADERS = "write each header as Name: value"


class Header(TypedDict):
    """A header that a response has unless the app sends one of that name."""

    name: str
    value: str
    sent: (
        str  # nginx's variable with what is sent without it: not what a page of errors has taken the place of
    )
    variable: str  # nginx's variable with what is added
    own: bool  # whether that variable is the site's and not the host's


class Record(TypedDict):
    """What a site says of itself, and what is kept of its requests."""

    headers: list[Header]
    access_log: str  # nginx's name of the format; off for no log


def rules(prefix: str) -> dict[str, Rule]:
    """Return the rules of the keys. prefix: where the list keeps them."""
    return {f"{prefix}headers": Rule(USE_HEADERS, headers)}


def headers(value: Mapping[Any, object]) -> _rules.Problems:
    """Headers by their names, each once, in any case of letters."""
    seen: set[str] = set()
    for name, item in value.items():
        if not isinstance(name, str) or not HEADER_NAME.fullmatch(name):
            yield f"{name!r} is not a header's name; use letters, digits and -, starting with a letter"
            continue
        if name.lower() in OWNED:
            yield f"{name} is not free; remove it, {OWNED[name.lower()]}"
        if name.lower() in seen:
            yield f"{name} is listed twice; list it once"
        seen.add(name.lower())
        yield from _header_value(name, item)


def _header_value(name: str, value: object) -> _rules.Problems:
    if isinstance(value, bool) or not isinstance(value, (str, int, type(None))):
        yield f"{name} is {kind(value)}, not text; write it in quotes"
    elif not HEADER_VALUE.fullmatch(str(value)):
        remedy = 'write one line of printable ASCII, in YAML after ">-", and let the app send others'
        yield f"{name} has a character that nginx cannot send as it is, such as $ or a line's end; {remedy}"


VARIABLE_RULES: Mapping[str, Rule] = {"nginx_headers": Rule(USE_HEADERS, headers)}


def between(_prefix: str) -> list[Between]:
    """Return what is judged of several keys, or of several sites. prefix: where the list keeps them."""
    return []


def resolve(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> Record:
    """Return what the templates print of a site, by the host's defaults."""
    common, own = _by_lower_name(defaults["headers"]), _by_lower_name(entry.get("headers", {}))
    variables = {header["name"].lower(): header["variable"] for header in host_headers(defaults["headers"])}
    start = f"{_site_place.variables(entry['name'])}_h"
    merged = enumerate(sorted({**common, **own}.items()), start=1)
    return Record(
        headers=[
            _header(name, value, f"{start}{number}" if lower in own else variables[lower], own=lower in own)
            for number, (lower, (name, value)) in merged
            if value
        ],
        access_log=FORMATS[
            # YAML reads a bare off as false.
            entry.get("access_log", defaults["access_log"]) or "off", entry.get("log_query", True)
        ],
    )


def host_headers(value: Mapping[str, object]) -> list[Header]:
    """Return the headers of all sites of a host, numbered as in http.conf.j2. value: nginx_headers."""
    found = [header for _lower, header in sorted(_by_lower_name(value).items()) if header[1]]
    return [
        _header(name, text, f"webstack_header_{number}", own=False)
        for number, (name, text) in enumerate(found, start=1)
    ]


def _by_lower_name(value: Mapping[str, object]) -> dict[str, tuple[str, str]]:
    return {name.lower(): (name, "" if item is None else str(item).strip()) for name, item in value.items()}


def _header(name: str, value: str, variable: str, *, own: bool) -> Header:
    """Return a header. Its variable is numbered: a header's name may be longer than nginx takes one."""
    sent = f"sent_http_{name.lower().replace('-', '_')}"
    return Header(name=name, value=value, sent=sent, variable=variable, own=own)
