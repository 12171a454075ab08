# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The time after a swap: the new instance is observed, and taken back where it does badly."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _instance_host, _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import read_text
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths, recorded_instance
from ansible_collections.webstack.python.plugins.module_utils._instance_log import Attempt, logged
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import is_good
from ansible_collections.webstack.python.plugins.module_utils._instance_recorded import (
    Recorded,
    earlier,
    read_held,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_rollback import (
    Again,
    as_of_today,
    record_again,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_swap import write_record
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import (
    JOURNAL_LINES,
    Refused,
    TakenBack,
    Unproven,
)
from ansible_collections.webstack.python.plugins.module_utils._probe import (
    Health,
    Unhealthy,
    ask_once,
)

INTERVAL = 1.0  # seconds from one question to the next
ANSWER_SECONDS = 5  # that each answer has
BAD_IN_A_ROW = 3  # a single one may be the load of the moment
# What Gunicorn's master says of a worker that did not end of itself and well. One that gets TERM, INT
# or QUIT before it has booted dies of it: that is a reload, no crash.
DEATH = re.compile(
    r"Worker \(pid:(?P<ended>\d+)\) (?:exited with code [1-9]|was sent SIG(?!TERM|INT|QUIT))"
    r"|WORKER TIMEOUT \(pid:(?P<hung>\d+)\)"
)
RELOAD = re.compile(r"Handling signal: (?:hup|usr2|ttou|winch)")
SAID = r"Worker \(pid:|WORKER TIMEOUT|Handling signal: "


class Crashes:
    """Counts how often an instance's master was restarted, and which of its workers died.

    unit: its service. recycles: whether Gunicorn replaces workers of itself (max_requests); else one
    that is gone has died, even if nothing was logged. continued: whether what was before is left out.
    """

    def __init__(self, unit: str, *, recycles: bool, continued: bool, root: Path = Path("/")) -> None:
        self._unit = unit
        self._recycles = recycles
        self._root = root
        self._master = ""
        self._seen: set[int] = set()
        restarts, dead = self._count()
        self._restarts_before, self._dead_before = (restarts, dead) if continued else (0, set[int]())

    def describe(self) -> str:
        """Say how many there were; '' for none."""
        restarts, dead = self._count()
        # A start by hand lets systemd count from 0 again.
        self._restarts_before = min(self._restarts_before, restarts)
        restarts, workers = restarts - self._restarts_before, len(dead - self._dead_before)
        if not restarts and not workers:
            return ""
        return f"crashes: systemd restarted it {restarts} times, {workers} of its workers died"

    def _count(self) -> tuple[int, set[int]]:
        """Return how often systemd has restarted the master, and the pids of the workers that died."""
        shown = _systemd.show(self._unit, "NRestarts", "MainPID", "InvocationID")
        lines = _systemd.matching_journal(shown["InvocationID"], SAID)
        deaths = (DEATH.search(line) for line in lines)
        dead = {int(found["ended"] or found["hung"]) for found in deaths if found}
        gone = self._gone(shown["MainPID"])
        if not self._recycles and not any(RELOAD.search(line) for line in lines):
            dead |= gone
        return int(shown["NRestarts"] or 0), dead

    def _gone(self, master: str) -> set[int]:
        """Return the workers of this master that were there before and are no more."""
        if master != self._master:
            self._master, self._seen = master, set()
        running = set()
        # A process may end while it is read about.
        with contextlib.suppress(ProcessLookupError):
            text = read_text(self._root / f"proc/{master}/task/{master}/children") or ""
            running = {int(pid) for pid in text.split()}
        self._seen |= running
        return self._seen - running


@dataclass(frozen=True)
class Watch:
    """The observation of an instance that has just become the live one.

    seconds: how long it lasts. hide: takes out of a text what nobody may see. recycles: whether
    Gunicorn replaces workers of itself. continued: whether an earlier run began it.
    """

    paths: Paths
    instance: str
    health: Health
    seconds: float
    hide: Callable[[str], str]
    recycles: bool
    continued: bool

    def run(self, module: AnsibleModule, steps: list[dict[str, Any]]) -> None:
        """Observe the instance, and accept it or take it back. steps: gets what was done.

        Raises TakenBack where the instance before it is live again, and Unproven where none is.
        """
        started = time.monotonic()
        if self.seconds:
            evidence = self._observe()
            steps.append({"step": "watch", "seconds": round(time.monotonic() - started, 2)})
            if evidence:
                self._take_back(module, evidence)
        # Not before: an instance that is taken back must not let go of those that were rolled back. And
        # not after: a run that is killed in between leaves an instance that the next one accepts.
        self.paths.held.unlink(missing_ok=True)
        record = _instance_host.read_records(self.paths)[self.instance]
        if not is_good(record):
            write_record(self.paths, self.instance, {**record, "accepted": True})

    def _observe(self) -> str:
        """Return what went wrong, '' for nothing."""
        service = self.paths.unit(self.instance, "service")
        crashes = Crashes(service, recycles=self.recycles, continued=self.continued)
        began = time.monotonic()
        bad = 0
        while True:
            asked = time.monotonic()
            try:
                ask_once(self.paths.sockets / f"{self.instance}.sock", self.health, ANSWER_SECONDS, self.hide)
                bad = 0
            except Unhealthy as error:
                bad += 1
                if bad == BAD_IN_A_ROW:
                    return self._evidence(asked - began, f"{error}", crashes.describe())
            if crashed := crashes.describe():
                return self._evidence(asked - began, crashed)
            now = time.monotonic()
            if not bad and now - began >= self.seconds:
                return ""
            time.sleep(max(asked + INTERVAL - now, 0))

    def _evidence(self, seconds: float, *said: str) -> str:
        lines = _systemd.unit_journal(self.paths.unit(self.instance, "service"), JOURNAL_LINES)
        return "\n".join(
            [
                f"instance {self.instance} did badly {seconds:.0f} s into its watch: "
                + "\n".join(text for text in said if text),
                "The last lines of its journal:",
                *(f"    {line}" for line in lines),
            ]
        )

    def _take_back(self, module: AnsibleModule, evidence: str) -> None:
        app = self.paths.app
        passed_over: list[str] = []
        try:
            again = self._one_before(module, passed_over)
            attempt = Attempt(
                paths=self.paths,
                by=module.params["by"],
                action="take-back",
                before=self.instance,
                to=again.wanted.id,
                release=str(again.target.record.get("release")),
            )
            # It was live until now, and each second costs visitors: no rehearsal.
            notify = again.notify("take-back")
            record = record_again(again.target, module.params["by"])
            swap = again.swap(record, rehearses=False)
            with logged(attempt, again.hide, module.warn):
                swap.run(settle=False)
        except (Refused, ValueError, OSError, _systemd.SystemdError) as error:
            evidence = "\n".join([evidence, *passed_over])
            stays = recorded_instance(read_text(self.paths.record)) == self.instance
            what = (
                "It stays live all the same" if stays else "It was taken back, but not all of that was done"
            )
            raise Unproven(f"{app}: {evidence}\n{what}: {error}") from None
        notify.after(module.warn)
        evidence = "\n".join([evidence, *passed_over])
        raise TakenBack(f"{app}: {evidence}\nIt was taken back.")

    def _one_before(self, module: AnsibleModule, passed_over: list[str]) -> Again:
        """Return the nearest good instance before this one that can run.

        passed_over: gets what is said of each that cannot. Raises ValueError where there is none.
        """
        records = _instance_host.read_records(self.paths)
        # Where a rollback to it was killed halfway, the list has the one that stayed live, too.
        before = records[self.instance].get("previous")
        held = [entry["instance"] for entry in read_held(self.paths) if entry["instance"] != before]
        for name in earlier(records, self.instance, held):
            target = self._as_of_today(name, records[name], passed_over)
            # One that differs by its public sockets alone would do as badly: it is the same instance.
            if target is not None and target.id != self.instance:
                return Again(module, self.paths, target)
        raise ValueError("there is no good instance before it")

    def _as_of_today(self, name: str, record: Mapping[str, Any], passed_over: list[str]) -> Recorded | None:
        try:
            return as_of_today(self.paths, self.instance, name, record, None)
        except ValueError as error:
            passed_over.append(f"Passed over: {error}")
            return None
