"""When and where results were measured, also those of an earlier run."""

from __future__ import annotations

import datetime
import json

import pytest

from tools.bench import __main__ as bench
from tools.bench import host, report

OLD = {"date": "2026-10-02", "machine": "2 x old"}


@pytest.fixture
def out(tmp_path, monkeypatch):
    monkeypatch.setattr(host, "OUT", tmp_path)
    for name in ("RESULTS", "TABLE", "PICTURE"):
        monkeypatch.setattr(bench, name, tmp_path / name)
    monkeypatch.setattr(host, "machine", lambda: "8 x new")
    return tmp_path


@pytest.mark.parametrize("before", [{"measured": {"times/1": OLD}}, {"about": OLD}], ids=["each", "all"])
def test_results_of_earlier_runs_keep_their_date_and_machine(out, before):
    (out / "RESULTS").write_text(json.dumps(before))
    bench.write(bench.load_results(anew=False), "streams")
    today = datetime.date.today().isoformat()
    kept = json.loads((out / "RESULTS").read_text())["measured"]
    assert OLD in kept.values()
    assert kept["streams"] == {"date": today, "machine": "8 x new"}
    assert f"2026-10-02 to {today}, 2 x old and 8 x new. Controller" in (out / "TABLE").read_text()


def test_results_of_one_day_and_machine_are_said_once():
    assert report.measured([OLD, OLD]) == "2026-10-02, 2 x old"
