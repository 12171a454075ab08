"""How an app is, read from a tree that stands for a host and from what systemd would say."""

from __future__ import annotations

import json
import os
import threading

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _probe, _status
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths, live_record
from ansible_collections.webstack.python.plugins.module_utils._probe import Unhealthy
from ansible_collections.webstack.python.plugins.module_utils._traces import Traces

LIVE, OLD = "0123456789ab", "ba9876543210"
SERVICE = f"gunicorn-shop@{LIVE}.service"
RUNNING = {
    SERVICE: {"ActiveState": "active", "MainPID": "7", "MemoryCurrent": "1048576", "NRestarts": "2"},
    "gunicorn-shop.socket": {"ActiveState": "active"},
}


@pytest.fixture
def paths(tmp_path):
    """An app with a live instance and the one before it."""
    paths = Paths("shop", tmp_path)
    record = {
        "release": "r2",
        "workers": 3,
        "previous": OLD,
        "by": "ann",
        "since": "2026-07-01T09:30:00+00:00",
    }
    for instance, values in ((LIVE, record), (OLD, {"release": "r1"})):
        paths.instance(instance).mkdir(parents=True)
        (paths.instance(instance) / "instance.json").write_text(json.dumps(values))
    paths.record.parent.mkdir(parents=True)
    paths.record.write_text(live_record(paths, LIVE))
    (paths.units / "gunicorn-shop.socket").touch()
    release = tmp_path / "srv/shop/releases/r2"
    release.mkdir(parents=True)
    (release / "release.json").write_text(json.dumps({"source": "git", "revision": "c0ffee"}))
    return paths


NAMED, REMAINS = _status.Named(), Traces(user=True)


def describe(paths, named=NAMED, units=RUNNING, children=None, traces=REMAINS):
    host = _status.Host(units, children or {}, paths.root)
    return _status.describe("shop", named, host, traces)


def test_live_app_is_described_as_a_whole(paths):
    assert describe(paths, children={7: 3}) == {
        "app": "shop",
        "state": "live",
        "wanted": "present",
        "instance": LIVE,
        "release": "r2",
        "revision": "c0ffee",
        "source": "git",
        "since": "2026-07-01T09:30:00+00:00",
        "by": "ann",
        "accepted": None,
        "workers": {"up": 3, "of": 3},
        "memory": 1048576,
        "restarts": 2,
        "previous": {"instance": OLD, "release": "r1"},
        "held": [],
        "sockets": {"gunicorn-shop.socket": "open"},
        "strays": [],
        "left": [],
        "health": {"ok": None, "status": None, "message": "not asked, as it does not run", "seconds": None},
    }


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ({"ActiveState": "reloading"}, "live"),
        ({"ActiveState": "activating", "SubState": "start"}, "starting"),
        ({"ActiveState": "activating", "SubState": "auto-restart"}, "crashing"),
        ({"ActiveState": "deactivating"}, "stopping"),
        ({"ActiveState": "failed"}, "failed"),
        ({"ActiveState": "inactive"}, "stopped"),
        ({"ActiveState": "inactive", "MemoryCurrent": "[not set]"}, "stopped"),
        ({"ActiveState": "inactive", "MemoryCurrent": str(2**64 - 1)}, "stopped"),
        (None, "stopped"),
    ],
)
def test_state_is_that_of_the_recorded_instances_unit(paths, shown, state):
    row = describe(paths, units={SERVICE: shown} if shown else {})
    assert row["state"] == state
    assert row["memory"] is None
    assert row["sockets"] == {"gunicorn-shop.socket": "stopped"}


@pytest.mark.parametrize(
    ("named", "traces", "state", "wanted"),
    [
        (_status.Named(), Traces(), "absent", "present"),
        (_status.Named(), Traces(user=True), "not live", "present"),
        (_status.Named("absent"), Traces(user=True), "half removed", "absent"),
        (None, Traces(user=True), "half removed", "unnamed"),
    ],
)
def test_app_without_a_recorded_instance(tmp_path, named, traces, state, wanted):
    row = describe(Paths("shop", tmp_path), named, {}, traces=traces)
    assert (row["state"], row["wanted"], row["instance"], row["since"]) == (state, wanted, None, None)
    assert row["left"] == (["user shop"] if traces.user else [])


@pytest.mark.parametrize("text", ["", "{", "[]", "\0\0", b"\xff\xfe"], ids=repr)
def test_files_that_are_not_whole_are_no_hindrance(paths, text):
    for path in (*paths.etc.glob("*/instance.json"), paths.etc / "held.json"):
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    row = describe(paths)
    assert (row["state"], row["release"], row["previous"], row["held"]) == ("live", None, None, [])
    assert row["since"].endswith("+00:00")


