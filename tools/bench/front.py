"""Requests a second through the front, beside what tutorials put there, in one run on the same processors."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tools import console
from tools.bench import host, load, samples
from tools.bench.load import Target
from tools.checkout import ROOT

ROUNDS = 5
SECONDS = 5  # of load, for each way in each round
SETTLE = 1  # seconds between two loads
STATIC = "/static/file.bin"
STATIC_BYTES = 16 * 1024
WAIT = "/sleep/0.01"
CACHED_DOMAIN = "cached.test"
PLAIN_DOMAIN = "plain.test"
# The tutorial's blocks by the apps that they serve, and the bare Nginx.
PORTS = {"hello": 8082, "plain": 8083}
BARE_PORT = 8084
# Ours and theirs, by what both serve.
WAYS = {
    "front": Target("GET"),
    "cache": Target("GET", domain=CACHED_DOMAIN),
    "tutorial": Target("GET", port=PORTS["hello"]),
    "plain": Target("GET", domain=PLAIN_DOMAIN),
    "plain_tutorial": Target("GET", port=PORTS["plain"]),
    "waits": Target("GET", WAIT, domain=PLAIN_DOMAIN),
    "waits_tutorial": Target("GET", WAIT, port=PORTS["plain"]),
    "static": Target("GET", STATIC),
    "bare": Target("GET", STATIC, port=BARE_PORT),
}
PAIRS = {
    "the sample app's page, beside a tutorial's block with 3 sync workers": ("front", "tutorial"),
    "the same with answers kept for 1 s": ("cache", "tutorial"),
    "an app that does nothing, beside the tutorial's": ("plain", "plain_tutorial"),
    "an app that waits 10 ms for each answer, beside the tutorial's": ("waits", "waits_tutorial"),
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
    """Return the manifest: the apps as they come, without settings of their own but for the cache."""
    hello = {
        "name": "hello",
        "app": "hello:create_app()",
        "source": {"path": str(host.SOURCES / "hello")},
        "health": {"path": "/healthz"},
        "nginx": {"domains": [load.DOMAIN], "static": {"/static/": "hello/static"}},
    }
    plain = {
        "name": "plain",
        "app": "web:wsgi",
        "source": {"path": str(host.SOURCES / "plain")},
        "nginx": {"domains": [PLAIN_DOMAIN]},
    }
    cached = {**hello, "name": "cached", "nginx": {"domains": [CACHED_DOMAIN], "cache": "1s"}}
    return [hello, cached, plain]


def order(number: int) -> list[str]:
    """Return the ways in a round's order: the first one of a round is another one each time."""
    names = list(WAYS)
    first = number % len(names)
    return names[first:] + names[:first]


def measure() -> Front:
    """Serve in all ways side by side, and load one after the other. Raises console.ToolError."""
    shutil.rmtree(host.SOURCES, ignore_errors=True)
    shutil.copytree(ROOT / "examples/hello", host.SOURCES / "hello")
    shutil.copytree(host.BENCH / "app", host.SOURCES / "plain")
    (host.SOURCES / "hello/hello/static/file.bin").write_bytes(b"x" * STATIC_BYTES)
    apps = entries()
    host.play("prepare", {"python_apps": apps})
    host.play("front", {"bench_tutorials": tutorials(apps), "bench_bare_port": BARE_PORT})
    rates: dict[str, list[float]] = {name: [] for name in WAYS}
    for number in range(ROUNDS):
        for name in order(number):
            time.sleep(SETTLE)
            rates[name].append(rate(name))
    return Front(rates)


def tutorials(apps: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return what the tutorial's way of serving these apps is made of, by their live releases."""
    found = []
    for app in apps:
        if port := PORTS.get(app["name"]):
            code, virtualenv = host.deployed(app["name"])
            found.append(
                {
                    "name": app["name"],
                    "app": app["app"],
                    "port": port,
                    "code": code,
                    "virtualenv": virtualenv,
                }
            )
    return found


def rate(name: str) -> float:
    """Load one way and return its requests a second. Raises console.ToolError where one was not answered."""
    output = host.run(load.wrk(WAYS[name], SECONDS))
    if failed := samples.read_wrk(output) + samples.read_wrk_refused(output):
        raise console.ToolError(f"{name}: {failed} requests failed: {output[-500:]}", "Look inside the host")
    return samples.read_wrk_rate(output)
