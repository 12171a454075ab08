# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The running nginx: what it thinks of a configuration, and proof that it runs one."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ansible_collections.webstack.python.plugins.module_utils import _systemd

UNIT = "nginx.service"
BINARY = "/usr/sbin/nginx"
PATIENCE = 10.0  # seconds; nginx itself tries for 2.5 s to bind an address
# Where a resolver's sockets and files are, which nginx needs for the host names of upstreams.
RESOLVERS = ("systemd/resolve", "nscd", "resolvconf", "NetworkManager")
EMERGENCY = re.compile(rb"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[emerg\] \d+#\d+: (.*)$", re.MULTILINE)


class Unjudged(Exception):
    """nginx could not be asked for its opinion; the text says why."""


class NotLoaded(Exception):
    """nginx does not run the configuration; the text is its complaint.

    settled: it is certain that it will not run it later either, as nginx gave it up and the
    workers from before still accept.
    """

    def __init__(self, complaint: str, *, settled: bool = False) -> None:
        super().__init__(complaint)
        self.settled = settled


@dataclass(frozen=True)
class State:
    """What systemd says of nginx."""

    installed: bool = True
    active: bool = True
    enabled: bool = True
    unit_changed: bool = False  # its files are newer than what systemd has read


@dataclass(frozen=True)
class Verdict:
    """What nginx thinks of a configuration.

    output: its complaints, and all files that it has read if it accepts them.
    """

    accepted: bool
    output: str

    def has_read(self, path: str) -> bool:
        """Tell whether a file is part of the configuration."""
        return f"# configuration file {path}:\n" in self.output


@dataclass(frozen=True)
class Worker:
    """A worker process; its start tells it from another one that got the same pid."""

    pid: int
    started: str  # clock ticks since the host's start
    accepting: bool  # not shutting down


