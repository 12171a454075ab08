# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transaction: nginx runs the wanted tree, or everything is as it was."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from ansible_collections.webstack.python.plugins.module_utils import _nginx_complaints as complaints
from ansible_collections.webstack.python.plugins.module_utils import _nginx_main
from ansible_collections.webstack.python.plugins.module_utils import _nginx_tree as tree
from ansible_collections.webstack.python.plugins.module_utils._nginx_server import (
    NotLoaded,
    State,
    Verdict,
)

RESTART = (
    "nginx takes up the limits and the sandbox of its unit when it is started the next time, and a run does "
    "not cut visitors off for that: 'systemctl restart nginx' does"
)


class Refused(Exception):
    """nginx does not take the tree; the text says what it complains of and what serves now."""


class Server(Protocol):
    """What the transaction asks of nginx; see _nginx_server.Nginx."""

    def state(self) -> State: ...

    def running_since(self) -> float: ...

    def started(self) -> float: ...

    def judge(self, nginx: Path, logs: Path, caches: Path, confinement: Iterable[str]) -> Verdict: ...

    def read_units(self) -> None: ...

    def enable(self) -> None: ...

    def start(self) -> None: ...

    def reload(self) -> None: ...


@dataclass
class Outcome:
    """What a run did, or would do in check mode."""

    digest: str
    changed: bool = False
    reloaded: bool = False
    steps: list[dict[str, object]] = field(default_factory=list)
    repaired: list[str] = field(default_factory=list)
    purged: list[str] = field(default_factory=list)
    diff: list[dict[str, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Record a step and the seconds that it took."""
        begin = time.monotonic()
        yield
        self.steps.append({"step": name, "seconds": round(time.monotonic() - begin, 3)})


@dataclass(frozen=True)
class Transaction:
    """One run over one host.

    scratch: a directory for the staged copy, made for the run and removed after it; one that is there
    was left by a run that was killed. judged: whether nginx can judge the tree: in check mode, some of
    what it links to may be still to be made.
    """

    layout: tree.Layout
    wanted: tree.Wanted
    server: Server
    scratch: Path
    judged: bool = True

    def run(self, *, check: bool) -> Outcome:
        """Bring nginx to the wanted tree, or find out whether that would change anything.

        Raises Refused, tree.Foreign, _nginx_server.Unjudged, OSError and _systemd.SystemdError;
        after each of them the configuration's files are what they were before.
        """
        outcome = Outcome(self.wanted.digest)
        live = tree.look(self.layout)
        state = self.server.state()
        if not state.installed and not check:
            raise Refused("nginx is not installed on this host; the role nginx installs it")
        differs = live.differs(self.wanted)
        renewable = bool(live.links) and state.active and not differs
        stale = renewable and tree.is_newer(live, self.server.running_since())
        load = differs or live.mark != self.wanted.digest or not state.active or stale
        unit = live.drop_in_differs(self.wanted)
        litter = self._litter(live)
        outcome.changed = load or unit or state.unit_changed or not state.enabled or bool(litter)
        outcome.diff = list(tree.differences(self.layout, live, self.wanted))
        outcome.purged = [str(self.layout.nginx / name) for name in live.to_purge(self.wanted)]
        outcome.repaired = [
            *self._repairs(live, state, differs),
            *(["nginx had not taken up a certificate that was renewed"] if stale else []),
            *(f"removed {path}, left by a run that was killed" for path in litter),
        ]
        if load and state.installed and self.judged:
            with outcome.step("judge"):
                outcome.warnings = self._judge(live, state)
        outcome.warnings += self._remarks(live, state, unit=unit)
        if check:
            return outcome
        unread = unit or state.unit_changed
        if unread and not state.active:
            # What is started now is started as the unit is to be.
            self._change_unit(outcome)
        if load:
            self._load(live, state, outcome, differs=differs)
        if unread and state.active:
            self._change_unit(outcome)
        if not state.enabled:
            with outcome.step("enable"):
                self.server.enable()
        if litter:
            self._tidy()
        return outcome

    def _litter(self, live: tree.Live) -> list[Path]:
        """Return what a killed run left and nothing will use."""
        staged = [self.scratch] if self.scratch.exists() else []
        return [*staged, *tree.litter(self.layout, keep=[live.tree, self.wanted.digest])]

    def _tidy(self) -> None:
        shutil.rmtree(self.scratch, ignore_errors=True)
        tree.prune(self.layout, keep=[tree.look(self.layout).tree])

    @contextlib.contextmanager
    def _staging(self) -> Iterator[Path]:
        """Make the scratch directory for the block, readable by root alone as keys may lie there."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        self.scratch.mkdir(mode=0o700)
        try:
            yield self.scratch
        finally:
            shutil.rmtree(self.scratch)

    def _repairs(self, live: tree.Live, state: State, differs: bool) -> Iterator[str]:
        """Say what an earlier run would have left in order."""
        for path in live.changed_by_hand(self.wanted):
            yield f"{self.layout.link / path} was not what the last run had written"
        if live.tree is None:
            return
        if live.hook is None:
            yield f"{self.layout.hook} was gone"
        if not state.active:
            yield "nginx was not running"
        if not state.enabled:
            yield "nginx was not enabled at boot"
        if not differs and live.mark != self.wanted.digest:
            yield "the last run ended before nginx was seen to run its files"

    def _remarks(self, live: tree.Live, state: State, *, unit: bool) -> Iterator[str]:
        """Say what a run leaves undone, on purpose."""
        connections = self.wanted.connections
        if connections and state.installed and _nginx_main.sized(live.main, connections) is None:
            yield (
                f"{self.layout.main} has no single line 'worker_connections NUMBER;' of its own, so it stays "
                "as it is; set the number there, and nginx_worker_connections to 0"
            )
        if state.active and (unit or tree.drop_in_time(self.layout) > self.server.started() + 1):
            yield RESTART

    def _judge(self, live: tree.Live, state: State) -> list[str]:
        """Let nginx judge the tree as it will be; return its warnings. Raises Refused."""
        with self._staging() as scratch:
            nginx = tree.stage(self.layout, live, self.wanted, scratch)
            logs, caches = tree.stage_logs(self.layout, scratch), tree.stage_caches(self.layout, scratch)
            verdict = self.server.judge(nginx, logs, caches, self.wanted.confinement)
            if not verdict.accepted:
                complaint = complaints.messages(verdict.output, "emerg")
                quoted = complaints.quote_lines("\n".join(complaint), nginx)
                raise Refused(
                    _report(
                        "nginx refuses the configuration, so nothing was changed.",
                        *complaint,
                        *quoted,
                        *complaints.remedies(verdict.output),
                        _serving(state),
                    )
                )
        if not verdict.has_read("/etc/nginx/conf.d/webstack.conf"):
            raise Refused(
                "/etc/nginx/nginx.conf does not include /etc/nginx/conf.d/*.conf in its http block, as "
                "Debian's does, so nginx would not read the sites; nothing was changed. Add the include, "
                "then run again."
            )
        return complaints.messages(verdict.output, "warn")

    def _load(self, live: tree.Live, state: State, outcome: Outcome, *, differs: bool) -> None:
        """Commit and load; undo both where nginx does not come to run the tree."""
        take_up: Callable[[], None] = self.server.reload if state.active else self.server.start
        name = live.tree
        try:
            if differs:
                with outcome.step("commit"):
                    name = tree.commit(self.layout, live, self.wanted)
            with outcome.step("reload" if state.active else "start"):
                take_up()
        except NotLoaded as failure:
            self._put_unit_back(live)
            raise Refused(self._undo(live, state, failure, differs=differs)) from None
        except BaseException:
            if differs:
                tree.restore(self.layout, live)
            self._put_unit_back(live)
            raise
        outcome.reloaded = state.active
        tree.write_mark(self.layout, self.wanted.digest)
        if differs:
            tree.prune(self.layout, keep=[name])

    def _change_unit(self, outcome: Outcome) -> None:
        """Put the drop-in in place. An nginx that runs goes on as it was started, see RESTART."""
        with outcome.step("unit"):
            if self.wanted.drop_in is not None:
                tree.write_drop_in(self.layout, self.wanted.drop_in)
            self.server.read_units()

    def _put_unit_back(self, live: tree.Live) -> None:
        """Undo what was done to the unit before a start."""
        if tree.look(self.layout).drop_in != live.drop_in:
            tree.restore_drop_in(self.layout, live)
            self.server.read_units()

    def _undo(self, live: tree.Live, state: State, failure: NotLoaded, *, differs: bool) -> str:
        """Put the files back and say what happened."""
        complaint = str(failure)
        serving = _serving(state)
        mark = live.mark
        if differs:
            tree.restore(self.layout, live)
        if state.active and not failure.settled:
            # It may run the new files by now, or come to run them: make sure that it does not.
            try:
                self.server.reload()
            except NotLoaded as error:
                serving = f"It was asked to take up its old configuration, and answered: {error}"
                mark = None
        if differs and mark is not None:
            tree.write_mark(self.layout, mark)
        return _report(
            "nginx accepts the configuration when it tests it, but cannot run it"
            + (", so all files were put back." if differs else "."),
            complaint,
            *complaints.quote_listens(complaint, self.wanted.files),
            *complaints.remedies(complaint),
            serving,
        )


def _serving(state: State) -> str:
    if state.active:
        return "nginx goes on serving what it served before."
    return "nginx was not running before this run, and is not running now."


def _report(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
