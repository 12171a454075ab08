# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a site is: its names, its path below them, and what is behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils import _rules
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between, Entry
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule

# What a site takes over from the manifest's section `nginx`.
KEYS: tuple[str, ...] = ("path", "redirects", "buffering")
VARIABLE_RULES: Mapping[str, Rule] = {}

CHALLENGE = "/.well-known/acme-challenge/"
USE_PATH = "write / or a path that starts and ends with /, such as /shop/"


class Place(TypedDict):
    """Where a site is, and what of it is not passed on."""

    path: str  # starts and ends with a slash
    redirects: list[str]  # names that lead to the first domain
    root: str  # the folder of a static site; "" where there is an upstream
    buffering: bool


def rules(prefix: str) -> dict[str, Rule]:
    """Return the rules of the keys. prefix: where the list keeps them."""
    return {
        f"{prefix}path": Rule(USE_PATH, url_path),
        f"{prefix}redirects": Rule(_rules.USE_DOMAINS, _rules.domains),
    }


def url_path(value: str) -> _rules.Problems:
    """The root of a site, or a URL prefix that no authority looks at."""
    if value.startswith(CHALLENGE):
        yield f"{value!r} is where an authority looks for its proof; {USE_PATH}"
    elif value != "/" and list(_rules.url_prefix(value)):
        yield f"{value!r} is not a path of a site; {USE_PATH}"


def between(prefix: str) -> list[Between]:
    """Return what is judged of several keys, or of several sites. prefix: where the list keeps them."""
    return [same_domains(prefix), same_locations(prefix), redirects_lead_somewhere(prefix)]


def resolve(entry: Mapping[str, Any], _defaults: Mapping[str, Any]) -> Place:
    """Return what the templates print of a site, by the host's defaults."""
    return Place(
        path=entry.get("path", "/"),
        redirects=entry.get("redirects", []),
        root=entry.get("root", "").rstrip("/"),
        buffering=entry.get("buffering", True),
    )


def variables(name: str) -> str:
    """Return what the nginx variables of a site begin with.

    It is the same in every run, as nginx does not reload a zone that counts by another variable. No name of a
    site has an underscore, so two sites have two variables. nginx takes 46 characters, so six are left for
    what follows the longest name.
    """
    return f"webstack_{name.replace('-', '_')}"


def names_of(entry: Entry, prefix: str) -> frozenset[str]:
    """Return the domains of a site as nginx compares them; none where it answers every name."""
    return frozenset(name.lower() for name in entry.get(f"{prefix}domains", []))


def path_of(entry: Entry, prefix: str) -> str:
    """Return the path of a site."""
    return str(entry.get(f"{prefix}path", "/"))


def servers(entries: Iterable[Entry], prefix: str) -> list[list[Entry]]:
    """Return the sites that are to be there, those with the same domains together: nginx's server blocks.

    The first of a block is the one with the shortest path, so that neither the list's order nor a site below
    it changes what the block is named after.
    """
    groups: dict[frozenset[str], list[Entry]] = {}
    for entry in entries:
        if entry.present:
            groups.setdefault(names_of(entry, prefix), []).append(entry)
    return [sorted(group, key=lambda entry: len(path_of(entry, prefix))) for group in groups.values()]


def shared(group: Sequence[Entry], prefix: str, keys: Iterable[str]) -> dict[str, Any]:
    """Return what the sites of one server block say of it, whichever of them says so. keys: of a block."""
    said = {key: [entry.get(prefix + key) for entry in group] for key in keys}
    given = {key: [value for value in values if value is not None] for key, values in said.items()}
    return {key: values[0] for key, values in given.items() if values}


def as_servers(entries: Iterable[Entry], prefix: str, keys: Iterable[str], speaker: str) -> list[Entry]:
    """Return an entry a server block, with all that is said of it.

    speaker: the key whose giver names the entry.
    """
    keys = list(keys)
    found = []
    for group in servers(entries, prefix):
        named = next((entry for entry in group if entry.get(prefix + speaker) is not None), group[0])
        values = shared(group, prefix, keys)
        section = prefix.rstrip(".")
        data = {section: {**named.get(section, {}), **values}} if section else values
        found.append(Entry(named.label, {**named.data, **data}, named.host))
    return found


