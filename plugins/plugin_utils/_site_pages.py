# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What visitors get where an app has no answer for them: pages for errors, and maintenance."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import unquote

from ansible_collections.webstack.python.plugins.plugin_utils import _addresses, _rules, _site_place
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between, Entry
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule, kind

# What a site takes over from the manifest's section `nginx`.
KEYS: tuple[str, ...] = ("error_pages", "maintenance")
VARIABLE_RULES: Mapping[str, Rule] = {}

Problems = Iterator[str]

STATUS = re.compile(r"[45][0-9]{2}")
# nginx's own signs for connections that it closes, and for handshakes that fail.
UNSEEN = frozenset({444, 494, 495, 496, 497, 499})
# What nginx says where the app does not answer. Any other status may be the app's own answer.
UNANSWERED = frozenset({502, 504})
LOCATION = re.compile(r"(/[\w.@+,=~:-]+)+/?", re.ASCII)
PAGES = "/etc/nginx/webstack/pages"  # those of the collection
USE_PAGES = "write statuses to files, such as 404: errors/404.html"
USE_RELEASE_FILE = "name a file of the release, such as errors/404.html"
USE_STATUS = "write one from 400 to 599 that a visitor can get"
USE_MAINTENANCE = "write true, false, or a mapping such as {allow: [192.0.2.0/24]}"
USE_HEALTH = "write a path such as /healthz, without a query"
USE_OTHER = "give the app another health path"
OURS = "/.webstack"  # what nginx leads to by itself begins so


def rules(prefix: str) -> dict[str, Rule]:
    """Return the rules of the keys. prefix: where the list keeps them.

    An app's pages are files of its release; those of a site alone are files of the host.
    """
    page = _release_file if prefix else _host_file
    return {
        f"{prefix}error_pages": Rule(USE_PAGES, _error_pages(page)),
        f"{prefix}maintenance": Rule(USE_MAINTENANCE, _maintenance(page, health=not prefix)),
    }


def _release_file(value: str) -> Problems:
    if not _rules.is_inside(value):
        yield f"{value!r} is not a path inside the release; {USE_RELEASE_FILE}"


def _host_file(value: str) -> Problems:
    if value.endswith("/"):
        yield f"{value!r} is a folder; name the file"
    else:
        yield from _rules.absolute_path(value)


def _error_pages(page: Callable[[str], Problems]) -> Callable[[Mapping[Any, object]], Problems]:
    def rule(value: Mapping[Any, object]) -> Problems:
        seen: set[str] = set()
        for status, file in value.items():
            text = str(status)
            if not STATUS.fullmatch(text) or int(text) in UNSEEN:
                yield f"{text} is no error status; {USE_STATUS}"
            elif text in seen:
                yield f"{text} is there twice; give it one page"
            seen.add(text)
            yield from (f"{text}: {problem}" for problem in _page(file, page))

    return rule


def _page(value: object, page: Callable[[str], Problems]) -> Problems:
    if not isinstance(value, str):
        yield f"must be text, not {kind(value)}; name the page's file"
    else:
        yield from page(value)


def _maintenance(page: Callable[[str], Problems], *, health: bool) -> Callable[[object], Problems]:
    """Make the rule of a truth value, or of what is known of those who still get through."""
    judges: dict[str, Callable[[object], Problems]] = {
        "allow": _allow,
        "page": lambda value: _page(value, page),
        **({"health": _health} if health else {}),
    }

    def rule(value: object) -> Problems:
        if not isinstance(value, Mapping):
            if not isinstance(value, bool):
                yield f"must be true or false, or a mapping, not {kind(value)}; {USE_MAINTENANCE}"
            return
        if not value:
            yield f"is an empty mapping; {USE_MAINTENANCE}"
        for key, item in value.items():
            if key in judges:
                yield from (f"{key}: {problem}" for problem in judges[key](item))
            else:
                yield f"{key}: unknown key; the known ones are {', '.join(judges)}"

    return rule


def _allow(value: object) -> Problems:
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        yield from _addresses.networks(value)
    else:
        yield f"must be a list of texts; {_addresses.USE_NETWORKS}"


def _health(value: object) -> Problems:
    if not isinstance(value, str):
        yield f"must be text, not {kind(value)}; {USE_HEALTH}"
    elif not LOCATION.fullmatch(value):
        yield f"{value!r} is not a path; {USE_HEALTH}"


