"""What a test run came to, read from its JUnit report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree


@dataclass(frozen=True)
class Result:
    """The counts of one part of the test run."""

    name: str
    passed: int
    failed: int
    skipped: int = 0

    @property
    def good(self) -> bool:
        """Whether something was tested and nothing failed."""
        return self.failed == 0 and self.passed > 0

    def counts(self) -> str:
        """Return the counts as test runners print them."""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        return f"{self.passed} passed, {self.failed} failed{skipped}"


def read_junit(name: str, report: Path, status: int) -> Result:
    """Return the result of a run from its report and its exit status.

    A run that failed beside its tests, or that tested nothing, counts as one failure.
    """
    tests = failed = skipped = 0
    suites = ElementTree.parse(report).getroot().iter("testsuite") if report.exists() else ()
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    passed = tests - failed - skipped
    if failed == 0 and (status != 0 or passed == 0):
        failed = 1
    return Result(name, passed, failed, skipped)


def total(results: Iterable[Result]) -> Result:
    """Add results up."""
    results = list(results)
    return Result(
        "all",
        sum(result.passed for result in results),
        sum(result.failed for result in results),
        sum(result.skipped for result in results),
    )