class Nginx:
    """Debian's nginx under systemd."""

    def state(self) -> State:
        """Ask systemd. Raises _systemd.SystemdError."""
        found = _systemd.show(UNIT, "LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")
        return State(
            installed=found["LoadState"] != "not-found" and Path(BINARY).exists(),
            active=found["ActiveState"] in ("active", "reloading"),
            enabled=found["UnitFileState"] == "enabled",
            unit_changed=found["NeedDaemonReload"] == "yes",
        )

    def running_since(self) -> float:
        """Return when the oldest worker that accepts was started, in seconds since the epoch; 0 for none."""
        started = [int(worker.started) / os.sysconf("SC_CLK_TCK") for worker in _accepting()]
        return _boot() + min(started) if started else 0

    def started(self) -> float:
        """Return when the master was started, see started()."""
        return started(_master())

    def judge(self, nginx: Path, logs: Path, caches: Path, confinement: Iterable[str]) -> Verdict:
        """Let nginx test a staged tree that it sees at /etc/nginx, without a trace on the host.

        nginx: the tree. logs, caches: copies of the directories below /var/log and /var/cache; the
        test makes log files, the folders of caches, and a pid file in /run. confinement: what nginx's
        unit says of files, as NAME=VALUE, so that what the test takes is what the unit can run. Raises
        Unjudged.
        """
        # The test has a /run of its own, which a unit's word on it would take away.
        confined = [f"--property={line}" for line in confinement if line != "ReadWritePaths=/run"]
        resolvers = " ".join(f"-/run/{name}" for name in RESOLVERS)
        try:
            done = _systemd.run(
                "systemd-run",
                "--quiet",
                "--pipe",
                "--wait",
                "--collect",
                f"--property=BindReadOnlyPaths={nginx}:/etc/nginx {resolvers}",
                f"--property=BindPaths={logs}:/var/log {caches}:/var/cache",
                "--property=TemporaryFileSystem=/run",
                *confined,
                BINARY,
                "-T",
                "-q",
            )
        except _systemd.SystemdError as error:
            raise Unjudged(str(error)) from None
        if done.status not in (0, 1) or (done.status == 1 and "[emerg]" not in done.output):
            raise Unjudged(
                f"systemd-run ended with status {done.status} where it was to run 'nginx -t' in "
                f"a mount namespace of its own: {done.output.strip() or 'it printed nothing'}"
            )
        return Verdict(done.status == 0, done.output)

    def read_units(self) -> None:
        """Let systemd read nginx's unit files again."""
        _systemd.daemon_reload()

    def enable(self) -> None:
        """Start nginx at boot."""
        _systemd.systemctl("enable", UNIT)

    def start(self) -> None:
        """Start nginx and wait for its workers.

        Raises NotLoaded with the journal's last lines; nginx is stopped again then, since its
        unit may otherwise try on.
        """
        done = _systemd.run("systemctl", "start", UNIT)
        if done.status == 0 and self._await_workers():
            return
        lines = _systemd.journal(_systemd.show(UNIT, "InvocationID")["InvocationID"])
        _systemd.stop([UNIT])
        _systemd.run("systemctl", "reset-failed", UNIT)
        complaint = [line for line in lines if "[emerg]" in line] or lines
        raise NotLoaded("\n".join(dict.fromkeys(complaint)) or done.output.strip(), settled=True)

    def reload(self) -> None:
        """Reload nginx and see that new workers have taken over. Raises NotLoaded."""
        # A master that has only just been started may not heed the signal before it has workers.
        before = self._await_workers()
        with ErrorLogs(_master()) as logs:
            done = _systemd.run("systemctl", "reload", UNIT)
            if done.status != 0:
                raise NotLoaded(logs.read() or done.output.strip(), settled=_accepting() == before)
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline:
                complaint = logs.read()
                now = _accepting()
                if now and not now & before and not logs.fatal:
                    return
                if logs.fatal:
                    raise NotLoaded(complaint, settled=now == before)
                time.sleep(0.02)
        raise NotLoaded(complaint or f"no new workers {PATIENCE:.0f} s after the reload, and no word why")

    def has_ended_the_old(self) -> bool:
        """Wait for workers from before a reload to end their last requests; tell whether they have."""
        deadline = time.monotonic() + PATIENCE
        while any(not worker.accepting for worker in workers(_master())):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _await_workers(self) -> set[Worker]:
        deadline = time.monotonic() + PATIENCE
        while not (found := _accepting()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found


def _master() -> int:
    return int(_systemd.show(UNIT, "MainPID")["MainPID"] or 0)


def _boot() -> float:
    """Return when the host was started, in seconds since the epoch; /proc/stat says it in whole ones."""
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def started(pid: int, proc: Path = Path("/proc")) -> float:
    """Return when a process was started, in seconds since the epoch; 0 for none."""
    try:
        fields = (proc / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return 0
    _state, _parent, *rest = fields.rpartition(")")[2].split()
    return _boot() + int(rest[17]) / os.sysconf("SC_CLK_TCK")


def _accepting() -> set[Worker]:
    return {worker for worker in workers(_master()) if worker.accepting}


def workers(master: int, proc: Path = Path("/proc")) -> list[Worker]:
    """Return the workers of a master process, those that shut down included."""
    found = []
    for path in proc.glob("[0-9]*"):
        # A process may end while it is looked at.
        with contextlib.suppress(OSError):
            fields = (path / "stat").read_text(encoding="utf-8", errors="replace")
            state, parent, *rest = fields.rpartition(")")[2].split()
            if int(parent) != master or state == "Z":
                continue
            title = (path / "cmdline").read_bytes()
            if title.startswith(b"nginx: worker process"):
                found.append(Worker(int(path.name), rest[17], b"shutting down" not in title))
    return found


class ErrorLogs:
    """What the logs that a process holds open get from now on: its emergencies.

    nginx reports a reload that fails there alone. Every log is read, as nginx.conf is not ours
    and may send errors to any file.
    """

    def __init__(self, pid: int, proc: Path = Path("/proc")) -> None:
        self._files = contextlib.ExitStack()
        self._logs: list[BinaryIO] = []
        self._tails: dict[int, bytes] = {}
        self._emergencies: list[str] = []
        for path in sorted(_open_files(pid, proc)):
            with contextlib.suppress(OSError):
                log = self._files.enter_context(path.open("rb"))
                log.seek(0, os.SEEK_END)
                self._logs.append(log)

    def __enter__(self) -> ErrorLogs:
        return self

    def __exit__(self, *_error: object) -> None:
        self._files.close()

    def read(self) -> str:
        """Return all emergencies up to now, each once, a line each."""
        for log in self._logs:
            text = self._tails.get(log.fileno(), b"") + log.read()
            lines, _, self._tails[log.fileno()] = text.rpartition(b"\n")
            self._emergencies += [line.decode("utf-8", "replace") for line in EMERGENCY.findall(lines)]
        return "\n".join(dict.fromkeys(f"[emerg] {line}" for line in self._emergencies))

    @property
    def fatal(self) -> bool:
        """Whether nginx has given up: it tries several times to bind an address that is in use."""
        return any(not (line.startswith("bind() to") and "(98:" in line) for line in self._emergencies)


def _open_files(pid: int, proc: Path) -> set[Path]:
    found = set()
    for descriptor in (proc / str(pid) / "fd").glob("*"):
        with contextlib.suppress(OSError):
            path = Path(os.readlink(descriptor))
            if path.is_file():
                found.add(path)
    return found
