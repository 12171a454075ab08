"""The watch: what counts as a crash, and what comes after it, with stand-ins for systemd and the app."""

from __future__ import annotations

import json
import os
import types

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _instance_watch as watch
from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths, live_record
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import (
    Refused,
    TakenBack,
    Unproven,
)
from ansible_collections.webstack.python.plugins.module_utils._probe import Health, Unhealthy

OLD, NEW = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


class Unit:
    """A service as systemd shows it, with its journal and the children of its master."""

    def __init__(self, root, monkeypatch) -> None:
        self.root = root
        self.shown = {"NRestarts": "0", "MainPID": "7", "InvocationID": "i"}
        self.said: list[str] = []
        monkeypatch.setattr(
            _systemd, "show", lambda _unit, *names: {name: self.shown[name] for name in names}
        )
        monkeypatch.setattr(_systemd, "matching_journal", lambda *_: self.said)
        monkeypatch.setattr(_systemd, "unit_journal", lambda *_: ["Traceback", "ValueError: boom"])

    def run_workers(self, *pids: int) -> None:
        master = self.shown["MainPID"]
        folder = self.root / f"proc/{master}/task/{master}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "children").write_text(" ".join(map(str, pids)))

    def crashes(self, *, recycles: bool = False, continued: bool = False) -> watch.Crashes:
        return watch.Crashes("x.service", recycles=recycles, continued=continued, root=self.root)


@pytest.fixture
def unit(tmp_path, monkeypatch):
    unit = Unit(tmp_path, monkeypatch)
    unit.run_workers(10, 11)
    return unit


@pytest.mark.parametrize(
    "line",
    [
        "[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker (pid:10) exited with code 1",
        "[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker (pid:10) was sent SIGKILL! Perhaps out of memory?",
        "[2026-01-01 00:00:00 +0000] [7] [ERROR] Worker (pid:10) was sent SIGSEGV!",
        "[2026-01-01 00:00:00 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:10)",
    ],
)
def test_a_worker_that_died_is_a_crash(unit, line):
    crashes = unit.crashes(recycles=True)
    assert crashes.describe() == ""
    unit.said = [line]
    assert crashes.describe() == "crashes: systemd restarted it 0 times, 1 of its workers died"


def test_a_worker_that_died_before_the_watch_began_counts(unit):
    unit.said = ["Worker (pid:9) exited with code 1"]
    assert "1 of its workers died" in unit.crashes().describe()


def test_one_death_that_is_told_twice_is_one(unit):
    crashes = unit.crashes()
    unit.said = ["[CRITICAL] WORKER TIMEOUT (pid:10)", "Worker (pid:10) was sent SIGABRT!"]
    unit.run_workers(11, 12)
    assert "1 of its workers died" in crashes.describe()


def test_a_worker_that_is_gone_without_a_word_is_a_crash_unless_gunicorn_replaces_workers(unit):
    plain, recycling = unit.crashes(), unit.crashes(recycles=True)
    unit.run_workers(11, 12)
    assert "1 of its workers died" in plain.describe()
    assert recycling.describe() == ""


@pytest.mark.parametrize(
    "line",
    [
        "Handling signal: hup",
        "Handling signal: ttou",
        "Worker (pid:10) was sent SIGTERM!\nHandling signal: hup",
    ],
)
def test_a_reload_is_no_crash(unit, line):
    crashes = unit.crashes()
    unit.said = line.splitlines()
    unit.run_workers(12, 13)
    assert crashes.describe() == ""


def test_a_restart_by_systemd_is_a_crash_and_one_by_hand_is_none(unit):
    crashes = unit.crashes()
    unit.shown["MainPID"] = "8"
    unit.run_workers(20, 21)
    assert crashes.describe() == ""
    unit.shown["NRestarts"] = "2"
    assert crashes.describe() == "crashes: systemd restarted it 2 times, 0 of its workers died"


def test_a_watch_that_is_continued_leaves_out_what_was_before(unit):
    unit.shown["NRestarts"] = "1"
    unit.said = ["Worker (pid:9) exited with code 1"]
    crashes = unit.crashes(continued=True)
    assert crashes.describe() == ""
    unit.said.append("Worker (pid:10) exited with code 1")
    assert "restarted it 0 times, 1 of its workers died" in crashes.describe()


