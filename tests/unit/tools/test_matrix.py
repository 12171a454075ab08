"""The wide sets of the scenarios."""

from __future__ import annotations

import os

import pytest

from tools import console, matrix, scenarios
from tools.results import Result


@pytest.fixture
def ran(monkeypatch, tmp_path):
    """Let scenarios do nothing but say how they were called, and leave a table."""
    calls = []

    def run(names):
        calls.append((tuple(names), os.environ["WIDE"], os.environ["PYTEST_ADDOPTS"]))
        (tmp_path / "faults-wide.txt").write_text("all: 3 of 3\n")
        return [Result("scenario faults", 1, 0)]

    monkeypatch.setattr(scenarios, "run", run)
    monkeypatch.setattr(matrix, "TABLES", tmp_path)
    monkeypatch.setattr(matrix, "CACHE", tmp_path / ".cache")
    for name in ("WIDE", "PYTEST_ADDOPTS"):
        monkeypatch.setenv(name, "")
    return calls


def test_wide_sets_are_run_and_their_tables_shown(ran, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(matrix.sys, "argv", ["matrix"])
    (tmp_path / "faults-wide.txt").write_text("of the last time\n")
    assert matrix.matrix() == 0
    assert ran == [(matrix.WIDE, "1", "--numprocesses 2 --dist loadgroup")]
    assert "all: 3 of 3\n1 passed, 0 failed\n" in capsys.readouterr().out


def test_scenario_without_a_wide_set_is_refused(ran, monkeypatch):
    monkeypatch.setattr(matrix.sys, "argv", ["matrix", "default"])
    with pytest.raises(console.ToolError, match="'default' has no wide set"):
        matrix.matrix()
    assert ran == []
