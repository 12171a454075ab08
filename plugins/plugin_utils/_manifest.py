# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The manifest `python_apps`, judged before anything changes: on its host, and between hosts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import (
    _gunicorn,
    _nginx,
    _only,
    _rules,
    _site_pages,
    _site_place,
    _site_static,
    _source_rules,
)
from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    attempt,
    items_of,
    plain,
    plain_or_unreadable,
    read,
)
from ansible_collections.webstack.python.plugins.plugin_utils._entries import (
    Entry,
    Reported,
    Schema,
    check_list,
    compare,
    same_addresses,
    same_names,
)
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule

SCHEMA = Schema(
    variable="python_apps",
    role="python_app",
    needed=("app", "source"),
    rules={
        **_gunicorn.SHARED_RULES,
        **_gunicorn.server_rules("gunicorn."),
        **_nginx.site_rules("nginx."),
        **_source_rules.rules(),
        "requirements": Rule(_rules.USE_REQUIREMENTS, _rules.requirements, secret=True),
        "python": Rule(
            _rules.USE_INTERPRETER,
            _rules.matches(_rules.INTERPRETER, "is not an interpreter", _rules.USE_INTERPRETER),
        ),
        "build": Rule(_rules.USE_COMMANDS, _rules.commands, secret=True),
        "migrate": Rule(_rules.USE_COMMANDS, _rules.commands, secret=True),
        "shared": Rule(_rules.USE_SHARED, _rules.shared),
        "keep_releases": Rule("write a whole number from 2", _rules.between(2)),
        "nginx.static": Rule(_rules.USE_STATIC, _rules.static),
    },
)
# What a proxy reads of the manifests of other hosts; their secrets are none of its business.
FRONT_KEYS = ("name", "listen", "health", "nginx", "state")
USE_REACHABLE = 'listen on an address of this host, such as "{{ ansible_host }}:8000"'
FRONT_SCHEMA = dataclasses.replace(SCHEMA, needed=())
# What an instance is derived from: neither the source nor how it was built.
INSTANCE_KEYS = (
    *FRONT_KEYS,
    "app",
    "env",
    "gunicorn",
    "keep_releases",
    "notify",
    "service",
    "shared",
)
INSTANCE_SCHEMA = dataclasses.replace(SCHEMA, needed=("app",))


@dataclasses.dataclass(frozen=True)
class Inventory:
    """Who runs apps, who serves them, what they know, where relative paths start, and what is judged."""

    hostvars: Mapping[str, Any]
    app_hosts: Sequence[str]
    proxy_hosts: Sequence[str]
    base: str = "/"
    certificates: bool = True

    def app_hosts_of(self, proxy: str) -> list[str]:
        """Return whose apps a proxy serves; see nginx_app_hosts."""
        variables = self.hostvars[proxy]
        if "nginx_app_hosts" in variables:
            chosen = attempt(lambda: list(variables["nginx_app_hosts"]))
            if isinstance(chosen, list):
                return [host for host in chosen if host in self.app_hosts]
        return [proxy] if proxy in self.app_hosts else list(self.app_hosts)

    def proxies_of(self, app_host: str) -> list[str]:
        """Return the proxies that serve an app host."""
        return [proxy for proxy in self.proxy_hosts if app_host in self.app_hosts_of(proxy)]

    def tls_defaults_of(self, app_host: str) -> list[object]:
        """Return what an app's entry without `nginx.tls` comes to, on one proxy or another."""
        known = [self.hostvars[proxy] for proxy in self.proxies_of(app_host)]
        defaults = [read(variables, "nginx_tls") for variables in known if "nginx_tls" in variables]
        return list(dict.fromkeys(default for default in defaults if isinstance(default, str))) or [None]

    def neighbours_of(self, app_host: str) -> list[str]:
        """Return the app hosts, itself among them, with which an app host shares a proxy."""
        shared = {host for proxy in self.proxies_of(app_host) for host in self.app_hosts_of(proxy)}
        return [host for host in self.app_hosts if host in shared or host == app_host]


