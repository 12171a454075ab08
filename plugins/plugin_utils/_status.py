# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the apps are, over all hosts: what each host is asked, and the answers as rows and as a table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn
from ansible_collections.webstack.python.plugins.plugin_utils._data import items_of, plain_or_unreadable, read

UNKNOWN = "-"
GAP = "  "
MIB = 1024 * 1024
ID_LENGTH = 12  # of a commit that is shown; those of releases and instances have as many
# What of an entry is looked at: neither a secret nor what needs one.
KEYS = ("name", "state", "health", "nginx", "path")
HEALTH: Mapping[str, type] = {"path": str, "status": list, "host": str, "scheme": str, "body": str}


@dataclass(frozen=True)
class Column:
    """A column of the table: its title, and what it shows of a row."""

    title: str
    show: Callable[[Mapping[str, Any]], object]


def requests(python_apps: object, gunicorn_apps: object) -> list[dict[str, Any]]:
    """Return {name, state, health} of each app; a list that is written by hand wins over the manifest.

    Whatever is wrong with an entry is left out: a wrong manifest must not hide how the apps are.
    """
    found = [_request(entry, _domains(entry), _section(entry)) for entry in _entries(python_apps)]
    found += [_request(entry, {}, entry) for entry in _entries(gunicorn_apps)]
    return list({request["name"]: request for request in found}.values())


def _entries(value: object) -> list[dict[str, Any]]:
    """Return what can be read of the entries that have a name."""
    found = [
        plain_or_unreadable({key: read(item, key) for key in KEYS if key in item})
        for item in items_of(value) or ()
        if isinstance(item, Mapping)
    ]
    return [entry for entry in found if isinstance(entry.get("name"), str)]


def _request(entry: Mapping[str, Any], more: Mapping[str, Any], place: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is asked of an app. more: of its health. place: where its path is."""
    said = entry.get("health")
    health = {
        key: value
        for key, value in (said.items() if isinstance(said, dict) else ())
        if key in HEALTH and isinstance(value, HEALTH[key])
    }
    state = "absent" if entry.get("state") == "absent" else "present"
    path = place.get("path", "/")
    asked = _gunicorn.resolve_health({**health, **more}, path if isinstance(path, str) else "/")
    return {"name": entry["name"], "state": state, "health": asked}


def _section(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    nginx = entry.get("nginx")
    return nginx if isinstance(nginx, dict) else {}


def _domains(entry: Mapping[str, Any]) -> dict[str, str]:
    domains = _section(entry).get("domains")
    named = isinstance(domains, list) and all(isinstance(name, str) for name in domains)
    return {"host": _gunicorn.probe_host({"domains": domains} if named else {})}


def rows(results: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a row an app and host, by app; a host that gave no answer has a row without an app.

    results: what M(webstack.python.status) gave each host, or failed with; empty for nothing.
    """
    found = []
    for host, result in results.items():
        if "apps" in result:
            found += [{**app, "host": host} for app in result["apps"]]
        else:
            found.append({"host": host, "app": None, "state": "unknown", "message": excuse(result)})
    return sorted(found, key=lambda row: (row["app"] is None, row["app"]))


def excuse(result: Mapping[str, Any]) -> str:
    """Say why a host gave no answer, in one line."""
    said = str(result.get("msg") or "").removeprefix("Task failed: ").partition("\n")[0]
    if said and not result.get("unreachable"):
        return said
    return f"was not reached: {said}" if said else "was not reached"


def table(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the rows as the lines of a table, its titles first."""
    return lines_of(found, COLUMNS)


def lines_of(found: Iterable[Mapping[str, Any]], columns: Sequence[Column]) -> list[str]:
    """Return rows as the lines of a table with these columns, their titles first."""
    shown = [[column.title for column in columns]]
    shown += [[_cell(column.show(row)) for column in columns] for row in found]
    widths = [max(map(len, cells)) for cells in zip(*shown, strict=True)]
    lines = (GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in shown)
    return [line.rstrip() for line in lines]


def _cell(value: object) -> str:
    return UNKNOWN if value is None or value == "" else str(value)


def _revision(row: Mapping[str, Any]) -> str | None:
    revision = row.get("revision")
    return str(revision)[:ID_LENGTH] if revision else row.get("source")


def _since(row: Mapping[str, Any]) -> str | None:
    since = row.get("since")
    return str(since)[:16].replace("T", " ") if since else None


def _workers(row: Mapping[str, Any]) -> str | None:
    workers = row.get("workers") or {}
    if not row.get("instance"):
        return None
    return f"{workers.get('up', 0)}/{_cell(workers.get('of'))}"


def _health(row: Mapping[str, Any]) -> object:
    health = row.get("health") or {}
    if health.get("ok") is None:
        return None
    return health.get("status") if health["ok"] else "bad"


def _memory(row: Mapping[str, Any]) -> str | None:
    memory = row.get("memory")
    return None if memory is None else f"{memory / MIB:.0f} MiB"


def _previous(row: Mapping[str, Any]) -> object:
    return (row.get("previous") or {}).get("instance")


def _held(row: Mapping[str, Any]) -> str:
    return " ".join(str(item.get("instance")) for item in row.get("held") or ())


def _notes(row: Mapping[str, Any]) -> str:
    health = row.get("health") or {}
    notes = [WANTED.get(row.get("wanted", ""), ""), str(row.get("message", ""))]
    notes += ["its watch has not ended"] if row.get("accepted") is False else []
    notes += [health["message"]] if health.get("ok") is False else []
    notes += [f"{unit} is {state}" for unit, state in (row.get("sockets") or {}).items() if state != "open"]
    notes += [f"{instance} runs, too" for instance in row.get("strays") or ()]
    notes += [", ".join(row["left"])] if row.get("left") else []
    return "; ".join(note for note in notes if note)


WANTED = {"unnamed": "not in the manifest", "absent": "to be removed"}
COLUMNS = (
    Column("APP", lambda row: row["app"]),
    Column("HOST", lambda row: row["host"]),
    Column("STATE", lambda row: row["state"]),
    Column("INSTANCE", lambda row: row.get("instance")),
    Column("RELEASE", lambda row: row.get("release")),
    Column("REVISION", _revision),
    Column("SINCE (UTC)", _since),
    Column("WORKERS", _workers),
    Column("HEALTH", _health),
    Column("MEMORY", _memory),
    Column("PREVIOUS", _previous),
    Column("HELD", _held),
    Column("NOTES", _notes),
)