def test_a_restart_by_hand_lets_the_count_of_restarts_begin_anew(unit):
    unit.shown["NRestarts"] = "3"
    crashes = unit.crashes(continued=True)
    unit.shown |= {"NRestarts": "0", "InvocationID": "j"}
    assert crashes.describe() == ""
    unit.shown["NRestarts"] = "1"
    assert "restarted it 1 times" in crashes.describe()


class Host:
    """A host with an old instance, and a new one that is live and not accepted yet."""

    def __init__(self, root) -> None:
        self.paths = Paths("shop", root)
        self.answers: list[bool] = []  # of the app, in order; good ones when there are no more
        self.swaps: list[object] = []
        for name, record in ((OLD, {}), (NEW, {"previous": OLD, "accepted": False})):
            self.paths.instance(name).mkdir(parents=True)
            self.write(name, record)
        self.paths.record.parent.mkdir(parents=True)
        self.make_live(NEW)

    def make_live(self, name: str) -> None:
        self.paths.record.write_text(live_record(self.paths, name))

    def write(self, name: str, record: dict[str, object]) -> None:
        (self.paths.instance(name) / "instance.json").write_text(json.dumps(record))

    def accepted(self) -> object:
        return json.loads((self.paths.instance(NEW) / "instance.json").read_text())["accepted"]

    def ask(self, *_: object) -> None:
        if self.answers and not self.answers.pop(0):
            raise Unhealthy("GET / gave 500, wanted was 200")

    def watch(self, seconds: float = 0.05) -> list[dict[str, object]]:
        steps: list[dict[str, object]] = []
        module = types.SimpleNamespace(params={"by": "ann@ws"}, warn=pytest.fail)
        watch.Watch(
            paths=self.paths,
            instance=NEW,
            health=Health(),
            seconds=seconds,
            hide=str,
            recycles=False,
            continued=False,
        ).run(module, steps)
        return steps


@pytest.fixture
def host(tmp_path, monkeypatch, unit):
    unit.said = []
    host = Host(tmp_path)
    monkeypatch.setattr(watch, "INTERVAL", 0.01)
    monkeypatch.setattr(watch, "ask_once", host.ask)
    monkeypatch.setattr(os, "fchown", lambda *_: None)

    def again(_module, _paths, target):
        swap = types.SimpleNamespace(run=lambda settle: host.swaps.append((target.id, settle)))
        notify = types.SimpleNamespace(after=lambda _warn: host.swaps.append("notified"))
        return types.SimpleNamespace(
            wanted=target, target=target, hide=str, swap=lambda *_, **__: swap, notify=lambda _action: notify
        )

    monkeypatch.setattr(watch, "Again", again)
    monkeypatch.setattr(
        watch,
        "as_of_today",
        lambda _paths, _live, name, record, _env: types.SimpleNamespace(id=name, record=record),
    )
    return host


def test_an_instance_that_stays_well_is_accepted(host):
    host.paths.held.write_text('{"held": []}')
    (step,) = host.watch()
    assert (step["step"], host.accepted(), host.swaps) == ("watch", True, [])
    assert not host.paths.held.exists()


def test_without_a_watch_an_instance_is_accepted_at_once(host):
    host.paths.held.write_text('{"held": []}')
    assert host.watch(0) == []
    assert host.accepted()
    assert not host.paths.held.exists()


def test_a_bad_answer_or_two_are_passed_over(host):
    host.answers = [True, False, False, True, False, True]
    host.watch()
    assert host.accepted()


def test_a_watch_does_not_end_on_a_bad_answer(host):
    host.answers = [False, False, False]
    with pytest.raises(TakenBack):
        host.watch(0.001)