def findings(python_apps: object, base: str = "/") -> list[str]:
    """Return all that is wrong with the manifest of one host that is its own proxy."""
    inventory = Inventory({"": {"python_apps": python_apps}}, [""], [""], base)
    return [str(reported) for reported in _on_app_host(python_apps, "", inventory)]


def instance_findings(python_apps: object, host: str, only: Sequence[str]) -> list[str]:
    """Return what is wrong with what the chosen entries of a host's manifest say of their instances.

    only: the names of the entries, of which no other key and no other entry is read.
    """
    value = _parts(_only.reduce(python_apps, only), INSTANCE_KEYS)
    reported, _entries = check_list(plain_or_unreadable(value), INSTANCE_SCHEMA, host, only)
    return [str(item) for item in reported]


def manifest_findings(
    hostvars: Mapping[str, Any],
    host: str,
    app_hosts: Sequence[str],
    proxy_hosts: Sequence[str],
    python_apps: object,
    base: str,
    *,
    certificates: bool = True,
) -> list[str]:
    """Return all that is wrong with the manifest as far as one host is concerned.

    An app host answers for its own entries, also where they clash with those of another host. A
    host that is a proxy alone answers for what it reads of the app hosts' entries.
    python_apps: the host's own manifest, as its own templates give it.
    base: the folder on the controller where a relative source.path starts.
    certificates: whether to judge those of nginx.tls.
    """
    inventory = Inventory(hostvars, app_hosts, proxy_hosts, base, certificates)
    reported: list[Reported] = []
    if host in app_hosts:
        reported += _on_app_host(python_apps, host, inventory)
    elif host in proxy_hosts:
        reported += _on_proxy(host, inventory)
    if host in proxy_hosts:
        reported += _lost_apps(python_apps, host, inventory)
        reported += _default_ports(host, inventory)
    return [str(item) for item in reported]


def _on_app_host(python_apps: object, host: str, inventory: Inventory) -> list[Reported]:
    variables = inventory.hostvars[host]
    worker_class = attempt(lambda: plain(variables.get("gunicorn_worker_class")))
    rules = {
        **SCHEMA.rules,
        **_source_rules.rules(inventory.base),
        "gunicorn": Rule("write its keys below it", _rules.threads_of_class(worker_class)),
    }
    schema = dataclasses.replace(SCHEMA, rules=rules)
    reported, entries = check_list(plain_or_unreadable(python_apps), schema, host)
    reported += compare(entries, same_names, same_addresses, _static_of_package)
    if host in inventory.proxy_hosts:
        listens = [
            attempt(lambda: plain(variables.get("nginx_listen", _nginx.LISTEN))),
            attempt(lambda: plain(variables.get("nginx_listen_tls", _nginx.LISTEN_TLS))),
        ]
        reported += compare(entries, lambda each: _ports_of_nginx(each, listens))
    joined = [
        entry
        for app_host in inventory.neighbours_of(host)
        for entry in (entries if app_host == host else _front_entries(inventory, app_host)[1])
    ]
    own = {id(entry) for entry in entries}
    for comparison in _front_comparisons(inventory):
        reported += [
            Reported(entry.label, finding) for entry, finding in comparison(joined) if id(entry) in own
        ]
    blocks = _nginx.by_server(entries, "nginx.")
    for number, default in enumerate(inventory.tls_defaults_of(host) if inventory.certificates else []):
        silent = [entry for entry in blocks if number == 0 or entry.get("nginx.tls") is None]
        reported += compare(silent, _nginx.tls_findings("nginx.", inventory.base, default))
    others = [proxy for proxy in inventory.proxies_of(host) if proxy != host]
    if others:
        reported += compare(entries, lambda each: _out_of_reach(each, others[0], variables))
    return reported


