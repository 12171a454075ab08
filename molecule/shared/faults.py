"""Faults at a chosen event of a run, and what must be true after each of them."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import harness

HERE = "/usr/local/lib/faults"
STATE = "/run/faults"
ANSWERS = "/var/tmp/answers"
SOURCES = harness.ROOT / "molecule/faults/host"
PATIENCE = 60  # seconds; a host that is started again has as long to answer

Variables = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Event:
    """One event of a module: which run of the module, its number in it, the step, and what is done."""

    call: int
    number: int
    step: str
    what: str


@dataclasses.dataclass(frozen=True)
class Operation:
    """A run to be hit.

    library: what tells the module to be hit from others; see host/sitecustomize.py. playbook: what is
    run, with the variables of a `change`, which are new ones each time. before: what comes ahead of
    each run. asked: the site that must go on. step: how the only steps whose events count begin.
    mends: the variables of the further run where the run fails by itself; else they are the run's.
    """

    name: str
    library: str
    playbook: Path
    change: Callable[[], Variables]
    before: Callable[[Variables], None] = lambda _variables: None
    asked: str = "alpha.test"
    step: str = ""
    mends: Variables | None = None


@dataclasses.dataclass(frozen=True)
class Row:
    """What one fault came to. failed: requests without a good answer; wrong: what else is not well."""

    host: str
    operation: str
    fault: str
    point: str
    answered: int
    failed: int
    wrong: str

    @property
    def good(self) -> bool:
        """Whether the site answered and the next run converged."""
        return self.failed == 0 and self.answered > 0 and not self.wrong


class Site:
    """A host whose runs are hit, while its site is asked all the time."""

    def __init__(self, host: harness.Host) -> None:
        self.host = host
        self.last: tuple[Path, Variables] = (Path(), {})
        host.sh(f"mkdir -p {HERE}")
        for source in sorted(SOURCES.glob("*")):
            subprocess.run(["docker", "cp", "-q", str(source), f"{host.name}:{HERE}/"], check=True)

    # Runs.

    def run(self, playbook: Path, variables: Variables, **environment: str) -> harness.Run:
        """Run a playbook; its modules obey the order of a fault, if there is one."""
        return self.host.play(with_python(variables), playbook=playbook, environment=environment)

    def begin(self, playbook: Path, variables: Variables, **environment: str) -> subprocess.Popen[bytes]:
        """Start a run."""
        return subprocess.Popen(
            self.host.command(with_python(variables), playbook=playbook),
            cwd=harness.ROOT,
            env=harness.run_environment(environment),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def order(self, library: str, do: str, call: int = 0, at: int = 0) -> None:
        """Let the next run suffer a fault; see host/sitecustomize.py."""
        order = json.dumps({"library": library, "do": do, "call": call, "at": at})
        self.host.sh(f"rm -rf {STATE}; mkdir {STATE}; echo '{order}' > {STATE}/order.json")

    def spare(self) -> None:
        """Withdraw the order."""
        self.host.sh(f"rm -rf {STATE}")

    def trace(self, operation: Operation) -> list[Event]:
        """Let the operation come to its end, and the further run where it has one; return its events."""
        variables = operation.change()
        operation.before(variables)
        self.order(operation.library, "trace")
        run = self.run(operation.playbook, variables)
        if operation.mends is None:
            run.succeeded()
        lines = self.host.sh(f"cat {STATE}/trace").splitlines()
        self.spare()
        if operation.mends is not None:
            run.refused()
            self.run(operation.playbook, operation.mends).succeeded()
        return [Event(*json.loads(line)) for line in lines]

    # Faults. Each leaves the host as the fault does, and returns once nothing of the run is under way.

    def kill_module(self, operation: Operation, variables: Variables, event: Event) -> None:
        """Kill the module's process."""
        self._signal("kill", operation, variables, event)

    def end_module(self, operation: Operation, variables: Variables, event: Event) -> None:
        """Ask the module's process to end."""
        self._signal("term", operation, variables, event)

    def _signal(self, do: str, operation: Operation, variables: Variables, event: Event) -> None:
        self.order(operation.library, do, event.call, event.number)
        self.run(operation.playbook, variables).refused()

    def kill_controller(self, operation: Operation, variables: Variables, event: Event) -> None:
        """Kill ansible-playbook with all its processes; the module then goes on alone, to its end."""
        process, pid = self.halt(operation, variables, event)
        kill_run(process)
        self.let_go(pid)

    def kill_host(self, operation: Operation, variables: Variables, event: Event) -> None:
        """Take the host's power away and give it back; return when the site answers again."""
        process, _ = self.halt(operation, variables, event)
        for action in ("kill", "start"):
            subprocess.run(["docker", action, self.host.name], check=True, capture_output=True)
        process.wait(timeout=harness.RUN_SECONDS)
        asking = f"curl -sf --max-time 2 -o /dev/null -H 'Host: {operation.asked}' http://127.0.0.1/"
        self.host.sh(f'timeout {PATIENCE} sh -c "until {asking}; do sleep 0.2; done"')
        self.start_asking(operation.asked)

    def halt(
        self, operation: Operation, variables: Variables, event: Event
    ) -> tuple[subprocess.Popen[bytes], int]:
        """Run the operation until its module stands still at the event; return the run and its pid."""
        self.order(operation.library, "stop", event.call, event.number)
        process = self.begin(operation.playbook, variables)
        waiting = f"until [ -s {STATE}/stopped ]; do sleep 0.1; done"
        pid = self.host.sh(f"timeout {PATIENCE} sh -c '{waiting}'; cat {STATE}/stopped")
        return process, int(pid)

    def let_go(self, pid: int) -> None:
        """Let a module go on, and wait for its end."""
        waiting = f"while [ -e /proc/{pid} ]; do sleep 0.1; done"
        self.host.sh(f"kill -CONT {pid}; timeout {PATIENCE} sh -c '{waiting}'")

    # What visitors see.

    def start_asking(self, name: str) -> None:
        """Ask a site without a pause from now on."""
        self.stop_asking()
        asking = f"python3 {HERE}/prober.py 127.0.0.1 {name} {ANSWERS}"
        self.host.sh(f": > {ANSWERS}; systemd-run --quiet --collect --unit=prober {asking}")

    def stop_asking(self) -> None:
        """Ask no more."""
        self.host.ti.run("systemctl stop prober")

    def answers(self) -> tuple[int, list[str]]:
        """Return how many answers there were since the last call, and what was none."""
        said = self.host.sh(f"cat {ANSWERS}; : > {ANSWERS}").splitlines()
        return len(said), [line for line in said if line != "200"]

    # What is on the host.

    def converge(self, operation: Operation, variables: Variables, reference: Sequence[str]) -> list[str]:
        """Run once more after a fault, and say in what the host is not as the reference says."""
        self.last = (operation.playbook, operation.mends or variables)
        further = self.run(*self.last)
        wrong = compare(reference, self.picture())
        if further.status != 0:
            wrong.insert(0, f"the further run failed: {further.message or further.text}")
        return wrong

    def again(self) -> list[str]:
        """Do the last further run once more, and return what it changed."""
        return self.run(*self.last).succeeded().changed

    def others(self) -> set[int]:
        """Return the processes of the app that no operation means."""
        return self.host.pids("beta")

    def picture(self) -> list[str]:
        """Return units, files and held locks, with a word in the place of each id that is in use."""
        named, _, text = self.host.sh(PICTURE).partition("\n\n")
        for line in named.splitlines():
            word, _, found = line.partition(" ")
            text = text.replace(found, word) if found else text
        return sorted(set(text.splitlines()))


