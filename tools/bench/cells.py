"""What is measured: an app served in one way, changed in every way, under one kind of load."""

from __future__ import annotations

import fnmatch
import re
import shutil
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from tools import console
from tools.bench import host, load, samples
from tools.bench.host import Task
from tools.bench.samples import Window

APPS = host.SOURCES / "app"
WORKERS = ("sync", "gthread", "gevent", "asgi")
LISTEN = {"unix": "unix", "tcp": "127.0.0.1:8100"}
METHODS = ("GET", "POST")
OPERATIONS = ("deploy", "config", "secret", "rollback")
IMPORT_SECONDS = 3
SLOW_PATH = "/sleep/5"

BEGIN = "operation | Begin"
PAUSE = 2  # seconds between two changes, which count as steady
LEAD = 4  # seconds of load before the first change, and after the last one
AFTER = 1.0  # seconds after a swap that still count as its own
SLOT = 0.1  # seconds a point of the picture stands for

# How much slower a swap may be than the steady state of the same run.
TAIL_FACTOR = 3
SLOWEST_FACTOR = 2
SLOWEST_MS = 100


@dataclass(frozen=True)
class Cell:
    """One measurement.

    kind: saturation, fixed (rate), import (an app that imports for long, at a fixed rate) or slow (requests).
    """

    worker: str
    socket: str
    method: str
    kind: str

    @property
    def name(self) -> str:
        """The name that CELLS selects by."""
        return f"{self.worker}/{self.socket}/{self.method}/{self.kind}"

    @property
    def target(self) -> load.Target:
        """What is asked."""
        if self.kind != "slow":
            return load.Target(self.method)
        # One worker, or half of the threads, stays free for the health path.
        return load.Target(self.method, SLOW_PATH, connections=1 if self.worker == "sync" else 4)

    @property
    def paced(self) -> bool:
        """Whether the rate is fixed."""
        return self.kind in ("fixed", "import")


@dataclass(frozen=True)
class State:
    """What the manifest says of the app; an operation changes one part."""

    text: str = "first"
    timeout: int = 30
    secret: str = "first"


@dataclass
class Row:
    """What a cell came to. swap_seconds, run_seconds: by kind of operation, the median.

    slots: (second, slowest in ms, failed) for the picture; swaps: (from, to) in seconds.
    """

    name: str
    rate: float
    requests: int
    failed: int
    steady: samples.Summary
    work: samples.Summary
    swap: samples.Summary
    paced: bool
    swap_seconds: dict[str, float] = field(default_factory=dict)
    run_seconds: dict[str, float] = field(default_factory=dict)
    slots: list[tuple[float, float, int]] = field(default_factory=list)
    swaps: list[tuple[float, float]] = field(default_factory=list)

    def misses(self) -> list[str]:
        """Name what is not as promised; the tail is judged at a fixed rate only."""
        said = [f"{self.failed} failed"] if self.failed else []
        if self.paced:
            if self.swap.p999 > TAIL_FACTOR * self.steady.p999:
                said.append(f"p99.9 is {self.swap.p999 / self.steady.p999:.1f} times the steady one")
            if self.swap.slowest > max(SLOWEST_MS, SLOWEST_FACTOR * self.steady.slowest):
                said.append(f"slowest {self.swap.slowest:.0f} ms")
        return said

    def as_json(self) -> dict[str, Any]:
        """Return what results.json holds."""
        return {**asdict(self), "misses": self.misses()}


def row_from_json(value: dict[str, Any]) -> Row:
    """Read a row of results.json."""
    known = {key: part for key, part in value.items() if key != "misses"}
    for key in ("steady", "work", "swap"):
        known[key] = samples.Summary(**known[key])
    return Row(**known)


def all_cells() -> list[Cell]:
    """Return every cell, those that share a deployed app beside each other."""
    matrix = [
        Cell(worker, socket, method, kind)
        for worker in WORKERS
        for socket in LISTEN
        for method in METHODS
        for kind in ("saturation", "fixed")
    ]
    return [
        *matrix,
        *(Cell(worker, "unix", "GET", kind) for kind in ("import", "slow") for worker in WORKERS),
    ]


def select(patterns: Sequence[str]) -> list[Cell]:
    """Return the cells that match a pattern, such as gthread/*/GET/fixed; all where there is no pattern."""
    cells = all_cells()
    if not patterns:
        return cells
    return [cell for cell in cells if any(fnmatch.fnmatch(cell.name, pattern) for pattern in patterns)]


def source(state: State) -> Path:
    """Return where a state's source is: a run that deploys more than one reads each place once."""
    return APPS / re.sub(r"\W", "-", state.text)


def make_sources(changes: Sequence[dict[str, Any]]) -> None:
    """Put the app where the changes have it."""
    for change in changes:
        shutil.copytree(host.BENCH / "app", change["entry"]["source"]["path"], dirs_exist_ok=True)


