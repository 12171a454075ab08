"""`make matrix`: the scenarios' wide sets, which take too long for every change, and their tables."""

from __future__ import annotations

import os
import sys

from tools import console, images, scenarios
from tools.checkout import CACHE
from tools.results import total

# Scenarios that do more with WIDE=1 in their environment.
WIDE = ("faults", "front", "lifecycle", "refusals", "tls")
TABLES = CACHE / "tables"


def matrix() -> int:
    """Run the wide sets, or the named ones alone; print their tables and return the exit status."""
    os.environ["WIDE"] = "1"
    # The hosts side by side: pytest-xdist gives each a worker of its own.
    os.environ["PYTEST_ADDOPTS"] = f"--numprocesses {len(images.RELEASES)} --dist loadgroup"
    names = sys.argv[1:] or WIDE
    for name in names:
        if name not in WIDE:
            raise console.ToolError(
                f"the scenario '{name}' has no wide set", f"Take one of: {', '.join(WIDE)}"
            )
        (TABLES / f"{name}-wide.txt").unlink(missing_ok=True)
    result = total(scenarios.run(names))
    for table in (TABLES / f"{name}-wide.txt" for name in names):
        if table.exists():
            console.step(str(table.relative_to(CACHE.parent)))
            print(table.read_text(encoding="utf-8"), end="")
    print(result.counts())
    return 0 if result.good else 1


if __name__ == "__main__":
    console.main(matrix)
