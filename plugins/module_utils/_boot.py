# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that starts: whether it is still worth waiting for.

Gunicorn replaces a worker that ends, also one that ends again and again before it has answered anything.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import read_text
from ansible_collections.webstack.python.plugins.module_utils._instance_host import is_running

# One may be replaced for reasons that pass.
ENDED_WORKERS = 3
MIB = 1024**2
# What the kernel says where nothing is bound: about 8 EiB, or "max".
UNBOUND = 1 << 60


class Boot:
    """Watches a master and its workers; to be asked often. pid: the master's."""

    def __init__(self, pid: int, root: Path = Path("/")) -> None:
        self._pid = pid
        self._root = root
        self._seen: set[str] = set()

    def trouble(self) -> str:
        """Say why no answer can be waited for any longer, '' while one can."""
        if not is_running(self._pid, self._root):
            return "the process ended"
        if killed := self._killed_for_memory():
            return f"it ran out of memory: the kernel killed {killed} of its processes{self._bound()}"
        running = set(self._read(f"proc/{self._pid}/task/{self._pid}/children").split())
        self._seen |= running
        ended = len(self._seen - running)
        if ended < ENDED_WORKERS:
            return ""
        return (
            f"its workers end while they boot, {ended} so far; where its journal shows no traceback, the app "
            "itself ends the process at its import (sys.exit, os._exit)"
        )

    def _read(self, path: str) -> str:
        # A process may end while it is read about.
        with contextlib.suppress(ProcessLookupError):
            return read_text(self._root / path) or ""
        return ""

    def _killed_for_memory(self) -> int:
        for line in (*self._cgroup("memory.events"), *self._cgroup("memory.oom_control")):
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
        return 0

    def _bound(self) -> str:
        words = (*self._cgroup("memory.max"), *self._cgroup("memory.limit_in_bytes"))
        bounds = [int(word) for word in words if word.isdigit() and int(word) < UNBOUND]
        return f" at its bound of {bounds[0] // MIB}M (service.memory_max)" if bounds else ""

    def _cgroup(self, name: str) -> list[str]:
        """Return the lines of a file of the master's control group, in either version's hierarchy."""
        for line in self._read(f"proc/{self._pid}/cgroup").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers in ("", "memory"):
                folder = f"sys/fs/cgroup/{controllers}{path}"
                if text := self._read(f"{folder}/{name}"):
                    return text.splitlines()
        return []
