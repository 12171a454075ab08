# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a list that a run is for: `only`, the names of apps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    items_of,
    plain,
    plain_or_unreadable,
    read,
)

LISTS = ("python_apps", "gunicorn_apps")
USE_ONLY = "write the names of apps, such as only=shop or {'only': ['shop', 'blog']}"
NO_NAME = f"names no app; {USE_ONLY}, or leave it out for every app"
MISPLACED = (
    "only: this playbook brings everything to the manifest and takes no selection; "
    "run webstack.python.deploy, or leave it out"
)


def names(only: object) -> list[str]:
    """Return the names of a selection: a list, or one text with commas between them.

    None at all stand for every app. Raises ValueError for anything else.
    """
    value = plain(only)
    if isinstance(value, str):
        return [name.strip() for name in value.split(",") if name.strip()]
    if isinstance(value, list) and all(isinstance(name, str) and name for name in value):
        return value
    raise ValueError(USE_ONLY)


def select(entries: Iterable[Any], only: object) -> list[Any]:
    """Return the entries that a selection is for, their other keys not even read. Raises ValueError."""
    chosen = names(only)
    return [entry for entry in entries if not chosen or _name(entry) in chosen]


def reduce(value: object, only: object) -> object:
    """Return a list of entries, those that a selection is not for with nothing but their names.

    What is no list is returned as it is. Raises ValueError for no selection.
    """
    chosen, items = names(only), items_of(value)
    if not chosen or items is None:
        return value
    return [item if _name(item) in chosen else {"name": _name(item)} for item in items]


def any_present(lists: Iterable[object], only: object) -> bool:
    """Tell whether lists of apps have one as present that a selection is for. Raises ValueError."""
    chosen = names(only)
    return any(
        "present" in found and (not chosen or name in chosen) for name, found in _states(lists).items()
    )


def findings(
    only: object,
    lists: Iterable[object],
    label: str = "only",
    whole: Iterable[object] = (),
    *,
    given: bool = False,
) -> list[str]:
    """Return what is wrong with a selection: each name that none of the lists has as present.

    lists: manifests, of one host or of several. label: the name of the variable. whole: where the
    lists were selected from, whose names a finding offers as well. given: whether somebody chose it
    for this run, who with no name at all means no app rather than every one.
    """
    try:
        chosen = names(only)
    except ValueError as error:
        return [f"{label}: {error}"]
    if not chosen:
        return [f"{label}: {NO_NAME}"] if given or isinstance(only, str) else []
    states = _states(lists)
    present = [name for name, found in states.items() if "present" in found]
    offered = {*present, *(name for name, found in _states(whole).items() if "present" in found)}
    known = f"this run has {', '.join(sorted(offered)) or 'none at all'}"
    found = []
    for name in chosen:
        if name in present:
            continue
        if name in states:
            found.append(f"{label}: '{name}' is to be absent; webstack.python.site removes it")
        else:
            found.append(f"{label}: there is no app '{name}'; {known}")
    return found


def lists_of(variables: Mapping[str, Any]) -> list[object]:
    """Return the lists of apps that a host's variables hold, each not read any further."""
    return [read(variables, name) for name in LISTS if name in variables]


def _name(entry: Any) -> str | None:
    """Return the name of an entry, or nothing where it has none, or none that can be read."""
    name = (
        plain_or_unreadable(read(entry, "name")) if isinstance(entry, Mapping) and "name" in entry else None
    )
    return name if isinstance(name, str) else None


def _states(lists: Iterable[object]) -> dict[str, set[str]]:
    """Map each name to the states that the lists want of it; what cannot be read has no name."""
    states: dict[str, set[str]] = {}
    for entries in lists:
        for entry in _mappings(entries):
            shown = plain_or_unreadable({key: read(entry, key) for key in ("name", "state") if key in entry})
            if isinstance(shown.get("name"), str):
                states.setdefault(shown["name"], set()).add(str(shown.get("state", "present")))
    return states


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [item for item in items_of(value) or () if isinstance(item, Mapping)]