# Without a unit's sub-state: an open socket is listening or running as requests come. What Ansible
# itself keeps in temporary files is not the collection's.
PICTURE = r"""
name() { echo "$1 $(echo "$2" | grep -o '[0-9a-f]\{12\}' | tail -n 1)"; }
etc=/etc/webstack/alpha srv=/srv/alpha
live=$(grep -o '@[0-9a-f]*' /etc/systemd/system/gunicorn-alpha.service.d/live.conf 2>/dev/null | cut -c2-)
name LIVE "$live"
previous=$(grep '"previous"' $etc/$live/instance.json 2>/dev/null | grep -o '[0-9a-f]\{12\}')
name PREVIOUS "$previous"
number=0
for other in $(ls -t $etc 2>/dev/null | grep -x '[0-9a-f]*'); do
  [ $other = "$live" ] || [ $other = "$previous" ] || name OTHER_$((number += 1)) $other
done
for kind in release virtualenv; do
  live_one=$(grep "\"$kind\"" $etc/$live/instance.json 2>/dev/null | grep -o '[0-9a-f]\{12\}' | tail -n 1)
  name LIVE_$kind "$live_one"
  folder=$srv/releases number=0
  [ $kind = release ] || folder=$srv/venvs
  for other in $(ls -t $folder 2>/dev/null); do
    [ $other = "$live_one" ] || name OTHER_${kind}_$((number += 1)) $other
  done
done
name TREE "$(readlink /etc/nginx/webstack)"
echo
echo "current $(readlink $srv/current) next $(readlink $srv/next)"
systemctl list-units --all --plain --no-legend 'gunicorn-*' nginx.service |
  awk '{print "unit", $1, $2, $3}'
find /etc/webstack /run/webstack /run/systemd/system /etc/systemd/system /etc/nginx /var/lib/webstack \
  /srv /opt/webstack -maxdepth 4 \
  \( -path '*/.lock' -o -path '*/code/*' -o -path '*/lib' -o -path '*/bin' \) -prune -o \
  -printf '%p %y %m %u %g %l\n'
find /tmp /var/tmp /var/cache/webstack -mindepth 1 -maxdepth 1 -not -name 'ansible_*' \
  -not -name '.*-unix' -not -name 'systemd-private-*' -not -name answers -printf '%p %y\n'
for lock in /run/webstack/.lock/*.lock; do
  [ ! -e $lock ] || flock --nonblock $lock true || echo "held $lock"
done
"""


