"""`make test`: lint, unit tests and Molecule scenarios; all of them, also where one fails.

The last line adds up all tests. Lint counts as one test, a scenario that fails beside its tests
as one failure.
"""

from __future__ import annotations

import subprocess
import sys
import time

from tools import console, scenarios
from tools.checkout import JUNIT, ROOT
from tools.results import Result, read_junit, total


def run_make(target: str) -> int:
    """Run a target of the Makefile and return its exit status."""
    return subprocess.call(["make", target], cwd=ROOT)


def lint() -> Result:
    """Run all linters."""
    failed = int(run_make("lint") != 0)
    return Result("lint", 1 - failed, failed)


def unit() -> Result:
    """Run the unit tests."""
    report = JUNIT / "unit.xml"
    report.unlink(missing_ok=True)
    return read_junit("unit tests", report, run_make("unit"))


def check() -> int:
    """Run everything, or the named scenarios alone; print the totals and return the exit status."""
    began = time.monotonic()
    names = sys.argv[1:]
    results = [] if names else [lint(), unit()]
    results += scenarios.run(names or scenarios.all_scenarios())
    console.step(f"Results after {time.monotonic() - began:.0f} s")
    for result in results:
        console.note(f"{'good' if result.good else 'BAD '}  {result.name}: {result.counts()}")
    everything = total(results)
    print(everything.counts())
    return 0 if everything.good else 1


if __name__ == "__main__":
    console.main(check)