def same_domains(prefix: str) -> Between:
    """Make the comparison that a domain is shared only by sites with the same ones and a path each."""
    key = f"{prefix}domains"

    def comparison(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        first: dict[str, Entry] = {}
        places: dict[tuple[str, str], Entry] = {}
        for entry in filter(lambda entry: entry.present, entries):
            names = names_of(entry, prefix)
            for domain in dict.fromkeys(name.lower() for name in entry.get(key, [])):
                owner = first.setdefault(domain, entry)
                beside = places.setdefault((domain, path_of(entry, prefix)), entry)
                if beside.name != entry.name:
                    problem = f"{domain} is already used by {beside.name!r}; {USE_OWN_PLACE}"
                    yield entry, Finding(key, problem)
                elif owner.name != entry.name and names_of(owner, prefix) != names:
                    problem = f"{domain} is already used by {owner.name!r} with other domains; {USE_SAME}"
                    yield entry, Finding(key, problem)

    return comparison


USE_OWN_PLACE = "give each app its own domains or its own path"
USE_SAME = "give both apps the same domains, or each its own"


def one_catch_all(prefix: str) -> Between:
    """Make the comparison that at most one site without domains has a path."""

    def comparison(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        first: dict[str, Entry] = {}
        for entry in entries:
            if not (entry.present and entry.name) or names_of(entry, prefix):
                continue
            owner = first.setdefault(path_of(entry, prefix), entry)
            if owner.name != entry.name:
                problem = (
                    f"has none, so it would answer every name, as {owner.name!r} already does; "
                    f"{USE_OWN_PLACE}"
                )
                yield entry, Finding(f"{prefix}domains", problem)

    return comparison


def same_locations(prefix: str) -> Between:
    """Make the comparison that no folder of static files is where another site, or a folder of one, is."""
    key = f"{prefix}static"

    def comparison(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        for group in servers(entries, prefix):
            owners = {path_of(entry, prefix): entry for entry in group}
            for entry in group:
                for folder in entry.get(key, {}):
                    place = location(path_of(entry, prefix), folder)
                    owner = owners.setdefault(place, entry)
                    if owner.name != entry.name:
                        problem = f"{place} belongs to {owner.name!r} already; give it another URL prefix"
                        yield entry, Finding(key, problem)

    return comparison


def location(path: str, prefix: str) -> str:
    """Return a URL prefix of a site as visitors ask for it."""
    return path.rstrip("/") + prefix


def redirects_lead_somewhere(prefix: str) -> Between:
    """Make the comparison that names lead to a name, and answer for nothing else."""
    key = f"{prefix}redirects"

    def comparison(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        groups = servers(entries, prefix)
        owners = {name: group[0] for group in groups for name in names_of(group[0], prefix)}
        for group in groups:
            leading = [(entry, name) for entry in group for name in entry.get(key, [])]
            domains = group[0].get(f"{prefix}domains", [])
            if leading and (not domains or domains[0].startswith("*")):
                problem = "have no name to lead to; write it as the first of the domains"
                yield leading[0][0], Finding(key, problem)
            for entry, name in leading:
                owner = owners.setdefault(name.lower(), group[0])
                if owner is not group[0]:
                    problem = f"{name} is already used by {owner.name!r}; give each app its own names"
                    yield entry, Finding(key, problem)
                elif name.lower() in names_of(entry, prefix):
                    problem = f"{name} is one of the domains, too; remove it here or there"
                    yield entry, Finding(key, problem)

    return comparison


def same_settings(prefix: str, meanings: Mapping[str, Callable[[Entry], object]]) -> Between:
    """Make the comparison that sites of one server block do not contradict each other.

    meanings: the keys of a block, with what a site means by its value.
    """

    def comparison(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        for group in servers(entries, prefix):
            for key, meaning in meanings.items():
                said = [entry for entry in group if entry.get(prefix + key) is not None]
                for entry in said[1:]:
                    if meaning(entry) != meaning(said[0]):
                        problem = (
                            f"differs from that of {said[0].name!r}, which has the same domains; "
                            "leave it to one of them"
                        )
                        yield entry, Finding(prefix + key, problem)

    return comparison


def one_source(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """A site's answers come from its upstream or from its folder."""
    for entry in entries:
        if entry.present and entry.get("root") and entry.get("upstream"):
            yield entry, Finding("root", "stands beside upstream; remove one of them")
