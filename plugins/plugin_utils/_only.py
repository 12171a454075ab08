# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of a list that a run is for: `only`, the names of apps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._data import plain, plain_or_unreadable, read

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
    return [entry for entry in entries if not chosen or plain(entry["name"]) in chosen]


def findings(only: object, lists: Iterable[object], label: str = "only", *, given: bool = False) -> list[str]:
    """Return what is wrong with a selection: each name that none of the lists has as present.

    lists: manifests, of one host or of several. label: the name of the variable. given: whether
    somebody chose it for this run, who with no name at all means no app rather than every one.
    """
    try:
        chosen = names(only)
    except ValueError as error:
        return [f"{label}: {error}"]
    if not chosen:
        return [f"{label}: {NO_NAME}"] if given or isinstance(only, str) else []
    states = _states(lists)
    present = [name for name, found in states.items() if "present" in found]
    known = f"this run has {', '.join(sorted(present)) or 'none at all'}"
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
    if not isinstance(value, Sequence) or isinstance(value, str):
        return []
    items = (read(value, index) for index in range(len(value)))
    return [item for item in items if isinstance(item, Mapping)]
