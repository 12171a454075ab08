"""The two apps, the host that suffers, and the table of what it came to."""

from __future__ import annotations

from typing import Any

import faults
import harness
import pytest
from operations import KEEP, Operations
from turns import WIDE, take_turns

pytest_plugins = ["pair"]

TABLE = harness.ROOT / f".cache/tables/faults{'-wide' if WIDE else ''}.txt"
ROWS = TABLE.with_suffix(".jsonl")
WIDE_ONLY = "test_tasks.py"


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table, which all workers of pytest-xdist share."""
    if not hasattr(config, "workerinput"):
        ROWS.parent.mkdir(parents=True, exist_ok=True)
        ROWS.write_text("")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the hosts take the tests in turn, and leave those that are wide by themselves to the wide set."""
    if not WIDE:
        # Molecule names each file, so that pytest would not ignore one.
        items[:] = [item for item in items if item.path.name != WIDE_ONLY]
    take_turns(config, items, lambda item: item.nodeid.replace(item.callspec.params["host"], ""))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table down, and print it."""
    table = faults.table(faults.read_rows(ROWS))
    TABLE.write_text(f"{table}\n")
    terminalreporter.section("faults")
    terminalreporter.write_line(table)


@pytest.fixture
def rows() -> faults.Rows:
    """What becomes of a test's rows."""
    return faults.Rows(ROWS)


@pytest.fixture(scope="session")
def site(host: harness.Host, pair: object) -> faults.Site:
    """The host with both apps, to be hit."""
    assert pair
    return faults.Site(host)


@pytest.fixture(scope="session")
def operations(pair: Any, site: faults.Site) -> Operations:
    """The operations, on a host that has as many instances and releases as it will keep."""
    operations = Operations(pair, site)
    release = operations.release()
    for _ in range(KEEP + 1):
        site.run(release.playbook, release.change()).succeeded()
    return operations
