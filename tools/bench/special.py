"""What the cells do not show: streams that are open during a swap, and the tutorials' way to deploy."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tools import console
from tools.bench import cells, host, load, samples
from tools.bench.cells import Cell, State

STREAMS = Cell("asgi", "unix", "GET", "streams")
GRACEFUL_TIMEOUT = 5
SLACK = 1  # seconds beyond graceful_timeout
ORDERLY = ("EOF", "last chunk", "close frame")

TUTORIAL = Cell("gthread", "unix", "GET", "tutorial")
TUTORIAL_PORT = 8081


@dataclass(frozen=True)
class Stream:
    """How a stream ended, and after how many seconds of the old instance's retirement."""

    stream: str
    how: str
    seconds: float

    @property
    def good(self) -> bool:
        """Whether it ended in an orderly way, and in time."""
        return self.how.startswith(ORDERLY) and self.seconds <= GRACEFUL_TIMEOUT + SLACK


@dataclass(frozen=True)
class Tutorial:
    """What `systemctl restart` cost, by restart. slowest: milliseconds."""

    restarts: int
    requests: int
    failed: int
    slowest: float


def streams() -> list[Stream]:
    """Deploy while an event stream and a WebSocket are open. Raises console.ToolError."""
    cells.prepare(STREAMS)
    entry = cells.entry(STREAMS, State(text="streams"))
    entry["gunicorn"]["graceful_timeout"] = GRACEFUL_TIMEOUT
    change: dict[str, Any] = {"kind": "deploy", "text": "streams", "entry": entry}
    cells.make_sources([change])
    # Twice: the instance that is retired the second time has the graceful timeout, too.
    host.play("operations", {"bench_operations": [change], "bench_pause": 0})
    script = (host.BENCH / "streams.py").read_text()
    host.run(f"cat > /var/tmp/bench/streams.py <<'END'\n{script}\nEND")
    process = host.start("exec python3 /var/tmp/bench/streams.py")
    assert process.stdout is not None
    opened = process.stdout.readline()
    if "open" not in opened:
        raise console.ToolError(f"the streams could not be opened: {opened}", "Look inside the host")
    again = {**change, "text": "streams again"}
    tasks = host.play("operations", {"bench_operations": [again], "bench_pause": 0})
    retired = [task.ended - task.steps["retire"] for task in tasks if "retire" in task.steps][-1]
    output, _ = process.communicate(timeout=host.CONTAINER_SECONDS)
    ends = map(json.loads, output.splitlines())
    return [Stream(end["stream"], end["how"], end["ended"] - retired) for end in ends]


def tutorial(restarts: int) -> Tutorial:
    """Restart a plain service under full load. Raises console.ToolError."""
    cells.prepare(TUTORIAL)
    code, virtualenv = host.deployed("bench")
    variables = {"bench_code": code, "bench_virtualenv": virtualenv, "bench_log": load.LOG}
    host.play("tutorial", variables)
    generator = load.Load(load.Target("GET", port=TUTORIAL_PORT), None)
    generator.start()
    try:
        for _ in range(restarts):
            time.sleep(cells.LEAD)
            host.run("systemctl restart tutorial")
        time.sleep(cells.LEAD)
    finally:
        counted = generator.stop()
    summary = samples.summarize(counted.requests)
    return Tutorial(restarts, summary.requests, summary.failed + counted.unanswered, summary.slowest)


def per_swap(rows: Sequence[cells.Row]) -> str:
    """Return failed requests per swap, for the comparison with a restart."""
    swaps = sum(len(row.swaps) for row in rows)
    return f"{sum(row.failed for row in rows)} failed in {swaps} swaps"
