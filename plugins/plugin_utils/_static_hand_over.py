# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static files of apps that proxies on other hosts serve: which app hosts hand them over, and to whom."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _only, _site_static
from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    attempt,
    items_of,
    of_host,
    plain_or_unreadable,
    read,
)
from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory

# What the module release_static has found of each app: a digest by kind, offered and live.
Found = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class App:
    """What a proxy gets of an app: the folders, and the hosts that have them, in the order of the group."""

    folders: list[str]
    hosts: list[str]


def archive(run: Path, digest: str) -> Path:
    """Return where the controller has an archive. run: a folder of this run and its forks alone."""
    return run / f"webstack-static-{digest}.tar.gz"


def handed(inventory: Inventory, proxy: str) -> dict[str, App]:
    """Return the apps by name whose static files a proxy gets: those of which one host is another.

    What is wrong in a manifest, which the preflight says, counts as not there.
    """
    says = "nginx_sites" in inventory.hostvars[proxy]
    named = _named(inventory, proxy) if says else None
    chosen = not says or "nginx_app_hosts" in inventory.hostvars[proxy]
    found: dict[str, App] = {}
    for host in inventory.app_hosts_of(proxy) if chosen else inventory.app_hosts:
        for name, folders in _static(inventory.hostvars[host]):
            if named is None or name in named:
                found.setdefault(name, App(folders, [])).hosts.append(host)
    return {name: app for name, app in found.items() if app.hosts != [proxy]}


def _named(inventory: Inventory, proxy: str) -> set[str] | None:
    """Return the apps whose copies a proxy serves by a list of its own; None where that cannot be read.

    It may need what only the proxy's own play has. Then every app counts: a copy too many harms nobody.
    """
    sites = items_of(attempt(lambda: of_host(inventory.hostvars, proxy, "nginx_sites")))
    return None if sites is None else {name for site in sites for name in _copied(site)}


def _copied(site: object) -> Iterator[str]:
    name, static, state = (_value(site, key) for key in ("name", "static", "state"))
    if isinstance(name, str) and isinstance(static, Mapping) and state in (None, "present"):
        folders = {prefix: folder for prefix, folder in static.items() if isinstance(folder, str)}
        if _site_static.is_handed({"name": name, "static": folders}):
            yield name


def _static(variables: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    apps = items_of(read(variables, "python_apps")) if "python_apps" in variables else None
    for app in apps or ():
        name, state = _value(app, "name"), _value(app, "state")
        # Of this section no other key is read, as some may be secret.
        static = _value(read(app, "nginx"), "static") if isinstance(app, Mapping) and "nginx" in app else None
        if isinstance(name, str) and isinstance(static, Mapping) and static and state in (None, "present"):
            yield name, sorted({folder for folder in static.values() if isinstance(folder, str)})


def _value(container: object, key: str) -> object:
    """Return the value of a key, None where there is no such key."""
    is_there = isinstance(container, Mapping) and key in container
    return plain_or_unreadable(read(container, key)) if is_there else None


def apps_of(
    inventory: Inventory, host: str, only: object, rollbacks: Iterable[Mapping[str, Any]] = ()
) -> list[dict[str, Any]]:
    """Return what release_static is asked of an app host.

    only: the apps that the run is for. rollbacks: what role gunicorn's tasks rollback_check have found.
    Raises ValueError for no selection.
    """
    chosen = _only.names(only)
    releases = {result["entry"]: result.get("release") or "" for result in rollbacks}
    folders = {
        name: app.folders
        for proxy in inventory.proxy_hosts
        for name, app in handed(inventory, proxy).items()
        if host in app.hosts and (not chosen or name in chosen)
    }
    return [
        {"name": name, "folders": folders[name], "release": releases.get(name, "")}
        for name in sorted(folders)
    ]


def found(hostvars: Mapping[str, Any], hosts: Iterable[str], name: str) -> dict[str, Found]:
    """Return what the hosts of a run have registered of release_static, nothing where it was skipped."""
    return {host: hostvars[host].get(name, {}).get("digests", {}) for host in hosts}


def requests(inventory: Inventory, digests: Mapping[str, Found]) -> list[dict[str, Any]]:
    """Return what nginx_static is asked of each proxy that gets something.

    digests: by the hosts of the run.
    """
    wanted = [
        {
            "proxy": proxy,
            "apps": [
                {
                    "name": name,
                    "offered": _digests(name, app.hosts, digests, "offered"),
                    "live": _digests(name, app.hosts, digests, "live"),
                    "complete": all(name in digests.get(host, {}) for host in app.hosts),
                }
                for name, app in handed(inventory, proxy).items()
                if _digests(name, app.hosts, digests, "offered")
            ],
        }
        for proxy in inventory.proxy_hosts
    ]
    return [request for request in wanted if request["apps"]]


def archives_of(
    inventory: Inventory, host: str, digests: Mapping[str, Found], lacking: Iterable[str]
) -> list[str]:
    """Return the digests of what a host brings of all that proxies lack: the first that has it does."""
    first: dict[str, str] = {}
    for app_host in inventory.app_hosts:
        for kinds in digests.get(app_host, {}).values():
            for digest in kinds.values():
                first.setdefault(digest, app_host)
    return [digest for digest in dict.fromkeys(lacking) if first.get(digest) == host]


def left_out(inventory: Inventory, proxy: str, hosts: Sequence[str]) -> list[dict[str, Any]]:
    """Return the apps whose files a proxy must have already, as their hosts are none of the run's.

    hosts: those of the run.
    """
    return [
        {"name": name, "hosts": app.hosts}
        for name, app in handed(inventory, proxy).items()
        if not set(app.hosts) & set(hosts)
    ]


def _digests(name: str, hosts: Iterable[str], digests: Mapping[str, Found], kind: str) -> list[str]:
    known = (digests.get(host, {}).get(name, {}).get(kind) for host in hosts)
    return list(dict.fromkeys(digest for digest in known if digest))
