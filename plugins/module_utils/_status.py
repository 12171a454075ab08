# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the apps of a host are. Reads only, and asks no app that does not run: that would start it."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import read_text
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    UNIT_OF_INSTANCE,
    Paths,
    recorded_instance,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_host import (
    is_running,
    public_sockets,
    read_records,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_recorded import earlier
from ansible_collections.webstack.python.plugins.module_utils._probe import (
    Health,
    Unhealthy,
    wait_until_healthy,
)
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout, read_json
from ansible_collections.webstack.python.plugins.module_utils._traces import Traces

PROPERTIES = ("Id", "ActiveState", "SubState", "MainPID", "MemoryCurrent", "NRestarts")
# What systemd calls a unit, beside `active`, in words that a reader of a table needs no manual for.
STATES = {
    "active": "live",
    "reloading": "live",
    "activating": "starting",
    "deactivating": "stopping",
    "failed": "failed",
}
ANY_HEALTH = {"path": "/", "status": (), "host": "localhost", "scheme": "http", "body": ""}
PROBES = 16  # apps that are asked at the same time
ZOMBIE = "Z"
INFINITY = 2**64 - 1  # what an older systemd prints for "not set"


@dataclass(frozen=True)
class Named:
    """What the manifest says of an app: whether it is to be present, and what its health is."""

    state: str = "present"
    health: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Host:
    """What is asked once for all apps.

    units: properties of each of the collection's units that systemd has loaded, by its name.
    children: how many processes each process has started that still run.
    root: where the host's file systems start.
    """

    units: Mapping[str, Mapping[str, str]]
    children: Mapping[int, int]
    root: Path

    def unit(self, name: str, key: str, default: str) -> str:
        """Return a property of a unit; the default where systemd has not loaded the unit."""
        return self.units.get(name, {}).get(key, default)

    def number(self, name: str, key: str) -> int | None:
        """Return a property that is a number; None where systemd has none."""
        text = self.unit(name, key, "")
        return int(text) if text.isdecimal() and int(text) < INFINITY else None

    def state(self, name: str) -> str:
        """Return in one word how a unit is."""
        active = self.unit(name, "ActiveState", "inactive")
        if active == "activating" and self.unit(name, "SubState", "") == "auto-restart":
            return "crashing"
        return STATES.get(active, "stopped")


def read_host(root: Path = Path("/")) -> Host:
    """Read what all apps have in common. Raises SystemdError."""
    shown = _systemd.show_all(["gunicorn-*"], *PROPERTIES)
    return Host({unit["Id"]: unit for unit in shown if "Id" in unit}, count_children(root), root)


def count_children(root: Path) -> dict[int, int]:
    """Count the processes that each process has started; one that ended does not count."""
    found: dict[int, int] = {}
    for path in (root / "proc").glob("[0-9]*/stat"):
        try:
            # The name before the last ) may hold blanks and parentheses of its own.
            state, parent = path.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # it ended just now
        if state != ZOMBIE:
            found[int(parent)] = found.get(int(parent), 0) + 1
    return found


def describe(app: str, named: Named | None, host: Host, traces: Traces) -> dict[str, Any]:
    """Say how one app is, but for its health.

    named: what the manifest says, None where it does not name the app.
    """
    paths = Paths(app, host.root)
    live = recorded_instance(read_text(paths.record))
    record = read_json(paths.instance(live) / "instance.json") if live else {}
    service = paths.unit(live, "service") if live else ""
    state = host.state(service) if live else _state_without_instance(named, traces)
    release, held = _release(app, record, host.root), _held(paths)
    pid = host.number(service, "MainPID") or 0
    return {
        "app": app,
        "state": state,
        "wanted": named.state if named else "unnamed",
        "instance": live,
        "release": record.get("release"),
        "revision": release.get("revision"),
        "source": release.get("source"),
        "since": record.get("since") or (_when(paths.record) if live else None),
        "by": record.get("by"),
        "accepted": record.get("accepted"),
        "workers": {"up": host.children.get(pid, 0) if pid else 0, "of": record.get("workers")},
        "memory": host.number(service, "MemoryCurrent"),
        "restarts": host.number(service, "NRestarts"),
        "previous": _previous(paths, live, (str(item.get("instance")) for item in held)),
        "held": held,
        "sockets": {unit: _socket_state(host, unit) for unit in public_sockets(paths)},
        "strays": _strays(app, live, host),
        "left": [] if live else [*map(str, traces.files), *([f"user {app}"] if traces.user else [])],
        "health": {"ok": None, "status": None, "message": "not asked, as it does not run", "seconds": None},
    }


def _state_without_instance(named: Named | None, traces: Traces) -> str:
    if traces == Traces():
        return "absent"
    return "not live" if named and named.state == "present" else "half removed"


def _release(app: str, record: Mapping[str, Any], root: Path) -> dict[str, Any]:
    identity = record.get("release")
    return read_json(Layout(app, root / "srv").release(identity) / "release.json") if identity else {}


def _previous(paths: Paths, live: str | None, held: Iterable[str]) -> dict[str, Any] | None:
    """Return the instance that a rollback would take, None where there is none."""
    records = {name: record for name, record in read_records(paths).items() if isinstance(record, dict)}
    names = earlier(records, live, tuple(held)) if live in records else iter(())
    return next(({"instance": name, "release": records[name].get("release")} for name in names), None)


def _held(paths: Paths) -> list[dict[str, Any]]:
    """Return the instances that were rolled back and are not deployed again by themselves."""
    held = read_json(paths.held).get("held")
    return [item for item in held if isinstance(item, dict)] if isinstance(held, list) else []


def _strays(app: str, live: str | None, host: Host) -> list[str]:
    """Name instances that run beside the live one, such as one that ends its last requests."""
    prefix = Paths(app).unit("", "service").partition("@")[0]
    found = (UNIT_OF_INSTANCE.search(unit) for unit in host.units if unit.startswith(f"{prefix}@"))
    return sorted(
        match["id"]
        for match in found
        if match and match[3] == "service" and match["id"] != live and host.number(match.string, "MainPID")
    )


def _socket_state(host: Host, unit: str) -> str:
    return "open" if host.unit(unit, "ActiveState", "inactive") == "active" else host.state(unit)


def _when(path: Path) -> str:
    """Return when a file was written, as ISO 8601 in UTC."""
    written = datetime.datetime.fromtimestamp(path.stat().st_mtime, datetime.timezone.utc)
    return written.isoformat(timespec="seconds")


def ask(rows: Iterable[dict[str, Any]], named: Mapping[str, Named], host: Host, timeout: float) -> None:
    """Ask the apps that run whether they are well, several at a time, and write the answers down.

    timeout: seconds that each has.
    """
    running = [row for row in rows if row["state"] == "live"]
    if running:
        with ThreadPoolExecutor(PROBES) as pool:
            answers = pool.map(lambda row: _ask(row, named, host, timeout), running)
            for row, answer in zip(running, answers):
                row["health"] = answer


def _ask(row: Mapping[str, Any], named: Mapping[str, Named], host: Host, timeout: float) -> dict[str, Any]:
    paths = Paths(row["app"], host.root)
    pid = host.number(paths.unit(row["instance"], "service"), "MainPID") or 0
    values = named[row["app"]].health if row["app"] in named else {}
    if not values:
        # What it was asked when it went live, for an app that the manifest says nothing of any more.
        values = read_json(paths.instance(row["instance"]) / "instance.json").get("health") or {}
    started = time.monotonic()
    answer: dict[str, Any] = {"ok": True, "message": ""}
    try:
        socket = paths.sockets / f"{row['instance']}.sock"
        answer["status"] = wait_until_healthy(
            socket,
            read_health(values, timeout),
            lambda: "" if is_running(pid, host.root) else "the process ended",
        ).status
    except Unhealthy as error:
        # The first line alone: below it is the app's answer, which may hold anything.
        answer = {"ok": False, "status": None, "message": str(error).partition("\n")[0]}
    return {**answer, "seconds": round(time.monotonic() - started, 3)}


def read_health(values: Mapping[str, Any], timeout: float) -> Health:
    """Read what is asked of an app; any answer below 500 is good where nothing is said of it.

    timeout: seconds, in the place of those that a new release would have.
    """
    return Health.of({**ANY_HEALTH, **values, "timeout": timeout})
