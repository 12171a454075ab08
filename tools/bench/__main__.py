"""`make bench`: measure, and write the results to bench/out.

From the environment:
PARTS   cells, streams, tutorial, front, times; all by default
CELLS   patterns of cells, such as 'gthread/*/GET/fixed,asgi/unix/*'; all by default. Results of others stay.
ROUNDS  how often each operation is carried out in a cell, 3 by default; in slow ones once
APPS    numbers of apps for the times, '1,5,20' by default
"""

from __future__ import annotations

import datetime
import functools
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from tools import console, engine
from tools.bench import cells, front, host, picture, report, special, times

RESULTS = host.OUT / "results.json"
TABLE = host.OUT / "benchmarks.md"
PICTURE = host.OUT / "benchmarks.svg"
PARTS = ("cells", "streams", "tutorial", "front", "times")
Results = dict[str, Any]


def words(name: str, default: str = "") -> list[str]:
    """Return the words of a variable of the environment, separated by commas."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def number(name: str, default: int) -> int:
    """Return a positive number of the environment. Raises console.ToolError."""
    text = os.environ.get(name) or str(default)
    if not text.isdigit() or int(text) < 1:
        raise console.ToolError(f"{name}={text} is no positive number", f"Take {name}={default}")
    return int(text)


def load_results(anew: bool) -> Results:
    """Return the results so far; none of them where everything is measured anew."""
    fresh: Results = {
        "cells": {},
        "streams": [],
        "tutorial": None,
        "front": None,
        "times": {},
        "measured": {},
    }
    if anew or not RESULTS.exists():
        return fresh
    results = {**fresh, **json.loads(RESULTS.read_text())}
    if about := results.pop("about", None):
        # Such a file has one date for all that it holds.
        results["measured"]["earlier"] = about
    return results


def note(results: Results, name: str) -> None:
    """Write down when and where a result was measured. name: of a cell, a part or a number of apps."""
    results["measured"][name] = {"date": datetime.date.today().isoformat(), "machine": host.machine()}


def write(results: Results, name: str) -> None:
    """Write the results, of which one is new, and what they look like. name: as in note."""
    host.OUT.mkdir(parents=True, exist_ok=True)
    note(results, name)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    order = [cell.name for cell in cells.all_cells()]
    rows = [cells.row_from_json(row) for row in results["cells"].values()]
    rows.sort(key=lambda row: order.index(row.name))
    tutorial = special.Tutorial(**results["tutorial"]) if results["tutorial"] else None
    streams = [special.Stream(**stream) for stream in results["streams"]]
    taken = sorted((times.Times(**entry) for entry in results["times"].values()), key=lambda e: e.apps)
    served = front.Front(**results["front"]) if results["front"] else None
    about = report.measured(results["measured"].values())
    TABLE.write_text(report.document(about, rows, streams, tutorial, taken, served))
    PICTURE.write_text(picture.draw(rows, about))


def attempt(name: str, measure: Callable[[], str], failures: list[str]) -> bool:
    """Measure one thing and say what came of it; a failure is noted, so that the rest goes on."""
    began = time.monotonic()
    try:
        said = measure()
    except console.ToolError as failure:
        failures.append(name)
        said = f"NOT MEASURED: {failure}\n    {failure.remedy}"
    console.note(f"{name}: {said} [{time.monotonic() - began:.0f} s]")
    return name not in failures


def measure_cells(chosen: Sequence[cells.Cell], rounds: int, results: Results, failures: list[str]) -> None:
    """Measure one cell after the other, on an app that is deployed anew where the next one needs it."""
    before: cells.Cell | None = None
    for cell in chosen:
        measures = [] if cells.alike(cell, before) else [functools.partial(prepare_cell, cell)]
        # Of slow requests it counts that each is answered, which once shows.
        times_each = 1 if cell.kind == "slow" else rounds
        measures.append(functools.partial(measure_cell, cell, times_each, results))
        before = cell
        for measure in measures:
            if not attempt(cell.name, measure, failures):
                before = None
                break


def prepare_cell(cell: cells.Cell) -> str:
    """Deploy what a cell measures."""
    cells.prepare(cell)
    return "deployed"


def measure_cell(cell: cells.Cell, rounds: int, results: Results) -> str:
    """Measure a cell into the results and return it in words."""
    row = cells.measure(cell, rounds)
    results["cells"][cell.name] = row.as_json()
    write(results, cell.name)
    steady, swap = row.steady, row.swap
    return (
        f"{row.failed} of {row.requests:,} failed; p99.9 {steady.p999:.1f} ms, in swaps {swap.p999:.1f};"
        f" slowest {steady.slowest:.0f} and {swap.slowest:.0f}; {'; '.join(row.misses()) or 'as promised'}"
    )


def measure_streams(results: Results) -> str:
    """Measure the streams into the results and return them in words."""
    ends = special.streams()
    results["streams"] = [asdict(end) for end in ends]
    write(results, "streams")
    return ", ".join(f"{end.stream}: {end.how} after {end.seconds:.1f} s" for end in ends)


def measure_tutorial(results: Results) -> str:
    """Measure restarts into the results and return them in words."""
    tutorial = special.tutorial(3)
    results["tutorial"] = asdict(tutorial)
    write(results, "tutorial")
    return f"{tutorial.failed:,} of {tutorial.requests:,} failed in {tutorial.restarts} restarts"


def measure_front(results: Results) -> str:
    """Measure the front into the results and return it in words."""
    served = front.measure()
    results["front"] = asdict(served)
    write(results, "front")
    ratios = {what: front.ratio(*(served.rates[name] for name in pair)) for what, pair in front.PAIRS.items()}
    return "; ".join(f"{what}: {found.median:.2f} times as many" for what, found in ratios.items())


def measure_times(count: int, results: Results) -> str:
    """Measure runs with this number of apps into the results and return them in words."""
    taken = times.measure(count, 3)
    results["times"][str(count)] = asdict(taken)
    write(results, f"times/{count}")
    return f"first {taken.first:.1f} s, nothing {taken.nothing:.1f} s, a line {taken.line:.1f} s"


def bench() -> int:
    """Measure what is asked for, and return the exit status."""
    parts = words("PARTS", ",".join(PARTS))
    if wrong := set(parts) - set(PARTS):
        raise console.ToolError(f"PARTS names {', '.join(sorted(wrong))}", f"Take some of {', '.join(PARTS)}")
    chosen = cells.select(words("CELLS"))
    if not chosen:
        raise console.ToolError("CELLS matches none", f"Such as {cells.all_cells()[0].name}; or with *")
    rounds, counts = number("ROUNDS", 3), [int(word) for word in words("APPS", "1,5,20")]
    engine.up()
    results = load_results(anew=not any(os.environ.get(name) for name in ("PARTS", "CELLS")))
    failures: list[str] = []
    try:
        if set(parts) - {"times"}:
            console.step("Starting a fresh host")
            host.create()
        if "cells" in parts:
            console.step(f"{len(chosen)} cells, each operation {rounds} times, in slow ones once")
            measure_cells(chosen, rounds, results, failures)
        if "streams" in parts:
            attempt("streams", functools.partial(measure_streams, results), failures)
        if "tutorial" in parts:
            attempt("tutorial", functools.partial(measure_tutorial, results), failures)
        if "front" in parts:
            attempt("front", functools.partial(measure_front, results), failures)
        if "times" in parts:
            for count in counts:
                console.step(f"Times with {count} apps on a fresh host")
                attempt(f"{count} apps", functools.partial(measure_times, count, results), failures)
    finally:
        host.remove()
    console.step(f"Results: {TABLE}, {PICTURE}, {RESULTS}")
    return 1 if failures else 0


if __name__ == "__main__":
    console.main(bench)