def between(prefix: str) -> list[Between]:
    """Return what is judged of several keys, or of several sites. prefix: where the list keeps them."""

    def health_of_app(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        for entry in entries:
            path = _health_location(entry.get("health.path", "/"))
            if entry.present and entry.get(f"{prefix}maintenance") and path and not LOCATION.fullmatch(path):
                problem = (
                    f"{path!r} cannot be kept up under maintenance; "
                    "use a path of letters, digits and . _ - + @ , = ~ :"
                )
                yield entry, Finding("health.path", problem)

    return [*([health_of_app] if prefix else []), _own_health(prefix)]


def _own_health(prefix: str) -> Between:
    """Make the comparison that a health path is where nothing else of its server block is."""
    key, named = ("health.path", "") if prefix else ("maintenance", "health: ")

    def comparison(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        for group in _site_place.servers(entries, prefix):
            # A path without its slash leads to the path.
            found = [(_site_place.path_of(entry, prefix)[:-1], entry.name) for entry in group]
            owners = {place: f"leads to {name!r}" for place, name in found}
            kept_up = [(entry, place) for entry in group if (place := _kept_up(entry, prefix))]
            for entry, place in kept_up:
                if place.startswith(OURS):
                    yield entry, Finding(key, f"{named}{place} is where Nginx keeps its pages; {USE_OTHER}")
                elif place in owners:
                    yield entry, Finding(key, f"{named}{place} {owners[place]} already; {USE_OTHER}")
                else:
                    owners[place] = f"is the health path of {entry.name!r}"

    return comparison


def _kept_up(entry: Entry, prefix: str) -> str:
    """Return the health path that visitors get under maintenance; nothing where there is none."""
    if not prefix:
        return str(entry.get("maintenance.health", "")) if entry.get("upstream") else ""
    location = _health_location(entry.get("health.path", ""))
    path = _site_place.path_of(entry, prefix).rstrip("/")
    return path + location if location and entry.get(f"{prefix}maintenance") else ""


def _health_location(path: str) -> str:
    """Return what nginx compares a request for a health path with; nothing for a site's front page."""
    location = unquote(path.partition("?")[0])
    return "" if location == "/" else location


def files_of(section: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys of a section that name files of the release."""
    if section.get("error_pages"):
        yield "error_pages"
    maintenance = section.get("maintenance")
    if isinstance(maintenance, Mapping) and maintenance.get("page"):
        yield "maintenance"


def of_app(section: Mapping[str, Any], health: str, root: str) -> dict[str, Any]:
    """Return an app's keys as those of a site.

    section: the app's `nginx`. health: its health path there, empty for none. root: its code on the proxy.
    """
    site: dict[str, Any] = {}
    if "error_pages" in section:
        site["error_pages"] = {
            status: f"{root}/{file}" for status, file in (section["error_pages"] or {}).items()
        }
    if section.get("maintenance"):
        path = section.get("path", "/").rstrip("/")
        site["maintenance"] = _maintenance_of_app(section["maintenance"], health, path, root)
    return site


def _maintenance_of_app(value: object, health: str, path: str, root: str) -> dict[str, Any]:
    given = value if isinstance(value, Mapping) else {}
    location = _health_location(health)
    return {
        "allow": given.get("allow", []),
        **({"page": f"{root}/{given['page']}"} if "page" in given else {}),
        **({"health": path + location} if location else {}),
    }


def meaning(prefix: str, key: str, entry: Entry) -> object:
    """Return what a site means for all sites of its server block by its value of a key.

    The file of an app is one of its own release, whatever others call theirs. A health path is the site's
    own.
    """
    section = {key: entry.get(prefix + key)}
    value = _without_health(section[key]) if key == "maintenance" else section[key]
    return value, entry.name if prefix and any(files_of(section)) else ""


def _without_health(maintenance: object) -> object:
    if not isinstance(maintenance, Mapping):
        return maintenance
    return {key: value for key, value in maintenance.items() if key != "health"} or True


def with_own_health(site: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a site of a server block whose maintenance leaves the site's own health path alone.

    site: with what is said of the block. own: what the site says itself.
    """
    common, given = _without_health(site.get("maintenance")), own.get("maintenance")
    if isinstance(given, Mapping) and "health" in given:
        kept = common if isinstance(common, Mapping) else {}
        return {**site, "maintenance": {**kept, "health": given["health"]}}
    return {**site, "maintenance": common}


def resolve(entry: Mapping[str, Any], _defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates print of a site: its pages, and its maintenance, which is None without."""
    given = entry.get("error_pages") or {}
    pages = {int(status): file for status, file in given.items()}
    return {
        "errors": [{"status": status, **_place(file)} for status, file in sorted(pages.items())],
        "intercept": not UNANSWERED.issuperset(pages),
        "maintenance": _resolve_maintenance(entry, pages.get(503, f"{PAGES}/maintenance.html")),
    }


def _resolve_maintenance(entry: Mapping[str, Any], page: str) -> dict[str, Any] | None:
    value = entry.get("maintenance")
    if not value:
        return None
    given = value if isinstance(value, Mapping) else {}
    return {
        "variable": f"{_site_place.variables(entry['name'])}_503",
        "allow": _addresses.written(given.get("allow", [])),
        "health": given.get("health", ""),
        **_place(given.get("page", page)),
    }


def _place(file: str) -> dict[str, str]:
    """Part the path of a page into what nginx takes as root, and the file below it."""
    root, name = posixpath.split(file)
    return {"root": root or "/", "file": f"/{name}"}
