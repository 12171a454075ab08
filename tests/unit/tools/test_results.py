"""What a test report counts as, above all where nothing was tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.results import Result, read_junit, total

REPORT = '<testsuites><testsuite tests="{}" failures="{}" errors="{}" skipped="{}"/></testsuites>'


def read(folder: Path, counts: tuple[int, int, int, int], status: int) -> tuple[int, int, int]:
    """Return passed, failed and skipped of a run that left this report and this exit status."""
    report = folder / "report.xml"
    report.write_text(REPORT.format(*counts))
    result = read_junit("a run", report, status)
    return result.passed, result.failed, result.skipped


@pytest.mark.parametrize(
    ("counts", "status", "expected"),
    [
        ((5, 0, 0, 0), 0, (5, 0, 0)),
        ((5, 0, 0, 2), 0, (3, 0, 2)),
        ((5, 1, 1, 0), 1, (3, 2, 0)),
        # The hosts' removal failed, say.
        ((5, 0, 0, 0), 1, (5, 1, 0)),
        ((0, 0, 0, 0), 0, (0, 1, 0)),
        ((2, 0, 0, 2), 0, (0, 1, 2)),
    ],
)
def test_report_and_exit_status_are_counted(
    tmp_path: Path, counts: tuple[int, int, int, int], status: int, expected: tuple[int, int, int]
) -> None:
    assert read(tmp_path, counts, status) == expected


def test_run_without_report_has_failed(tmp_path: Path) -> None:
    result = read_junit("a run", tmp_path / "none.xml", 0)
    assert result == Result("a run", passed=0, failed=1)
    assert not result.good


def test_results_add_up() -> None:
    everything = total([Result("one", 3, 0, 1), Result("two", 4, 1)])
    assert everything.counts() == "7 passed, 1 failed, 1 skipped"
    assert not everything.good


def test_no_results_are_not_good() -> None:
    assert not total([]).good
