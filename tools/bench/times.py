"""How long runs take: the first one, one that changes a line, one that changes nothing."""

from __future__ import annotations

import shutil
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tools import console
from tools.bench import host
from tools.bench.host import Task
from tools.checkout import ROOT

SAMPLE = ROOT / "examples/hello"
APPS = host.SOURCES / "apps"
LISTED = 12


@dataclass
class Times:
    """Seconds of a run, the median of some, with a number of apps on the host.

    live: from the start of a run until the changed line is live. profile: the tasks and the
    modules' steps that took longest, by kind of run.
    """

    apps: int
    first: float
    nothing: float
    line: float
    live: float
    deploy: float
    profile: dict[str, list[tuple[str, float]]] = field(default_factory=dict)


def measure(count: int, repeats: int) -> Times:
    """Measure on a fresh host with this number of copies of the sample app. Raises console.ToolError."""
    host.create()
    shutil.rmtree(APPS, ignore_errors=True)
    manifest = {"python_apps": [_entry(number) for number in range(1, count + 1)]}
    first, _, _ = _timed("playbooks/site", manifest)
    nothing = [_timed("playbooks/site", manifest) for _ in range(repeats)]
    line = [_change(count, number, "playbooks/site", manifest) for number in range(repeats)]
    deploy = [_change(count, repeats + number, "playbooks/deploy", manifest) for number in range(repeats)]
    return Times(
        count,
        first,
        _median(nothing),
        _median(line),
        statistics.median(live for _, live, _ in line),
        _median(deploy),
        {"nothing changed": profile(nothing[-1][2]), "one line changed": profile(line[-1][2])},
    )


def _entry(number: int) -> dict[str, Any]:
    name = f"app{number:02}"
    shutil.copytree(SAMPLE, APPS / name, ignore=shutil.ignore_patterns("__pycache__"))
    return {
        "name": name,
        "app": "hello:create_app()",
        "source": {"path": str(APPS / name)},
        "health": {"path": "/healthz"},
        "gunicorn": {"workers": 1},
        "nginx": {"domains": [f"{name}.test"], "static": {"/static/": "hello/static"}},
    }


def _change(
    count: int, number: int, playbook: str, manifest: dict[str, Any]
) -> tuple[float, float, list[Task]]:
    with (APPS / f"app{count:02}/hello/__init__.py").open("a", encoding="utf-8") as source:
        source.write(f"# change {number}\n")
    return _timed(playbook, manifest)


def _timed(playbook: str, manifest: dict[str, Any]) -> tuple[float, float, list[Task]]:
    """Return the seconds of a run, those until its last swap was committed, and its tasks."""
    began = time.time()
    tasks = host.play(playbook, manifest)
    seconds = time.time() - began
    commits = [task.ended - task.steps.get("retire", 0) for task in tasks if "commit" in task.steps]
    console.note(f"{playbook}: {seconds:.1f} s")
    return seconds, (max(commits) - began if commits else 0.0), tasks


def _median(runs: Sequence[tuple[float, float, list[Task]]]) -> float:
    return statistics.median(seconds for seconds, _, _ in runs)


def profile(tasks: Sequence[Task]) -> list[tuple[str, float]]:
    """Return the tasks, and the modules' steps, that took longest, with their seconds."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for task in tasks:
        if not task.item:
            seconds[task.name] += task.ended - task.began
        for step, took in task.steps.items():
            seconds[f"{task.name}: {step}"] += took
    return sorted(seconds.items(), key=lambda entry: -entry[1])[:LISTED]
