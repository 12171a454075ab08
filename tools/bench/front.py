"""Requests a second through the front, beside what tutorials put there, in one run on the same processors."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools import console
from tools.bench import cells, host, load, samples
from tools.bench.load import Target

ROUNDS = 5
SECONDS = 5  # of load, for each way in each round
SETTLE = 1  # seconds between two loads
STATIC = "/static/file.bin"
STATIC_BYTES = 16 * 1024
CACHED_DOMAIN = "cached.test"
TUTORIAL_PORT = 8082
BARE_PORT = 8083
# Ours and theirs, by what both serve.
WAYS = {
    "front": Target("GET"),
    "cache": Target("GET", domain=CACHED_DOMAIN),
    "tutorial": Target("GET", port=TUTORIAL_PORT),
    "static": Target("GET", STATIC),
    "bare": Target("GET", STATIC, port=BARE_PORT),
}
PAIRS = {
    "the app, beside a tutorial's block with 3 sync workers": ("front", "tutorial"),
    "the same with answers kept for 1 s": ("cache", "tutorial"),
    f"a file of {STATIC_BYTES // 1024} KiB, beside a bare Nginx with sendfile": ("static", "bare"),
}


@dataclass(frozen=True)
class Front:
    """What came of it. rates: requests a second of each way, a number for each round."""

    rates: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Ratio:
    """How many times as many requests one way served as another: the median of the rounds, and their span."""

    median: float
    least: float
    most: float


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Compare two ways round by round: what else goes on in a round, both have."""
    each = [one / other for one, other in zip(ours, theirs, strict=True)]
    return Ratio(statistics.median(each), min(each), max(each))


def entries() -> list[dict[str, Any]]:
    """Return the manifest: the app as it comes without settings of its own, and once more with the cache."""
    app: dict[str, Any] = {
        "name": "bench",
        "app": "web:wsgi",
        "source": {"path": str(cells.source(cells.State()))},
        "health": {"path": "/healthz"},
        "nginx": {"domains": [load.DOMAIN], "static": {"/static/": "static"}},
    }
    return [app, {**app, "name": "cached", "nginx": {"domains": [CACHED_DOMAIN], "cache": "1s"}}]


def order(number: int) -> list[str]:
    """Return the ways in a round's order: the first one of a round is another one each time."""
    names = list(WAYS)
    first = number % len(names)
    return names[first:] + names[:first]


def measure() -> Front:
    """Serve in all ways side by side, and load one after the other. Raises console.ToolError."""
    shutil.rmtree(cells.APPS, ignore_errors=True)
    source = cells.source(cells.State())
    shutil.copytree(host.BENCH / "app", source)
    (source / "static").mkdir()
    (source / "static/file.bin").write_bytes(b"x" * STATIC_BYTES)
    host.play("prepare", {"python_apps": entries()})
    code, virtualenv = host.deployed("bench")
    variables = {"bench_code": code, "bench_virtualenv": virtualenv}
    host.play("front", {**variables, "bench_port": TUTORIAL_PORT, "bench_bare_port": BARE_PORT})
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(ROUNDS):
        for name in order(number):
            time.sleep(SETTLE)
            rates[name].append(rate(name))
    return Front(rates)


def rate(name: str) -> float:
    """Load one way and return its requests a second. Raises console.ToolError where one was not answered."""
    output = host.run(load.wrk(WAYS[name], SECONDS))
    if failed := samples.read_wrk(output) + samples.read_wrk_refused(output):
        raise console.ToolError(f"{name}: {failed} requests failed: {output[-500:]}", "Look inside the host")
    return samples.read_wrk_rate(output)
