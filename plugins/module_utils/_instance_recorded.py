# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instances that were live before: which of them to go back to, and their files. Reads only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._files import read_text
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    File,
    Instance,
    Own,
    Paths,
    assemble,
    encode_environment,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import is_good, since

Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Recorded:
    """An instance that the host has all files of.

    record: its instance.json. user: the unix user that runs it. own: its texts, without its id.
    sockets: the units of the public sockets that it inherits, the one where it listens first.
    """

    id: str
    record: Mapping[str, Any]
    user: str
    own: Own
    sockets: tuple[str, ...]

    def instance(self, paths: Paths) -> Instance:
        """Return the instance as it has to be; what all instances share stays as it is on the host.

        Raises ValueError where that is gone.
        """
        units = (self.sockets[0], paths.handle, paths.target)
        shared = (File(paths.units / unit, _read(paths.units / unit), 0o644) for unit in units)
        return assemble(paths, self.id, self.own, tuple(shared))


def read_recorded(paths: Paths, instance: str, record: Mapping[str, Any]) -> Recorded:
    """Read an instance's files. Raises ValueError where one is missing, or what it runs is."""
    for name in ("directory", "virtualenv"):
        if not Path(str(record[name])).is_dir():
            raise ValueError(f"{record[name]} is gone")
    folder = paths.instance(instance)
    texts = {
        "config": folder / "gunicorn.conf.py",
        "environment": folder / "env",
        "service": paths.units / paths.unit(instance, "service"),
        "socket": paths.units / paths.unit(instance, "socket"),
        "check_service": folder / "check.service",
        "check_socket": folder / "check.socket",
    }
    own = Own(**{name: _read(path).replace(instance, "__INSTANCE__") for name, path in texts.items()})
    return Recorded(
        id=instance,
        record=record,
        user=_setting(own.service, "User", texts["service"]),
        own=own,
        sockets=inherited_sockets(paths, instance),
    )


def inherited_sockets(paths: Paths, instance: str) -> tuple[str, ...]:
    """Return the public sockets of an instance, the one where it listens first. Raises ValueError."""
    path = paths.units / paths.unit(instance, "service")
    units = _setting(_read(path), "Sockets", path).split()
    return tuple(unit for unit in units if paths.is_public_socket(unit))


def _read(path: Path) -> str:
    text = read_text(path)
    if text is None:
        raise ValueError(f"{path} is gone")
    return text


def _setting(unit: str, name: str, path: Path) -> str:
    found = re.search(rf"^{name}=(.*)$", unit, re.MULTILINE)
    if not found:
        raise ValueError(f"{path} has no {name}=")
    return found.group(1)


def listen_address(paths: Paths, unit: str) -> str:
    """Return where a public socket listens, in the words of the option listen. Raises ValueError."""
    if unit == paths.public_socket("unix"):
        return "unix"
    path = paths.units / unit
    return _setting(_read(path), "ListenStream", path)


def derive(recorded: Recorded, env: Mapping[str, str] | None, sockets: Sequence[str], key: bytes) -> Recorded:
    """Return a recorded instance with another environment, or at other public sockets.

    It is another instance then, with an id of its own. env: None for the recorded one. key: the
    host's secret. Raises ValueError for an environment that cannot be written down.
    """
    own = replace(
        recorded.own,
        service=re.sub(
            r"^Sockets=.*?(?=\S+$)",
            f"Sockets={' '.join(sockets)} ",
            recorded.own.service,
            flags=re.MULTILINE,
        ),
        environment=recorded.own.environment if env is None else encode_environment(env),
    )
    record = recorded.record
    identity = own.identify(key, Path(str(record["directory"])), Path(str(record["virtualenv"])))
    return replace(recorded, id=identity, own=own, sockets=tuple(sockets))


def read_held(paths: Paths) -> list[dict[str, Any]]:
    """Return the instances that were rolled back since the last ordinary deploy."""
    held: list[dict[str, Any]] = json.loads(read_text(paths.held) or '{"held": []}')["held"]
    return held


def earlier(records: Records, live: str, held: Sequence[str]) -> Iterator[str]:
    """Name the good instances before the live one, the nearest first, without those that are held."""
    seen, name = {live}, str(records[live].get("previous"))
    while name in records and name not in seen:
        seen.add(name)
        if name not in held and is_good(records[name]):
            yield name
        name = str(records[name].get("previous"))


def named(records: Records, live: str, to: str) -> str:
    """Return the instance that is meant by the id of an instance or of a release.

    Of a release, the live instance where it runs it, else the one that was live last. Raises ValueError.
    """
    if to == live or (to not in records and to == records[live].get("release")):
        return live
    matching = [to] if to in records else [name for name in records if records[name].get("release") == to]
    if not matching:
        raise ValueError(f"there is no instance or release '{to}' to go back to")
    good = [name for name in matching if is_good(records[name])]
    if not good:
        raise ValueError(f"{to} never proved itself; choose another one")
    return max(good, key=lambda name: since(records[name]))


def listing(records: Records, live: str, held: Sequence[str]) -> str:
    """Say which instances there are, a line each, the newest first."""
    lines = []
    for name in sorted(records, key=lambda name: since(records[name]), reverse=True):
        record = records[name]
        marks = [
            mark
            for mark, is_so in (
                ("live", name == live),
                ("rolled back", name in held),
                ("never proved itself", not is_good(record)),
            )
            if is_so
        ]
        remark = f" ({', '.join(marks)})" if marks else ""
        lines.append(f"    instance {name}, release {record.get('release')}, since {since(record)}{remark}")
    return "\n".join(lines)
