# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a run has to do: what is on the host, compared with the instance that is wanted. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._instance import (
    UNIT_OF_INSTANCE,
    File,
    Instance,
    Paths,
    body,
)


@dataclass(frozen=True)
class Unit:
    """A unit as systemd knows it. pid: of the main process, 0 for none."""

    name: str
    active: str = "inactive"
    needs_reload: bool = False
    pid: int = 0
    wants: frozenset[str] = frozenset()

    @property
    def up(self) -> bool:
        """Tell whether the unit is active."""
        return self.active == "active"

    @property
    def down(self) -> bool:
        """Tell whether the unit neither runs nor is about to."""
        return self.active in ("inactive", "failed", "deactivating")


@dataclass(frozen=True)
class Observed:
    """What is on the host.

    live: what the record names. records: instance.json of each instance that was ever live.
    leftovers: instances of which there are files but no record. checks: unit files of
    rehearsals. litter: files that were never given their names. public_sockets: unit files of
    public sockets. texts: of all files that the wanted instance has. units: those of systemd's
    that it has loaded. enabled: whether the app starts at boot. current: whether the link
    `current` is as the live instance wants it. previous: whether the link `previous` is. access: whether
    the public unix socket, where there is one, has the owner and mode that its unit wants.
    """

    live: str | None
    records: Mapping[str, Mapping[str, Any]]
    leftovers: frozenset[str]
    checks: tuple[Path, ...]
    litter: tuple[Path, ...]
    public_sockets: tuple[str, ...]
    texts: Mapping[Path, str | None]
    units: Mapping[str, Unit]
    enabled: bool
    current: bool
    previous: bool
    access: bool

    def unit(self, name: str) -> Unit:
        """Return a unit; one that systemd has not loaded is down."""
        return self.units.get(name, Unit(name))