def with_python(variables: Variables) -> dict[str, Any]:
    """Let a run's modules start by the interpreter that obeys orders."""
    return {**variables, "ansible_python_interpreter": f"{HERE}/python"}


def kill_run(process: subprocess.Popen[bytes]) -> None:
    """Kill a run with all its processes on the controller: its workers have groups of their own."""
    for pid in [process.pid, *descendants(process.pid)]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    process.wait()


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below a process."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [found for child in map(int, children) for found in (child, *descendants(child))]


def last_of_each_step(events: Sequence[Event]) -> list[Event]:
    """Return each step's last event, when most of it is done."""
    return list({(event.call, event.step): event for event in events}.values())


def compare(reference: Sequence[str], now: Sequence[str]) -> list[str]:
    """Return what is too much and what is missing."""
    left = [f"left over: {line}" for line in now if line not in reference]
    return left + [f"missing: {line}" for line in reference if line not in now]


def hit(site: Site, operation: Operation, fault: str, event: Event, reference: Sequence[str]) -> Row:
    """Let a fault happen, and see what visitors got and what a further run makes of it."""
    variables = operation.change()
    wrong = []
    others = site.others()
    try:
        operation.before(variables)
        site.answers()
        getattr(site, fault)(operation, variables, event)
    except (AssertionError, subprocess.SubprocessError) as error:
        wrong.append(f"the fault did not come about: {error}")
        site.spare()
    wrong += site.converge(operation, variables, reference)
    if fault != "kill_host" and site.others() != others:
        wrong.append("processes of the other app ended")
    asked, bad = site.answers()
    point = f"{event.step} {event.call}.{event.number}: before {event.what}"
    return row(site, operation, fault.replace("_", " "), point, asked, bad, wrong)


def row(
    site: Site,
    operation: Operation,
    fault: str,
    point: str,
    asked: int,
    bad: Sequence[str],
    wrong: Sequence[str],
) -> Row:
    """Return a row. asked: how many requests; bad: what came in the place of an answer."""
    return Row(
        host=re.sub(r".*-", "", site.host.name),
        operation=operation.name,
        fault=fault,
        point=point,
        answered=asked - len(bad),
        failed=len(bad),
        wrong="\n".join([*wrong, *(f"a visitor got {line}" for line in sorted(set(bad)))]),
    )


class Rows:
    """The rows of one test, each of which is on the disk at once: others read them, and runs take hours."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.bad: list[Row] = []

    def add(self, row: Row) -> None:
        """Add a row."""
        if not row.good:
            self.bad.append(row)
        with self.path.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dataclasses.asdict(row)) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Read the rows of all tests, by host."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted((Row(**json.loads(line)) for line in lines), key=lambda row: row.host)


def table(rows: Sequence[Row]) -> str:
    """Return the rows as text, with the numbers that count at the end."""
    lines = [
        f"{row.host:9} {row.operation:12} {row.fault:16} {row.answered:5} answered {row.failed:3} failed  "
        f"{'converged' if not row.wrong else 'WRONG':9}  {row.point}"
        + "".join(f"\n    {line}" for line in row.wrong.splitlines())
        for row in rows
    ]
    faults = dict.fromkeys(row.fault for row in rows)
    for fault in faults:
        of_it = [row for row in rows if row.fault == fault]
        lines.append(f"{fault}: {sum(row.good for row in of_it)} of {len(of_it)}")
    lines.append(f"all: {sum(row.good for row in rows)} of {len(rows)}")
    return "\n".join(lines)
