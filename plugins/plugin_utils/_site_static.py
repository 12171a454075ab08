# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Folders that nginx serves by itself, of the release that is live and of the one before it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils import _rules, _site_place
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between, Entry
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule

USE_ABSOLUTE = "write URL prefixes to absolute paths"
# Below it, a proxy keeps the files of apps on other hosts; see module_utils/_static_sets.py.
HANDED = "/var/lib/webstack/static"


class Static(TypedDict):
    """A folder that nginx serves by itself."""

    prefix: str  # "/static/"
    alias: str  # "/srv/shop/current/shop/static/", ends with a slash as the prefix does
    fallback: str  # "/srv/shop/previous/shop/static/", for what the other one does not have; "" for none


def rules() -> dict[str, Rule]:
    """Return the rules of the keys of nginx_sites."""
    return {name: Rule(USE_ABSOLUTE, _rules.static_absolute) for name in ("static", "static_fallback")}


def between() -> list[Between]:
    """Return what is judged of several keys."""
    return [_fallback_of_nothing]


def _fallback_of_nothing(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Finding]]:
    for entry in entries:
        for prefix in entry.get("static_fallback", {}).keys() - entry.get("static", {}).keys():
            yield entry, Finding("static_fallback", f"{prefix} is not in static; add it there, or remove it")


def derive(
    name: str, folders: Mapping[str, str], shared: Iterable[str] = (), *, local: bool
) -> dict[str, dict[str, str]]:
    """Return the keys of an app's entry of nginx_sites.

    folders: those of its release, by their prefixes. shared: what is the same in each release; as it may be
    written to at any time, no fallback has Nginx keep its files open. local: whether the release is on the
    proxy.
    """
    top = f"/srv/{name}" if local else f"{HANDED}/{name}"
    changing = {prefix for prefix, _folder, _shared in _shared(folders, list(shared))}
    of_release = {prefix: folder for prefix, folder in folders.items() if prefix not in changing}
    links = {"static": ("current", folders), "static_fallback": ("previous", of_release)}
    return {
        key: {prefix: f"{top}/{link}/{folder}" for prefix, folder in led.items()}
        for key, (link, led) in links.items()
        if led
    }


def shared_folders(entry: Entry) -> Iterator[tuple[str, str, str]]:
    """Yield each prefix of an app with its folder, where that lies in what is shared, or has it within."""
    yield from _shared(entry.get("nginx.static", {}), entry.get("shared", []))


def _shared(folders: Mapping[str, str], entries: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    for prefix, folder in folders.items():
        for shared in entries:
            one, other = PurePosixPath(folder), PurePosixPath(shared)
            if one.is_relative_to(other) or other.is_relative_to(one):
                yield prefix, folder, shared


def is_handed(entry: Mapping[str, Any]) -> bool:
    """Tell whether a site's folders are copies of those on other hosts."""
    top = f"{HANDED}/{entry['name']}/"
    return any(folder.startswith(top) for folder in entry.get("static", {}).values())


def resolve(entry: Mapping[str, Any], path: str) -> list[Static]:
    """Return what the templates print of a site. path: where it is below its domains."""
    fallbacks = entry.get("static_fallback", {})
    return [
        Static(
            prefix=_site_place.location(path, prefix),
            alias=_with_slash(folder),
            fallback=_with_slash(fallbacks[prefix]) if prefix in fallbacks else "",
        )
        for prefix, folder in sorted(entry.get("static", {}).items())
    ]


def _with_slash(folder: str) -> str:
    return folder.rstrip("/") + "/"