@dataclass(frozen=True)
class Plan:
    """What a run has to do. Each part is empty on a host that is as it should be.

    strays: units to stop, of rehearsals and of instances that are not live. debris: instances
    whose files were never finished. litter: files to delete, unit files of rehearsals among
    them. reload: systemd has not read the record. rewrite: files of the live instance to write
    again. restart: the live instance may run with what was edited. shared: shared files to
    write. revive: units that should run and do not. enable: the link for the boot is missing.
    relink: `current` or `previous` is wrong. admit: the open public unix socket has another owner or mode
    than its unit wants. swap: the live instance is not the wanted one. drop: instances
    beyond those to keep. leave: public sockets that the app no longer wants.
    """

    strays: tuple[str, ...]
    debris: tuple[str, ...]
    litter: tuple[Path, ...]
    reload: bool
    rewrite: tuple[File, ...]
    restart: bool
    shared: tuple[File, ...]
    revive: tuple[str, ...]
    enable: bool
    relink: bool
    admit: bool
    swap: bool
    drop: tuple[str, ...]
    leave: tuple[str, ...]

    @property
    def repairs(self) -> bool:
        """Tell whether there is anything to put right before a swap, or instead of one."""
        ahead = (self.strays, self.debris, self.litter, self.reload, self.revive)
        instead = (self.rewrite, self.shared, self.enable, self.relink, self.admit)
        return any(ahead) or (not self.swap and any(instead))

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to do now; leaving a socket waits until it is asked for."""
        return bool(self.repairs or self.swap or self.drop)


def decide(paths: Paths, wanted: Instance, observed: Observed, listen: str, keep: int) -> Plan:
    """Compare what is with what should be.

    listen: the public address. keep: how many instances stay, the live one among them.
    """
    live = observed.live
    swap = live != wanted.id
    rewrite = () if swap else _differing(wanted.own, observed)
    public = paths.public_socket(listen)
    return Plan(
        strays=_strays(observed),
        debris=tuple(sorted(observed.leftovers - {live})),
        litter=(*observed.checks, *observed.litter),
        reload=live is not None and _record_is_unread(paths, observed, live),
        rewrite=rewrite,
        restart=any(observed.texts.get(file.path) is not None for file in rewrite),
        shared=_differing(wanted.shared, observed),
        revive=_revive(paths, observed, live, public) if live else (),
        enable=not observed.enabled,
        relink=not (observed.current and observed.previous),
        admit=not observed.access,
        swap=swap,
        drop=() if swap else beyond(observed.records, keep, live),
        leave=tuple(unit for unit in observed.public_sockets if unit != public),
    )


def _strays(observed: Observed) -> tuple[str, ...]:
    """Name units that run though no record wants them."""
    strays = []
    for name, unit in observed.units.items():
        found = UNIT_OF_INSTANCE.search(name)
        if found and unit.active != "inactive" and (found.group(1) or found["id"] != observed.live):
            strays.append(name)
    return tuple(sorted(strays))


def _differing(files: Iterable[File], observed: Observed) -> tuple[File, ...]:
    return tuple(file for file in files if body(observed.texts.get(file.path)) != body(file.text))


def _record_is_unread(paths: Paths, observed: Observed, live: str) -> bool:
    handle = observed.unit(paths.handle)
    return handle.needs_reload or (bool(handle.wants) and paths.unit(live, "service") not in handle.wants)


def _revive(paths: Paths, observed: Observed, live: str, public: str) -> tuple[str, ...]:
    service = observed.unit(paths.unit(live, "service"))
    names = [paths.handle, paths.target, service.name]
    # A socket at a new address is not there yet, or is what a killed run was about to open: an instance
    # that runs without it goes on undisturbed.
    if public in observed.public_sockets and (public in service.wants or not service.up):
        names.append(public)
    return tuple(name for name in names if observed.unit(name).down)


def describe_repairs(paths: Paths, observed: Observed, plan: Plan) -> list[str]:
    """Say what is put right that no change of the inventory explains."""
    said = [f"stopped {name}, which no record wants" for name in plan.strays if name.endswith(".service")]
    said += [f"removed {path}, left by a run that was killed" for path in plan.litter]
    said += [f"removed the unfinished instance {instance}" for instance in plan.debris]
    suffix = " and restarted the live instance" if plan.restart else ""
    said += [f"wrote {file.path} again{suffix}" for file in plan.rewrite]
    lost = [file.path for file in plan.shared if observed.texts.get(file.path) is None]
    if observed.live is not None:
        said += [f"wrote {path} again" for path in lost if path.name in (paths.handle, paths.target)]
    if plan.admit and not any(paths.is_public_socket(file.path.name) for file in plan.shared):
        said.append(f"gave {paths.public_node} its owner and mode again")
    if plan.reload:
        said.append("let systemd read the record of what is live")
    said += [f"started {name}, which was down" for name in plan.revive]
    return said


def is_good(record: Mapping[str, Any]) -> bool:
    """Tell whether an instance has proven itself, by its record; not while it is still watched."""
    return bool(record.get("accepted", True))


def predecessor(observed: Observed, wanted: str) -> str | None:
    """Name the instance that the wanted one follows in the line of good ones.

    The nearest good one may be the wanted one itself, which then keeps its own place.
    """
    record = observed.records.get(observed.live or "", {})
    previous: str | None = observed.live if is_good(record) else record.get("previous")
    if previous == wanted:
        previous = observed.records.get(wanted, {}).get("previous")
    return previous


def closed_up(records: Mapping[str, Mapping[str, Any]], leaving: str) -> dict[str, dict[str, Any]]:
    """Return the records that change where an instance leaves its place in the line of good ones.

    It does where it is deployed once more: otherwise it would be the one before itself.
    """
    before = records.get(leaving, {}).get("previous")
    return {
        name: {**record, "previous": before}
        for name, record in records.items()
        if record.get("previous") == leaving and name != leaving
    }


def since(record: Mapping[str, Any]) -> str:
    """Say when an instance went live last, by its record; where it never did, when it was made."""
    return str(record.get("since") or record.get("created", ""))


def beyond(records: Mapping[str, Mapping[str, Any]], keep: int, live: str | None) -> tuple[str, ...]:
    """Name the instances to drop: the oldest beyond `keep`, never the live one or the one before it.

    Those that never proved themselves go before all others. records: by instance, with `created`,
    `accepted` and, for the live one, `previous`.
    """
    spared = {live, records.get(live or "", {}).get("previous")}
    newest_first = sorted(records, key=lambda name: since(records[name]), reverse=True)
    newest_first.sort(key=lambda name: (name not in spared, not is_good(records[name])))
    return tuple(name for name in newest_first[max(keep, 1) :] if name not in spared)
