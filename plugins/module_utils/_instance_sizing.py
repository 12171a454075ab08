# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""How many workers an instance gets, and how long they keep a connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MIB = 1024**2
# A worker with a framework and a few libraries; a bare Flask app takes a third of it.
WORKER_MEMORY = 100 * MIB
# While a swap runs, the old release and the new one are in memory.
RELEASES_AT_ONCE = 2
# Older versions lose a request now and then that a proxy sends on a connection they are closing.
KEEPALIVE_SINCE = (27, 0, 1)
KEEPALIVE_CLASSES = ("gthread", "gevent", "asgi")
KEEPALIVE = 75  # seconds; much longer than Nginx keeps an idle connection

UNITS = {"K": 1024, "M": MIB, "G": 1024**3, "T": 1024**4}


@dataclass(frozen=True)
class Machine:
    """What an app may use of the host: whole cpus, and bytes of memory."""

    cpus: int
    memory: int


@dataclass(frozen=True)
class Workers:
    """A number of workers, and why it is this one."""

    count: int
    reason: str


def size_workers(wanted: str, worker_class: str, machine: Machine, memory_max: str = "") -> Workers:
    """Return the wanted number of workers, or for "auto" one that suits the machine.

    worker_class: all others need fewer processes than sync does. memory_max: the unit's MemoryMax=.
    Raises ValueError where wanted is neither "auto" nor a positive number.
    """
    if wanted != "auto":
        count = int(wanted)
        if count < 1:
            raise ValueError(f"{wanted} workers")
        return Workers(count, "as configured")
    factor = 2 if worker_class == "sync" else 1
    by_cpu = Workers(
        factor * machine.cpus + 1,
        f"{worker_class}: {'2 x ' if factor == 2 else ''}{_cpus(machine.cpus)} + 1",
    )
    bounds = [by_cpu, _by_memory(machine.memory // RELEASES_AT_ONCE, "half of the host's memory")]
    limit = parse_size(memory_max)
    if limit:
        bounds.append(_by_memory(limit, f"memory_max {memory_max}"))
    return min(bounds, key=lambda bound: bound.count)


def _by_memory(available: int, source: str) -> Workers:
    count = max(available // WORKER_MEMORY, 1)
    return Workers(count, f"{source} holds {count} of {WORKER_MEMORY // MIB} MiB")


def _cpus(count: int) -> str:
    return "1 cpu" if count == 1 else f"{count} cpus"


def parse_size(text: str) -> int:
    """Return a systemd size in bytes; 0 for none, and for one that depends on the host (50%)."""
    number, unit = (text[:-1], UNITS.get(text[-1:].upper(), 0)) if text[-1:].isalpha() else (text, 1)
    return int(number) * unit if number.isdigit() else 0


def keepalive_seconds(worker_class: str, version: tuple[int, ...]) -> int:
    """Return how long an idle connection of the proxy is kept; 0 where that could cost requests."""
    return KEEPALIVE if worker_class in KEEPALIVE_CLASSES and version >= KEEPALIVE_SINCE else 0


def read_machine(root: Path = Path("/")) -> Machine:
    """Read what this process, and so a service beside it, may use: cpus and memory.

    root: where the host's file systems start; another one in tests.
    """
    cpus = len(os.sched_getaffinity(0))
    memory = _memory_total((root / "proc/meminfo").read_text(encoding="utf-8"))
    for folder in _cgroups(root):
        quota = _cpu_quota(folder)
        limit = _memory_limit(folder)
        cpus = min(cpus, max(int(quota), 1)) if quota else cpus
        memory = min(memory, limit) if limit else memory
    return Machine(cpus, memory)


def _memory_total(meminfo: str) -> int:
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) * 1024
    raise ValueError("/proc/meminfo has no MemTotal")


def _cgroups(root: Path) -> Iterator[Path]:
    """Yield the folders of this process's control groups and of all groups above them."""
    for line in (root / "proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        mount = root / "sys/fs/cgroup"
        if controllers:
            names = set(controllers.split(",")) & {"cpu", "memory"}
            if not names:
                continue
            mount /= names.pop()
        group = Path(path.lstrip("/"))
        for folder in (group, *group.parents):
            yield mount / folder


def _cpu_quota(folder: Path) -> float:
    """Return the cpus that a group may use; 0 for no limit."""
    v2 = _words(folder / "cpu.max")
    quota, period = v2 or (
        _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us") or ["max", "1"]
    )
    return int(quota) / int(period) if quota.isdigit() else 0


def _memory_limit(folder: Path) -> int:
    """Return the bytes that a group may use; 0 for no limit."""
    words = _words(folder / "memory.max") or _words(folder / "memory.limit_in_bytes") or ["max"]
    return int(words[0]) if words[0].isdigit() else 0


def _words(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").split()
    except OSError:
        return []
