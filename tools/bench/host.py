"""The benchmark's host: a container, the playbooks that run against it, and what they took."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tools import console, images
from tools.checkout import IDENTITY, LABEL, ROOT, environment

NAME = f"webstack-{IDENTITY}-bench"
BENCH = ROOT / "bench"
OUT = BENCH / "out"
INVENTORY = OUT / "inventory.json"
TIMELINE = OUT / "timeline.jsonl"
LOGS = OUT / "logs"
# The apps' sources: what Git ignores, such as bench/out, is not deployed.
SOURCES = Path(tempfile.gettempdir()) / NAME
SYSTEM = "debian13"
CONTAINER_SECONDS = 60
# Of 1024, which the rest of the machine has: elsewhere the controller has processors of its own, and at
# saturation the app and the load would leave it none of these.
CPU_SHARES = 128


@dataclass(frozen=True)
class Task:
    """A task of a run, or one turn of its loop. began, ended: seconds since the epoch.

    item: the turn's label, '' for the task as a whole. steps: seconds by the module's own steps.
    """

    name: str
    item: str
    began: float
    ended: float
    steps: Mapping[str, float]


def create() -> None:
    """Start a fresh host. Raises console.ToolError."""
    remove()
    for folder in (OUT, LOGS):
        folder.mkdir(parents=True, exist_ok=True)
    host = {NAME: {"ansible_connection": "community.docker.docker"}}
    groups = {group: {"hosts": {NAME: None}} for group in ("app_servers", "proxies")}
    INVENTORY.write_text(json.dumps({"all": {"hosts": host}, **groups}))
    images.ensure([SYSTEM])
    play("host", {"bench_image": images.tag(SYSTEM), "bench_labels": {LABEL: IDENTITY}})
    subprocess.run(
        ["docker", "update", "--cpu-shares", str(CPU_SHARES), NAME], check=True, stdout=subprocess.DEVNULL
    )


def remove() -> None:
    """Remove the host, where there is one, and the sources of its apps."""
    shutil.rmtree(SOURCES, ignore_errors=True)
    subprocess.run(["docker", "rm", "--force", "--volumes", NAME], check=False, capture_output=True)


def play(playbook: str, variables: Mapping[str, Any], *options: str) -> list[Task]:
    """Run a playbook, of bench/ or (with a folder in its name) of the repository, and return its tasks.

    Raises console.ToolError with the end of its output.
    """
    path = ROOT / f"{playbook}.yml" if "/" in playbook else BENCH / f"{playbook}.yml"
    extra = OUT / "variables.json"
    extra.write_text(json.dumps(variables))
    TIMELINE.write_text("")
    log = LOGS / f"{path.stem}.log"
    with log.open("w", encoding="utf-8") as out:
        status = subprocess.call(
            ["ansible-playbook", "-i", str(INVENTORY), "-e", f"@{extra}", *options, str(path)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={
                **environment(),
                "ANSIBLE_CALLBACK_PLUGINS": str(BENCH / "plugins"),
                "ANSIBLE_CALLBACKS_ENABLED": "timeline",
                "BENCH_TIMELINE": str(TIMELINE),
            },
        )
    if status != 0:
        raise console.ToolError(
            f"{path.name} ended with {status}\n{console.tail(log)}",
            f"Read {log}, and look inside: docker exec {NAME} journalctl --no-pager -n 50",
        )
    return read_timeline(TIMELINE.read_text())


def read_timeline(text: str) -> list[Task]:
    """Read what the callback plugin wrote."""
    return [
        Task(
            line["task"],
            str(line["item"] or ""),
            line["began"],
            line["ended"],
            {step["step"]: step["seconds"] for step in line["steps"]},
        )
        for line in map(json.loads, text.splitlines())
    ]


def run(command: str) -> str:
    """Run a shell command as root on the host and return what it printed. Raises console.ToolError."""
    done = subprocess.run(
        ["docker", "exec", NAME, "sh", "-c", command],
        check=False,
        capture_output=True,
        text=True,
        timeout=CONTAINER_SECONDS,
    )
    if done.returncode != 0:
        raise console.ToolError(
            f"{command}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}",
            f"Look inside: docker exec -it {NAME} bash",
        )
    return done.stdout


def read(path: str) -> str:
    """Return the text of a file of the host, however long it is."""
    return subprocess.run(
        ["docker", "exec", NAME, "cat", path], check=True, capture_output=True, text=True
    ).stdout


def deployed(app: str) -> tuple[str, str]:
    """Return where an app's live code is on the host, and its virtualenv. Raises console.ToolError."""
    live = run(f"readlink -f /srv/{app}/current").strip()
    instance = f"$(grep -o '@[0-9a-f]*' /etc/systemd/system/gunicorn-{app}.service.d/live.conf | tr -d @)"
    record = json.loads(run(f"cat /etc/webstack/{app}/{instance}/instance.json"))
    return live, record["virtualenv"]


def start(command: str) -> subprocess.Popen[str]:
    """Start a shell command on the host, with its output to be read from the process."""
    return subprocess.Popen(
        ["docker", "exec", NAME, "sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def machine() -> str:
    """Describe the machine that all of it runs on, by what the numbers depend on."""
    cpuinfo = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = re.search(r"^model name\s*:\s*(.*)$", cpuinfo, re.M)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    return f"{os.cpu_count()} x {model[1] if model else 'unknown processor'}, {memory:.0f} GiB of memory"