def _on_proxy(proxy: str, inventory: Inventory) -> list[Reported]:
    """Judge what a proxy reads of the app hosts; what several hosts share is said once."""
    reported: list[Reported] = []
    joined: list[Entry] = []
    for app_host in inventory.app_hosts_of(proxy):
        found, entries = _front_entries(inventory, app_host)
        reported += [Reported(f"{app_host}: {item.entry}", item.finding) for item in found]
        joined += [dataclasses.replace(entry, label=f"{app_host}: {entry.label}") for entry in entries]
    reported += compare(joined, *_front_comparisons(inventory))
    first = {str(item).partition(": ")[2]: item for item in reversed(reported)}
    return list(reversed(first.values()))


def _front_entries(inventory: Inventory, app_host: str) -> tuple[list[Reported], list[Entry]]:
    """Check the part of an app host's manifest that its proxies read, and no other part."""
    variables = inventory.hostvars[app_host]
    value = _parts(attempt(lambda: variables.get("python_apps", [])), FRONT_KEYS)
    return check_list(plain_or_unreadable(value), FRONT_SCHEMA, app_host)


def _parts(python_apps: object, keys: Sequence[str]) -> object:
    """Return a manifest with these keys of its entries alone, the others not read."""
    items = items_of(python_apps)
    if items is None:
        return python_apps
    return [
        {key: read(item, key) for key in keys if key in item} if isinstance(item, Mapping) else item
        for item in items
    ]


def _front_comparisons(inventory: Inventory) -> list[Any]:
    comparisons = [_same_sections, _own_addresses, *_nginx.site_comparisons("nginx.")]
    if inventory.proxy_hosts:
        comparisons.append(_site_place.one_catch_all("nginx."))
    return comparisons


