# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may ask a site, how often, and for what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import (
    _addresses,
    _basic_auth,
    _rules,
    _site_place,
)
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between, Entry
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule

Problems = Iterator[str]

# What a site takes over from the manifest's section `nginx`.
KEYS: tuple[str, ...] = (
    "rate_limit",
    "connection_limit",
    "limits_exempt",
    "methods",
    "allow",
    "deny",
    "basic_auth",
    "blocked_paths",
    "blocked_agents",
    "read_timeout",
)
METHODS = (
    *("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"),
    # WebDAV's
    *("COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "UNLOCK"),
)
RATE = re.compile(r"([1-9][0-9]{0,4})r/[sm]")
BLOCKED_PATH = re.compile(r"/[A-Za-z0-9._~@+,=:/-]+")
AGENT = re.compile(r"[ -#%-~]{1,100}")  # printable, but no dollar sign
EVERY_BROWSER = "mozilla/5.0 ("
# What a short beginning does not take with it.
SPARED = ("/.well-known/",)
HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
HEADER_BUFFERS = re.compile(r"[1-9][0-9]? [1-9][0-9]{0,2}k")
# nginx takes a higher limit of connections for a mistake.
MOST_CONNECTIONS = 65535

USE_RATE = "write a whole number of requests with its unit, such as 20r/s or 100r/m"
USE_METHODS = "write a list such as [GET, POST]"
USE_ALLOW = f"remove the key, or name who is let in; {_addresses.USE_NETWORKS}"
USE_PATHS = "write the beginnings of paths, such as [/wp-admin/, /.git/]"
USE_AGENTS = "write a part of the User-Agent that others do not have, such as [sqlmap, SemrushBot]"
USE_HEADER = "write a header's name, such as X-Forwarded-For or CF-Connecting-IP"
USE_BUFFERS = 'write a number and a size, such as "4 8k"'
NOBODY = "so nobody could enter; name some, or stop the app"
BELIEVED = "whose header would be believed; name the addresses of your balancers"


def rules(prefix: str) -> dict[str, Rule]:
    """Return the rules of the keys. prefix: where the list keeps them."""
    found = {
        "rate_limit.rate": Rule(USE_RATE, _rules.matches(RATE, "is not a rate", USE_RATE)),
        "rate_limit.burst": Rule("write a whole number from 0", _rules.between(0, 100000)),
        "connection_limit": Rule("write a whole number from 1", _rules.between(1, MOST_CONNECTIONS)),
        "limits_exempt": Rule(_addresses.USE_NETWORKS, _addresses.networks),
        "methods": Rule(USE_METHODS, methods),
        "allow": Rule(_addresses.USE_NETWORKS, allow),
        "deny": Rule(_addresses.USE_NETWORKS, _addresses.not_everybody(NOBODY)),
        "basic_auth": Rule("write users, and a realm if you like, below it", secret=True),
        "basic_auth.users": Rule(_basic_auth.USE_USERS, _basic_auth.users),
        "basic_auth.realm": Rule(_basic_auth.USE_REALM, _basic_auth.realm),
        "blocked_paths": Rule(USE_PATHS, blocked_paths),
        "blocked_agents": Rule(USE_AGENTS, blocked_agents),
        "read_timeout": TIME,
    }
    return {f"{prefix}{path}": rule for path, rule in found.items()}


def time(value: str) -> Problems:
    """A time in nginx's words that is not at its end at once."""
    if not _rules.NGINX_TIME.fullmatch(value) or not re.search("[1-9]", value):
        yield f"{value!r} is not a time; {_rules.USE_NGINX_TIME}"


TIME = Rule(_rules.USE_NGINX_TIME, time)


def methods(value: Sequence[str]) -> Problems:
    """Methods that nginx passes on, at least one."""
    if not value:
        yield f"is an empty list, so nothing could be asked; {USE_METHODS}"
    for index, item in enumerate(value):
        if item in value[:index]:
            yield f"{item} is listed twice; list it once"
        elif item.upper() in METHODS and item not in METHODS:
            yield f"{item!r} is not a method; write {item.upper()}"
        elif item not in METHODS:
            yield f"{item!r} is not a method; the known ones are {', '.join(METHODS)}"


def allow(value: Sequence[str]) -> Problems:
    """Who is let in, at least one."""
    if not value:
        yield f"is an empty list, so nobody could enter; {USE_ALLOW}"
    yield from _addresses.networks(value)


def blocked_paths(value: Sequence[str]) -> Problems:
    """Beginnings of paths as nginx compares them: decoded, and in their shortest form."""
    for index, item in enumerate(value):
        if not BLOCKED_PATH.fullmatch(item) or re.search(r"//|/\.{1,2}/|/\.\.", item):
            yield f"{item!r} is not the beginning of a path; {USE_PATHS}"
        elif item in value[:index]:
            yield f"{item} is listed twice; list it once"


def blocked_agents(value: Sequence[str]) -> Problems:
    """Parts of a User-Agent, none of which every browser has."""
    for index, item in enumerate(value):
        if item.lower() in EVERY_BROWSER or not item.strip():
            yield f"{item!r} is part of what every browser sends; {USE_AGENTS}"
        elif not AGENT.fullmatch(item):
            problem = "has signs other than ASCII's, a dollar sign, or more than 100 of them"
            yield f"{item!r} {problem}; {USE_AGENTS}"
        elif item in value[:index]:
            yield f"{item} is listed twice; list it once"


VARIABLE_RULES: Mapping[str, Rule] = {
    "nginx_blocked_paths": Rule(USE_PATHS, blocked_paths),
    "nginx_trusted_proxies": Rule(_addresses.USE_NETWORKS, _addresses.not_everybody(BELIEVED)),
    "nginx_real_ip_header": Rule(
        USE_HEADER, _rules.matches(HEADER, "is not a header that nginx reads", USE_HEADER)
    ),
    "nginx_client_header_timeout": TIME,
    "nginx_client_body_timeout": TIME,
    "nginx_send_timeout": TIME,
    "nginx_keepalive_timeout": TIME,
    "nginx_keepalive_requests": Rule("write a whole number from 1", _rules.between(1)),
    "nginx_large_client_header_buffers": Rule(
        USE_BUFFERS, _rules.matches(HEADER_BUFFERS, "is not a number with a size", USE_BUFFERS)
    ),
}


def between(prefix: str) -> list[Between]:
    """Return what is judged of several keys, or of several sites. prefix: where the list keeps them."""
    return [_let_in_and_refused(prefix)]


def _let_in_and_refused(prefix: str) -> Between:
    """Make the judgement that nobody is let in who is refused anyway."""

    def judgement(entries: list[Entry]) -> Iterable[tuple[Entry, Finding]]:
        for entry in filter(lambda entry: entry.present, entries):
            refused = entry.get(f"{prefix}deny", [])
            for item in entry.get(f"{prefix}allow", []):
                if wider := _addresses.within(item, refused):
                    problem = f"{item} lies in {wider} of deny, which goes first; remove one of them"
                    yield entry, Finding(f"{prefix}allow", problem)

    return judgement


def resolve(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates print of a site, by the host's defaults.

    id: what its variables and zones begin with.
    rate: requests and their burst, or None. connections: at once for an address, 0 for any number.
    methods: all that are answered, none for any. auth: realm and file, or None.
    paths, agents: regular expressions of what is refused, empty for nothing.
    """
    return {
        "id": _site_place.variables(entry["name"]),
        "rate": _rate(entry["rate_limit"]) if "rate_limit" in entry else None,
        "connections": entry.get("connection_limit", 0),
        "exempt": _addresses.written(entry.get("limits_exempt", [])),
        "methods": _with_head(entry.get("methods", [])),
        "allow": _addresses.written(entry.get("allow", [])),
        "deny": _addresses.written(entry.get("deny", [])),
        "auth": _auth(entry) if "basic_auth" in entry else None,
        "paths": _any_of(entry.get("blocked_paths", defaults["blocked_paths"]), _path, "^"),
        "agents": _any_of(entry.get("blocked_agents", []), re.escape),
        "read_timeout": entry.get("read_timeout", defaults["read_timeout"]),
    }


def _rate(value: Mapping[str, Any]) -> dict[str, Any]:
    """By default as many may come at once as the rate has in its unit of time."""
    return {"rate": value["rate"], "burst": value.get("burst", int(value["rate"].partition("r/")[0]))}


def _with_head(value: Sequence[str]) -> list[str]:
    """Who may read a page may ask for its headers."""
    return list(dict.fromkeys([*value, *(["HEAD"] if "GET" in value else [])]))


def _auth(entry: Mapping[str, Any]) -> dict[str, str]:
    return {"realm": entry["basic_auth"].get("realm", _basic_auth.REALM_DEFAULT), "file": _file(entry)}


def _file(entry: Mapping[str, Any]) -> str:
    return f"{entry['name']}.htpasswd"


def _any_of(items: Sequence[str], pattern: Callable[[str], str], start: str = "") -> str:
    return f"{start}(?:{'|'.join(map(pattern, items))})" if items else ""


def _path(prefix: str) -> str:
    """Return what matches paths with a beginning, but for those that a short one spares."""
    rests = [path.removeprefix(prefix) for path in SPARED if path.startswith(prefix) and path != prefix]
    return re.escape(prefix) + "".join(f"(?!{re.escape(rest)})" for rest in rests)


def secrets(entry: Mapping[str, Any]) -> dict[str, str]:
    """Return the files that hold what nobody but nginx may read of a site: texts by their names."""
    if "basic_auth" not in entry:
        return {}
    domains = entry.get("domains", [])
    return {_file(entry): _basic_auth.file_text(entry["basic_auth"]["users"], domains, entry["name"])}