def test_an_instance_that_does_badly_is_taken_back_with_the_evidence(host):
    host.answers = [True, False, False, False]
    held = '{"held": [{"instance": "cccccccccccc"}]}'
    host.paths.held.write_text(held)
    with pytest.raises(TakenBack) as taken:
        host.watch()
    assert host.paths.held.read_text() == held
    assert host.swaps == [(OLD, False), "notified"]
    assert not host.accepted()
    assert str(taken.value) == (
        f"shop: instance {NEW} did badly 0 s into its watch: GET / gave 500, wanted was 200\n"
        "The last lines of its journal:\n    Traceback\n    ValueError: boom\nIt was taken back."
    )
    (line,) = map(json.loads, host.paths.log.read_text().splitlines())
    assert (line["action"], line["from"], line["to"], line["result"]) == ("take-back", NEW, OLD, "live")


def test_the_one_before_is_taken_though_a_killed_rollback_has_it_in_the_list(host):
    host.paths.held.write_text(f'{{"held": [{{"instance": "{OLD}"}}]}}')
    host.answers = [False] * 3
    with pytest.raises(TakenBack):
        host.watch()
    assert host.swaps == [(OLD, False), "notified"]


def test_a_run_that_ends_before_it_let_go_of_the_held_ones_leaves_an_instance_to_accept(host, monkeypatch):
    def end(*_: object) -> None:
        raise KeyboardInterrupt

    host.paths.held.write_text('{"held": []}')
    monkeypatch.setattr(watch, "write_record", end)
    with pytest.raises(KeyboardInterrupt):
        host.watch(0)
    assert not host.accepted()
    assert not host.paths.held.exists()


def test_an_instance_that_crashes_is_taken_back(host, unit):
    unit.said = ["Worker (pid:10) was sent SIGSEGV!"]
    with pytest.raises(TakenBack, match=r"did badly 0 s into its watch: crashes: .* 1 of its workers died"):
        host.watch()


def test_a_first_instance_that_does_badly_stays_and_is_not_accepted(host):
    host.write(NEW, {"previous": None, "accepted": False})
    host.answers = [False] * 3
    with pytest.raises(Unproven, match="It stays live all the same: there is no good instance before it"):
        host.watch()
    assert not host.accepted()


def lose(monkeypatch, *lost: str) -> None:
    """Let instances be ones that cannot run any more."""
    found = watch.as_of_today

    def as_of_today(paths, live, name, record, env):
        if name in lost:
            raise ValueError(f"instance {name} cannot run any more")
        return found(paths, live, name, record, env)

    monkeypatch.setattr(watch, "as_of_today", as_of_today)


def test_one_before_that_cannot_run_is_passed_over_for_an_older_one(host, monkeypatch):
    older = "cccccccccccc"
    host.paths.instance(older).mkdir()
    host.write(older, {})
    host.write(OLD, {"previous": older})
    lose(monkeypatch, OLD)
    host.answers = [False] * 3
    with pytest.raises(TakenBack) as taken:
        host.watch()
    assert host.swaps == [(older, False), "notified"]
    end = f"\nPassed over: instance {OLD} cannot run any more\nIt was taken back."
    assert str(taken.value).endswith(end)


def test_where_none_before_can_run_the_bad_one_stays_and_they_are_named(host, monkeypatch):
    lose(monkeypatch, OLD)
    host.answers = [False] * 3
    with pytest.raises(Unproven) as stays:
        host.watch()
    assert str(stays.value).endswith(
        f"\nPassed over: instance {OLD} cannot run any more\n"
        "It stays live all the same: there is no good instance before it"
    )


def test_a_take_back_that_ends_after_its_switch_is_not_told_as_none(host, monkeypatch):
    def end(*_: object) -> None:
        host.make_live(OLD)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(watch, "record_again", end)
    host.answers = [False] * 3
    with pytest.raises(Unproven, match=r"It was taken back, but not all of that was done: .*No space left"):
        host.watch()


def test_where_the_one_before_is_refused_the_bad_one_stays(host, monkeypatch):
    def refuse(*_: object) -> None:
        raise Refused("shop: instance aaaaaaaaaaaa did not start")

    monkeypatch.setattr(watch, "as_of_today", refuse)
    host.answers = [False] * 3
    with pytest.raises(
        Unproven, match="It stays live all the same: shop: instance aaaaaaaaaaaa did not start"
    ):
        host.watch()