def test_since_is_the_records_own_age_where_nothing_else_tells(paths):
    (paths.instance(LIVE) / "instance.json").unlink()
    os.utime(paths.record, (0, 0))
    assert describe(paths)["since"] == "1970-01-01T00:00:00+00:00"


def test_previous_instance_that_is_gone_is_none(paths):
    (paths.instance(OLD) / "instance.json").unlink()
    assert describe(paths)["previous"] is None


def test_held_instances_are_told_and_passed_over_by_a_rollback(paths):
    held = {"instance": OLD, "release": "r1", "at": "2026-07-01T10:00:00+00:00", "by": "ann"}
    paths.held.write_text(json.dumps({"held": [held, None]}))
    row = describe(paths)
    assert (row["held"], row["previous"]) == ([held], None)


def test_instance_that_runs_beside_the_live_one_is_told(paths):
    units = {
        **RUNNING,
        f"gunicorn-shop@{OLD}.service": {"MainPID": "9"},
        f"gunicorn-shop@{OLD}.socket": {},
        "gunicorn-shop@aaaaaaaaaaaa.service": {"MainPID": "0"},
        "gunicorn-shop-api@bbbbbbbbbbbb.service": {"MainPID": "8"},
    }
    assert describe(paths, units=units)["strays"] == [OLD]


def test_children_that_run_are_counted(tmp_path):
    for pid, stat in {
        "7": "7 (a) S 1 7",
        "8": "8 (g) x) S 7 8",
        "9": "9 (g) Z 7 9",
        "10": "10 (g) R 7 7",
    }.items():
        (tmp_path / "proc" / pid).mkdir(parents=True)
        (tmp_path / "proc" / pid / "stat").write_text(stat)
    (tmp_path / "proc/11").mkdir()
    assert _status.count_children(tmp_path) == {1: 1, 7: 2}


def ask(monkeypatch, paths, answer, named=None, units=RUNNING):
    """Ask an app that answers so, and return its health and what it was asked."""
    asked = []

    def probe(path, health, trouble):
        asked.append((path, health, trouble()))
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(_status, "wait_until_healthy", probe)
    host = _status.Host(units, {}, paths.root)
    rows = [_status.describe("shop", None, host, Traces())]
    _status.ask(rows, {"shop": named} if named else {}, host, timeout=5)
    return rows[0]["health"], asked


def test_manifest_says_what_an_app_is_asked(monkeypatch, paths):
    named = _status.Named(
        health={"path": "/healthz", "status": [200, 204], "timeout": 30, "host": "shop.test", "body": "ok"}
    )
    health, asked = ask(monkeypatch, paths, _probe.Answer(204, ""), named)
    assert health.pop("seconds") >= 0
    assert health == {"ok": True, "status": 204, "message": ""}
    socket = paths.sockets / f"{LIVE}.sock"
    wanted = _probe.Health(path="/healthz", statuses=(200, 204), timeout=5, host="shop.test", body="ok")
    assert asked == [(socket, wanted, "the process ended")]


def test_app_that_the_manifest_does_not_name_is_asked_what_it_was_asked_last(monkeypatch, paths):
    (paths.instance(LIVE) / "instance.json").write_text(json.dumps({"health": {"path": "/up"}}))
    _, asked = ask(monkeypatch, paths, _probe.Answer(200, ""))
    assert asked[0][1] == _probe.Health(path="/up", timeout=5)


def test_bad_answer_is_told_without_its_body(monkeypatch, paths):
    health, _ = ask(
        monkeypatch, paths, Unhealthy("GET / gave 500, wanted was 200\nIt answered:\n    KEY=s3cret")
    )
    assert health["ok"] is False
    assert health["message"] == "GET / gave 500, wanted was 200"


def test_app_that_does_not_run_is_not_asked(monkeypatch, paths):
    health, asked = ask(
        monkeypatch, paths, _probe.Answer(200, ""), units={SERVICE: {"ActiveState": "failed"}}
    )
    assert asked == []
    assert health["ok"] is None


def test_apps_are_asked_at_the_same_time(monkeypatch, paths):
    together = threading.Barrier(3, timeout=20)

    def probe(*_):
        together.wait()
        return _probe.Answer(200, "")

    monkeypatch.setattr(_status, "wait_until_healthy", probe)
    host = _status.Host(RUNNING, {}, paths.root)
    rows = [_status.describe("shop", None, host, Traces()) for _ in range(3)]
    _status.ask(rows, {}, host, timeout=5)
    assert [row["health"]["ok"] for row in rows] == [True, True, True]