def entry(cell: Cell, state: State) -> dict[str, Any]:
    """Return the app's entry of the manifest."""
    imports = {"IMPORT_SECONDS": str(IMPORT_SECONDS)} if cell.kind == "import" else {}
    threads = {"threads": 4} if cell.worker == "gthread" else {}
    return {
        "name": "bench",
        "app": "web:asgi" if cell.worker == "asgi" else "web:wsgi",
        "source": {"path": str(source(state))},
        "env": {"SECRET": state.secret, **imports},
        "health": {"path": "/healthz"},
        "listen": LISTEN[cell.socket],
        "gunicorn": {"workers": 2, "worker_class": cell.worker, "timeout": state.timeout, **threads},
        "nginx": {"domains": [load.DOMAIN], "extra": f"access_log {load.LOG} bench buffer=64k flush=1s;"},
    }


def operations(cell: Cell, rounds: int) -> Iterator[dict[str, Any]]:
    """Yield the changes that bench/operations.yml carries out; a rollback takes the one before it back."""
    state = State()
    for number in range(1, rounds + 1):
        for kind in OPERATIONS:
            if kind == "deploy":
                state = replace(state, text=f"{cell.name} {number}")
            elif kind == "config":
                state = replace(state, timeout=30 + number)
            elif kind == "secret":
                before, state = state, replace(state, secret=f"{cell.name} {number}")
            else:
                state = before
            yield {"kind": kind, "text": state.text, "entry": entry(cell, state)}


def alike(cell: Cell, other: Cell | None) -> bool:
    """Tell whether two cells differ in the load alone."""
    if other is None or (cell.worker, cell.socket) != (other.worker, other.socket):
        return False
    return (cell.kind == "import") == (other.kind == "import")


def prepare(cell: Cell) -> None:
    """Deploy the app as the cell wants it. Raises console.ToolError."""
    shutil.rmtree(APPS, ignore_errors=True)
    shutil.copytree(host.BENCH / "app", source(State()))
    host.play("prepare", {"python_apps": [entry(cell, State())]})


def measure(cell: Cell, rounds: int) -> Row:
    """Change the deployed app under load and return what visitors had of it. Raises console.ToolError."""
    rate = round(load.capacity(cell.target) / 2) if cell.paced else 0
    generator = load.Load(cell.target, rate if cell.kind != "saturation" else None)
    changes = list(operations(cell, rounds))
    make_sources(changes)
    generator.start()
    try:
        time.sleep(LEAD)
        tasks = host.play("operations", {"bench_operations": changes, "bench_pause": PAUSE})
        time.sleep(LEAD)
    finally:
        counted = generator.stop()
    runs, swaps = windows(tasks, [change["kind"] for change in changes])
    return summarize(cell, counted, runs, swaps)


def windows(tasks: Sequence[Task], kinds: Sequence[str]) -> tuple[list[Window], list[Window]]:
    """Return when each operation ran, and when its swap did, in their order.

    Raises console.ToolError where one swapped nothing: it would be measured for free.
    """
    begins = [number for number, task in enumerate(tasks) if task.name == BEGIN]
    runs, swaps = [], []
    for kind, first, end in zip(kinds, begins, [*begins[1:], len(tasks)], strict=True):
        part = tasks[first:end]
        runs.append(Window(kind, part[0].began, part[-1].ended + AFTER))
        swapped = [task for task in part if "commit" in task.steps]
        if not swapped:
            raise console.ToolError(
                f"the operation '{kind}' swapped nothing", f"Read {host.LOGS}/operations.log"
            )
        ended = swapped[-1].ended
        swaps.append(Window(kind, ended - sum(swapped[-1].steps.values()), ended))
    return runs, swaps


def summarize(cell: Cell, counted: load.Counted, runs: Sequence[Window], swaps: Sequence[Window]) -> Row:
    """Return a cell's row."""
    longer = [replace(window, ended=window.ended + AFTER) for window in swaps]
    parts = samples.split(counted.requests, runs, longer)
    return Row(
        name=cell.name,
        rate=counted.rate,
        requests=len(counted.requests) + counted.unanswered,
        failed=sum(sample.failed for sample in counted.requests) + counted.unanswered,
        steady=samples.summarize(parts.steady),
        work=samples.summarize(parts.work),
        swap=samples.summarize(parts.swap),
        paced=cell.paced,
        swap_seconds=_medians(swaps, 0),
        run_seconds=_medians(runs, AFTER),
        slots=samples.slowest_by_slot(counted.requests, counted.began, SLOT),
        swaps=[(window.began - counted.began, window.ended - counted.began) for window in longer],
    )


def _medians(found: Sequence[Window], without: float) -> dict[str, float]:
    kinds = dict.fromkeys(window.kind for window in found)
    return {
        kind: statistics.median(w.ended - w.began - without for w in found if w.kind == kind)
        for kind in kinds
    }