def _same_sections(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """One app has one site, so its section must be the same on every host."""
    first: dict[str, Entry] = {}
    for entry in entries:
        if not (entry.name and entry.present):
            continue
        model = first.setdefault(entry.name, entry)
        if model.host != entry.host and model.get("nginx", {}) != entry.get("nginx", {}):
            problem = f"differs from that on {model.host}; give the app the same section on every host"
            yield entry, Finding("nginx", problem)


def _own_addresses(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """An address belongs to one host; a list that several hosts share must leave it to each."""
    hosts: dict[object, str] = {}
    for entry in filter(lambda entry: entry.present, entries):
        endpoint = _rules.endpoint(entry.get("listen", "unix"))
        if endpoint is None or endpoint[0].is_loopback or endpoint[0].is_unspecified:
            continue
        owner = hosts.setdefault(endpoint[0], entry.host)
        if owner != entry.host:
            yield entry, Finding("listen", f"{endpoint[0]} belongs to {owner} already; {USE_REACHABLE}")


def _static_of_package(entries: Iterable[Entry]) -> Iterator[tuple[Entry, Finding]]:
    """A package's files lie in the virtualenv, which Nginx has no way into."""
    for entry in filter(lambda entry: entry.present, entries):
        if not entry.get("source.package"):
            continue
        if entry.get("nginx.static"):
            problem = "its folders are not in a release of a package; remove it, the app serves these files"
            yield entry, Finding("nginx.static", problem)
        for key in _site_pages.files_of(entry.get("nginx", {})):
            problem = "its pages are not in a release of a package; remove them, the app has its own"
            yield entry, Finding(f"nginx.{key}", problem)


def _ports_of_nginx(entries: Iterable[Entry], listens: Iterable[object]) -> Iterator[tuple[Entry, Finding]]:
    """A host that is its own proxy has both the app's socket and Nginx's."""
    addresses = [address for listen in listens if isinstance(listen, list) for address in listen]
    taken = [_rules.nginx_endpoint(item) for item in addresses if isinstance(item, str)]
    for entry in filter(lambda entry: entry.present, entries):
        endpoint = _rules.endpoint(entry.get("listen", "unix"))
        if endpoint and any(other and _rules.overlap(endpoint, other) for other in taken):
            problem = f"port {endpoint[1]} is Nginx's on this host; take another port"
            yield entry, Finding("listen", problem)


def _out_of_reach(
    entries: Iterable[Entry], proxy: str, variables: Mapping[str, Any]
) -> Iterator[tuple[Entry, Finding]]:
    """A proxy on another host reaches neither a unix socket, nor a loopback address, nor what is shared."""
    for entry in entries:
        if not entry.present:
            continue
        listen = entry.get("listen", "unix")
        endpoint = _rules.endpoint(listen)
        if listen == "unix" or (endpoint and endpoint[0].is_loopback):
            problem = f"{listen} is out of reach for the proxy {proxy}; {USE_REACHABLE}"
            yield entry, Finding("listen", problem)
        elif endpoint and endpoint[0].is_unspecified:
            server = _nginx.remote_server(listen, _nginx.address(variables, entry.host))
            for _problem in _rules.servers([server]):
                problem = f"the proxy {proxy} would ask {server!r}; set webstack_address for {entry.host}"
                yield entry, Finding("listen", problem)
        for prefix, folder, shared in _site_static.shared_folders(entry):
            problem = (
                f"{prefix}: what is in the shared '{shared}' changes at any time, and the proxy {proxy} has "
                f"copies of '{folder}'; remove the prefix, the app serves these files"
            )
            yield entry, Finding("nginx.static", problem)
        for key in _site_pages.files_of(entry.get("nginx", {})):
            problem = f"its pages are not on the proxy {proxy}; remove them, the app has its own"
            yield entry, Finding(f"nginx.{key}", problem)


def _lost_apps(python_apps: object, host: str, inventory: Inventory) -> Iterator[Reported]:
    """A proxy that would end with no site, while there are apps, is mistaken and not to be emptied."""
    variables = inventory.hostvars[host]
    serving = {app_host: _present(inventory, app_host) for app_host in inventory.app_hosts}
    names = sorted({name for present in serving.values() for name in present})
    if not names:
        if _is_filled(python_apps) and host not in inventory.app_hosts:
            problem = "is set for this proxy, but for no app host; set it for the group app_servers"
            yield Reported("python_apps", Finding("", problem))
        elif (
            host not in inventory.app_hosts
            and "nginx_sites" not in variables
            and not _any_manifest(inventory)
        ):
            problem = "is not defined for any app host; set it for the group app_servers"
            yield Reported("python_apps", Finding("", problem))
        return
    apps = f"while the app hosts have {', '.join(names)}"
    if "nginx_sites" in variables and attempt(lambda: list(variables["nginx_sites"])) == []:
        yield Reported("nginx_sites", Finding("", f"is empty, {apps}; remove it from the inventory"))
    if "nginx_app_hosts" in variables:
        chosen = attempt(lambda: list(variables["nginx_app_hosts"]))
        if isinstance(chosen, list) and not any(serving.get(app_host) for app_host in chosen):
            problem = f"names no host with apps, {apps}; remove it from the inventory"
            yield Reported("nginx_app_hosts", Finding("", problem))


def _default_ports(host: str, inventory: Inventory) -> Iterator[Reported]:
    """A host's own nginx_listen may have the port that TLS is to have where nobody says so."""
    variables = inventory.hostvars[host]
    if "nginx_listen" not in variables or "nginx_listen_tls" in variables:
        return
    default = read(variables, "nginx_tls") if "nginx_tls" in variables else None
    entries = [entry for each in inventory.app_hosts_of(host) for entry in _front_entries(inventory, each)[1]]
    if any(entry.present and _nginx.is_by_tls(entry.get("nginx.tls", default)) for entry in entries):
        values = {"nginx_listen": plain_or_unreadable(variables["nginx_listen"])}
        for finding in _nginx.ports(values):
            yield Reported("nginx_listen_tls", Finding("", finding.problem))


def _present(inventory: Inventory, app_host: str) -> list[str]:
    _reported, entries = _front_entries(inventory, app_host)
    return [entry.name for entry in entries if entry.present and entry.name]


def _any_manifest(inventory: Inventory) -> bool:
    known = (inventory.hostvars[app_host] for app_host in inventory.app_hosts)
    # By the names alone: a value that its template cannot give is a finding of its own.
    return any("python_apps" in set(variables) for variables in known)


def _is_filled(python_apps: object) -> bool:
    return isinstance(python_apps, Sequence) and len(python_apps) > 0
