# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of entries: each entry checked by itself, then against the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _rules
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable
from ansible_collections.webstack.python.plugins.plugin_utils._spec import (
    Checker,
    Finding,
    Rule,
    documented,
    kind,
    unreadable,
)


@dataclass(frozen=True)
class Schema:
    """What a list's entries must be.

    variable: the list's name, an option of the role that documents it.
    rules: the rules of its values, by dotted path.
    needed: keys that an entry must have unless its state is absent.
    either: keys of which it must have one, likewise; the first is the usual one.
    """

    variable: str
    role: str
    rules: Mapping[str, Rule]
    needed: tuple[str, ...]
    either: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One entry: how messages name it, the part of it that is right, and the host it is for."""

    label: str
    data: Mapping[str, Any]
    host: str = ""

    @property
    def name(self) -> str:
        """Return the entry's name, or nothing where it has none."""
        return str(self.data.get("name", ""))

    @property
    def present(self) -> bool:
        """Tell whether the entry is to be there."""
        return self.data.get("state") != "absent"

    def get(self, path: str, default: Any = None) -> Any:
        """Return the value at a dotted path."""
        value: Any = self.data
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return default if value is None else value


@dataclass(frozen=True)
class Reported:
    """A finding with the name of the entry, or of the list, that it is about."""

    entry: str
    finding: Finding

    def __str__(self) -> str:
        """Print the whole message."""
        return f"{self.entry}: {self.finding}"


Between = Callable[[list[Entry]], Iterable[tuple[Entry, Finding]]]


def check_list(
    value: object, schema: Schema, host: str = "", only: Sequence[str] = ()
) -> tuple[list[Reported], list[Entry]]:
    """Check a list entry by entry; return what is wrong, and the entries' right parts.

    value: as plain_or_unreadable returns it. host: the host that the list belongs to. only: names of
    the entries to check; none stand for all.
    """
    if isinstance(value, Unreadable):
        problem = unreadable(value, host, secret=True)
        return [Reported(schema.variable, Finding("", problem))], []
    if not isinstance(value, list):
        problem = f'must be a list, not {kind(value)}; start each entry with "- name:"'
        return [Reported(schema.variable, Finding("", problem))], []
    reported: list[Reported] = []
    entries: list[Entry] = []
    for index, item in enumerate(value):
        if only and not (isinstance(item, Mapping) and item.get("name") in only):
            continue
        entry, findings = _check_entry(item, f"{schema.variable}[{index}]", schema, host)
        reported += [Reported(entry.label, finding) for finding in findings]
        entries.append(entry)
    return reported, entries


def _check_entry(value: object, place: str, schema: Schema, host: str) -> tuple[Entry, list[Finding]]:
    if isinstance(value, Unreadable):
        return Entry(place, {}, host), [Finding("", unreadable(value, host, secret=True))]
    if not isinstance(value, Mapping):
        problem = f'must be a mapping, not {kind(value)}; write "- name: shop" and its keys below'
        return Entry(place, {}, host), [Finding("", problem)]
    checker = Checker(documented(schema.role)[schema.variable].options, schema.rules, host)
    data = checker.entry(value)
    if data.get("state") != "absent":
        for key in schema.needed:
            if key not in value:
                checker.missing(key)
        if schema.either and not set(schema.either).intersection(value):
            checker.missing(schema.either[0])
    label = f"{place} ({data['name']})" if data.get("name") else place
    return Entry(label, data, host), checker.findings


def check_variables(
    values: Mapping[str, object], role: str, rules: Mapping[str, Rule], host: str = ""
) -> list[str]:
    """Check a role's host-wide variables.

    values: those to check, by the variables' names, which are options of the role. rules: by name.
    """
    options = documented(role)
    checker = Checker({name: options[name] for name in values}, rules, host)
    checker.entry(dict(values.items()))
    return [str(finding) for finding in checker.findings]


def compare(entries: list[Entry], *comparisons: Between) -> list[Reported]:
    """Hold entries against each other."""
    return [
        Reported(entry.label, finding) for comparison in comparisons for entry, finding in comparison(entries)
    ]


def same_names(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """No name twice, whatever the state: one would remove what the other makes."""
    first: dict[str, Entry] = {}
    for entry in entries:
        if entry.name and first.setdefault(entry.name, entry) is not entry:
            problem = f"{entry.name!r} is already used by {first[entry.name].label}; give each its own name"
            yield entry, Finding("name", problem)


def same_addresses(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """No TCP address twice; a wildcard address takes the port of all others."""
    taken: list[tuple[_rules.Endpoint, Entry]] = []
    for entry in entries:
        endpoint = _rules.endpoint(entry.get("listen", "unix")) if entry.present else None
        if endpoint is None:
            continue
        for other, holder in taken:
            if _rules.overlap(endpoint, other):
                problem = f"{entry.get('listen')} is already used by {holder.name!r}; give each its own port"
                yield entry, Finding("listen", problem)
                break
        taken.append((endpoint, entry))
