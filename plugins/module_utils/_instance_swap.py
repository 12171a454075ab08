# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring an app's instances to what is wanted, without a visitor noticing.

A run may be killed at any point. What it leaves is either not recorded as live, and the next
run clears it away, or it is, and the next run ends what was begun.
"""

from __future__ import annotations

import contextlib
import json
import os
import pwd
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import (
    MARKER,
    exchange,
    read_text,
    replace_link,
    write_text,
)
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    MOVING,
    File,
    Instance,
    Paths,
    live_record,
    public_access,
    recorded_instance,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_host import (
    held_inodes,
    listening_inodes,
    owner,
    read_records,
    read_units,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import (
    Observed,
    Plan,
    beyond,
    is_good,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused, Trial
from ansible_collections.webstack.python.plugins.module_utils._probe import Health
from ansible_collections.webstack.python.plugins.module_utils._signals import ignore_endings


@dataclass
class Swap:
    """One run on one app.

    account: the app's user. listen: the public address. current: the link that follows
    the live instance, None for none. previous: the link that follows what was live before, None for none.
    record: what instance.json is to say of the wanted instance.
    others: what it is to say of other instances, by their ids. held: the instances that are not to be
    deployed again, for held.json; none leaves it as it is. keep: how many instances stay. secrets: values
    that no message may show. before: what is done once the rehearsal went well and nothing is switched
    yet; where it raises, nothing is. rehearses: whether the wanted instance is tried where no visitor sees
    it. steps: what was done, and the seconds it took.
    """

    paths: Paths
    wanted: Instance
    observed: Observed
    plan: Plan
    health: Health
    account: pwd.struct_passwd
    listen: str
    current: Path | None
    record: Mapping[str, Any]
    keep: int
    previous: Path | None = None
    others: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    held: Sequence[Mapping[str, Any]] = ()
    secrets: frozenset[str] = frozenset()
    before: Callable[[], None] | None = None
    rehearses: bool = True
    steps: list[dict[str, Any]] = field(default_factory=list)

    def run(self, settle: bool) -> None:
        """Carry the plan out. settle: leave the public sockets that are no longer wanted.

        Raises Refused where the wanted instance is no good, and SystemdError or OSError where
        the host is not.
        """
        if self.plan.admit:
            # One that is not on this host is refused before anything is done.
            self._public_owner()
        if self.plan.repairs:
            with self._step("repair"):
                self._repair()
        if self.plan.swap:
            if self.plan.repairs:
                # The repair stopped and started units.
                self.observed = replace(
                    self.observed, units=read_units(self.paths, self.observed.public_sockets)
                )
            try:
                self._place()
                if self.rehearses:
                    with self._step("rehearse"):
                        self._rehearse()
                if self.before is not None:
                    with self._step("notify"):
                        self.before()
                with self._step("start"):
                    self._show_files()
                    self._start()
                with self._step("commit"):
                    self._commit()
            except BaseException:
                if recorded_instance(read_text(self.paths.record)) != self.wanted.id:
                    self._undo()
                raise
            with self._step("retire"):
                self._retire()
        if settle and self.plan.leave:
            with self._step("settle"):
                self._settle()
        self._drop()

    @contextlib.contextmanager
    def _step(self, name: str) -> Iterator[None]:
        started = time.monotonic()
        yield
        self.steps.append({"step": name, "seconds": round(time.monotonic() - started, 2)})

    # What a killed run, or somebody else, left behind.

    def _repair(self) -> None:
        plan, live = self.plan, self.observed.live
        _stop(plan.strays)
        for path in plan.litter:
            path.unlink(missing_ok=True)
        for instance in plan.debris:
            self._remove_instance(instance)
        if not plan.swap:
            for file in (*plan.rewrite, *plan.shared):
                self._write(file)
        if plan.reload or (not plan.swap and (plan.rewrite or plan.shared)):
            _systemd.daemon_reload()
        if plan.revive:
            self._revive()
        if plan.swap:
            return
        if plan.enable:
            self._enable()
        if plan.relink:
            self._relink()
        self._admit()
        if live and plan.restart:
            _systemd.systemctl("restart", self.paths.unit(live, "service"))
        if live and (plan.restart or plan.revive):
            self._trial(live).wait(self.paths.unit(live, "service"), self._own_socket(live), "start")

    def _revive(self) -> None:
        """Start what should run. A public socket does not start under a handle that is up."""
        if self.paths.public_socket(self.listen) in self.plan.revive:
            _systemd.systemctl("stop", self.paths.handle)
        _systemd.run("systemctl", "reset-failed", *self.plan.revive)
        # An old release that no longer starts must not keep a good one from taking its place.
        _systemd.run("systemctl", "start", self.paths.target, *self.plan.revive)

    def _trial(self, instance: str) -> Trial:
        return Trial(self.paths, instance, self.health, self.secrets)

    # The swap.

    def _place(self) -> None:
        self._make_folders()
        for file in self.wanted.own:
            self._write(file)

    def _rehearse(self) -> None:
        """Start the wanted instance on a socket of its own alone, and see that it is well."""
        for file in self.wanted.check:
            self._write(file)
        service = self.paths.check_unit(self.wanted.id, "service")
        socket = self.paths.sockets / f"check-{self.wanted.id}.sock"
        trial = self._trial(self.wanted.id)
        trial.launch(service, "rehearsal")
        trial.wait(service, socket, "rehearsal")
        self._end_rehearsal()

    def _end_rehearsal(self) -> None:
        _stop(self.paths.check_unit(self.wanted.id, kind) for kind in ("service", "socket"))
        for file in self.wanted.check:
            file.path.unlink(missing_ok=True)

    def _show_files(self) -> None:
        """Let `previous` lead to the wanted release, for the files of the first pages that it gives."""
        leaves = self._live.get("directory") not in (None, str(self._directory))
        if self.previous is not None and leaves:
            _point(self.previous, self._directory)

    def _start(self) -> None:
        """Start the wanted instance beside the live one, and see that it has the public socket."""
        self._open_public_socket()
        trial = self._trial(self.wanted.id)
        service = self.paths.unit(self.wanted.id, "service")
        trial.launch(service, "start")
        trial.wait(service, self._own_socket(self.wanted.id), "start")
        public = self.paths.public_socket(self.listen)
        inodes = listening_inodes(self.paths.address(self.listen))
        pid = int(_systemd.show(service, "MainPID")["MainPID"])
        held = held_inodes(pid, self.account.pw_uid, self.account.pw_gid)
        if not inodes & held or not _systemd.is_active(public):
            raise trial.refusal("start", f"it was not given the public socket, {public}", service)

    def _open_public_socket(self) -> None:
        public = self.paths.public_socket(self.listen)
        if self.observed.unit(public).up:
            return
        for file in self._new_shared():
            self._write(file)
        if self.observed.unit(self.paths.handle).up:
            self._stand_in_for_the_handle(public)
        self._trial(self.wanted.id).launch(public, "start")

    def _new_shared(self) -> list[File]:
        return [file for file in self.plan.shared if self.observed.texts.get(file.path) is None]

    def _stand_in_for_the_handle(self, public: str) -> None:
        """Give a socket another service than the handle: systemd opens none whose service is up.

        A reboot takes the stand-in away, and by then nothing needs it.
        """
        mover = self.paths.runtime_units / self.paths.mover
        handle = next(file for file in self.wanted.shared if file.path.name == self.paths.handle)
        write_text(mover, handle.text)
        folder = self.paths.runtime_units / f"{public}.d"
        folder.mkdir(exist_ok=True)
        write_text(folder / MOVING, f"# {MARKER}\n[Socket]\nService={self.paths.mover}\n")
        # After a run that was killed here, systemd knows the socket without it.
        _systemd.daemon_reload()

    def _undo(self) -> None:
        """Take away what the run brought, after a refusal or a signal."""
        ignore_endings()
        # First of all: it may have visitors by now.
        _stop(self.paths.unit(self.wanted.id, kind) for kind in ("service", "socket"))
        self._end_rehearsal()
        self._hide_files()
        created = self._new_shared()
        sockets = [file.path.name for file in created if file.path.suffix == ".socket"]
        if self.wanted.id not in self.observed.records:
            self._remove_instance(self.wanted.id)
        for name in self.observed.records.keys() & {self.wanted.id, *self.others}:
            # A full disk may be what brought this about.
            with contextlib.suppress(OSError):
                write_record(self.paths, name, self.observed.records[name])
        _stop(sockets)
        if sockets:
            self._stand_down()
        # These are what tells the next run that there is something to undo.
        for file in created:
            file.path.unlink(missing_ok=True)
        if sockets:
            _systemd.daemon_reload()
        for folder in (self.paths.etc, self.paths.sockets):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _hide_files(self) -> None:
        """Let `previous` lead where it did before this run."""
        left = self._live.get("left")
        # A full disk may be what brought this about.
        with contextlib.suppress(OSError):
            self._lead_back(left)
            if not left and self.previous is not None and self.previous.resolve() == self._directory:
                self.previous.unlink()

    def _commit(self) -> None:
        """Make the wanted instance the live one: from here on a reboot starts it."""
        for file in self.plan.shared:
            self._write(file)
        # Before the switch, and before its own: at no point two instances name each other as the one before.
        for instance, record in self.others.items():
            write_record(self.paths, instance, record)
        # A new one is no good one yet; one that was good stays so until it is live, and to be proven anew.
        good = is_good(self.record) or is_good(self.observed.records.get(self.wanted.id, {"accepted": False}))
        record = {**self.record, "left": self._left()}
        write_record(self.paths, self.wanted.id, {**record, "accepted": good})
        if self.held:
            write_text(self.paths.held, json.dumps({"held": list(self.held)}, indent=2) + "\n", 0o644)
        self.paths.record.parent.mkdir(exist_ok=True)
        write_text(self.paths.record, live_record(self.paths, self.wanted.id))
        write_record(self.paths, self.wanted.id, record)
        _systemd.daemon_reload()
        self._admit()
        self._relink()
        self._enable()
        units = (self.paths.handle, self.paths.target)
        if not all(self.observed.unit(unit).up for unit in units):
            _systemd.systemctl("start", *units)

    def _retire(self) -> None:
        """Stop the old instance: it takes no more requests, and ends those that it has."""
        old = self.observed.live
        if old is not None:
            _stop(self.paths.unit(old, kind) for kind in ("service", "socket"))

    # Afterwards.

    def _settle(self) -> None:
        """Close the public sockets of addresses that the app has left."""
        # One that stays open must stay known, too.
        _systemd.stop(self.plan.leave)
        self._stand_down()
        # These are what tells the next run that there is something to settle.
        for unit in self.plan.leave:
            (self.paths.units / unit).unlink(missing_ok=True)
        _systemd.daemon_reload()

    def _stand_down(self) -> None:
        folders = self.paths.runtime_units.glob(f"gunicorn-{self.paths.app}*.socket.d")
        for folder in [folder for folder in folders if self.paths.is_public_socket(folder.stem)]:
            shutil.rmtree(folder, ignore_errors=True)
        (self.paths.runtime_units / self.paths.mover).unlink(missing_ok=True)
        # Only then do the sockets that are open let go of the stand-in.
        _systemd.daemon_reload()
        _stop([self.paths.mover])

    def _drop(self) -> None:
        live = self.wanted.id if self.plan.swap else self.observed.live
        for instance in beyond(read_records(self.paths), self.keep, live):
            self._remove_instance(instance)

    # Files.

    def _own_socket(self, instance: str) -> Path:
        return self.paths.sockets / f"{instance}.sock"

    def _make_folders(self) -> None:
        self.paths.etc.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in (self.paths.etc, self.paths.instance(self.wanted.id)):
            folder.mkdir(exist_ok=True)
            os.chown(folder, 0, self.account.pw_gid)
            folder.chmod(0o750)

    def _write(self, file: File) -> None:
        file.path.parent.mkdir(parents=True, exist_ok=True)
        write_text(file.path, file.text, file.mode, gid=self.account.pw_gid if file.group else 0)

    def _admit(self) -> None:
        """Give the open public socket its owner and mode: systemd does so only when it opens one."""
        access = public_access(self.paths, self.wanted)
        if self.plan.admit and access and self.paths.public_node.exists():
            os.chown(self.paths.public_node, *self._public_owner())
            self.paths.public_node.chmod(access.mode)

    def _public_owner(self) -> tuple[int, int]:
        access = public_access(self.paths, self.wanted)
        try:
            return owner(access) if access else (0, 0)
        except KeyError:
            raise Refused(
                f"{self.paths.app}: gunicorn_socket_user '{access and access.user}' is no unix user of this "
                "host; install the web server first"
            ) from None

    def _relink(self) -> None:
        if self.current is None:
            return
        if not self._exchange():
            self._lead_back(self._left())
            _point(self.current, self._directory)

    def _exchange(self) -> bool:
        """Let the links change places, if each leads where the other is to; no file is missed in between."""
        if self.current is None or self.previous is None or self.current.parent != self.previous.parent:
            return False
        led = (str(self.current.resolve()), str(self.previous.resolve()))
        return led == (self._left(), str(self._directory)) and exchange(self.current, self.previous)

    def _lead_back(self, left: str | None) -> None:
        """Let `previous` lead to what was live before, if anything was."""
        if self.previous is not None and left:
            _point(self.previous, Path(left))

    @property
    def _directory(self) -> Path:
        return Path(str(self.record["directory"]))

    @property
    def _live(self) -> Mapping[str, Any]:
        """The record of the instance that is live before the run, empty where none is."""
        return self.observed.records.get(self.observed.live or "", {})

    def _left(self) -> str | None:
        """Return the directory that was live before the wanted one's, None for none."""
        directory: str | None = self._live.get("directory")
        return self._live.get("left") if directory == str(self._directory) else directory

    def _enable(self) -> None:
        self.paths.enabled.parent.mkdir(exist_ok=True)
        replace_link(self.paths.enabled, str(self.paths.units / self.paths.target))

    def _remove_instance(self, instance: str) -> None:
        for kind in ("service", "socket"):
            (self.paths.units / self.paths.unit(instance, kind)).unlink(missing_ok=True)
        shutil.rmtree(self.paths.instance(instance), ignore_errors=True)


def write_record(paths: Paths, instance: str, record: Mapping[str, Any]) -> None:
    """Write an instance's instance.json. Raises OSError."""
    write_text(paths.instance(instance) / "instance.json", json.dumps(record, indent=2) + "\n", 0o644)


def _point(link: Path, directory: Path) -> None:
    """Let a link lead to a directory, by a relative path where that is below it. Raises OSError."""
    folder = link.parent.resolve()
    near = folder in directory.parents
    replace_link(link, os.path.relpath(directory, folder) if near else str(directory))


def find_account(app: str, user: str) -> pwd.struct_passwd:
    """Return the account that runs an app. Raises Refused where the host has none of that name."""
    try:
        return pwd.getpwnam(user)
    except KeyError:
        raise Refused(
            f"{app}: there is no unix user '{user}' on this host; make it before the app is started"
        ) from None


def _stop(units: Iterable[str]) -> None:
    """Stop units together, and let systemd forget that they ever failed."""
    names = list(units)
    if names:
        # One that systemd has not loaded has nothing to stop.
        _systemd.run("systemctl", "stop", *names)
        _systemd.run("systemctl", "reset-failed", *names)
