"""Run Molecule scenarios side by side, each with a log and a test report of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import console, engine, images
from tools.checkout import IDENTITY, JUNIT, LOGS, ROOT, environment
from tools.results import Result, read_junit

AT_ONCE = 2
# Started before all others: what goes on when they have ended has one half of the machine idle beside it.
LONGEST = "tls"
# As in "INFO     [default > converge] Executing".
ACTION = re.compile(r" > (\w+)\] Executing")
FAILED = "Executed: Failed"
# Some come through though no colours are asked for.
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
TAIL_LINES = 80


def all_scenarios() -> list[str]:
    """Return the names of the scenarios, in the order in which they are best started."""
    names = sorted(path.parent.name for path in (ROOT / "molecule").glob("*/molecule.yml"))
    return sorted(names, key=lambda name: name != LONGEST)


def require_known(names: Sequence[str]) -> None:
    """Raise console.ToolError for a name that is no scenario."""
    for name in names:
        if name not in all_scenarios():
            raise console.ToolError(
                f"there is no Molecule scenario '{name}'", f"Take one of: {', '.join(all_scenarios())}"
            )


def junit_file(name: str) -> Path:
    """Return where a scenario's test report goes."""
    return JUNIT / f"scenario-{name}.xml"


def scenario_environment(name: str) -> dict[str, str]:
    """Return what .config/molecule/config.yml and the shared playbooks read."""
    return {
        **environment(),
        "WEBSTACK_ROOT": str(ROOT),
        "WEBSTACK_CHECKOUT": IDENTITY,
        "WEBSTACK_SCOPE": f"webstack-{IDENTITY}-{name}",
        "WEBSTACK_IMAGES": images.digest(),
        "WEBSTACK_JUNIT": str(junit_file(name)),
    }


def molecule(action: str, name: str, *options: str) -> list[str]:
    """Return the command for one Molecule action on a scenario."""
    return ["molecule", action, "--scenario-name", name, *options]


def run_logged(name: str, log: Path) -> int:
    """Run a scenario's whole sequence into a log, each action announced; return the exit status.

    With KEEP=1 in the environment the hosts stay, for a look at them.
    """
    options = ["--destroy=never"] if os.environ.get("KEEP") else []
    began = time.monotonic()
    with (
        log.open("w", encoding="utf-8") as out,
        subprocess.Popen(
            molecule("test", name, *options),
            cwd=ROOT,
            env={**scenario_environment(name), "NO_COLOR": "1", "ANSIBLE_FORCE_COLOR": "0"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        assert process.stdout is not None
        for line in (COLOURS.sub("", coloured) for coloured in process.stdout):
            out.write(line)
            out.flush()
            if found := ACTION.search(line):
                console.note(f"[{name}] {time.monotonic() - began:4.0f} s  {found[1]}")
    return process.returncode


def what_failed(log: Path) -> str:
    """Return the lines of a log that lead to the first failure; the hosts' removal comes after it."""
    before, found, _ = log.read_text(encoding="utf-8").partition(FAILED)
    return "\n".join((before + found).splitlines()[-TAIL_LINES:])


def run_scenario(name: str) -> Result:
    """Run one scenario and report it; where it failed, with what its log has to say."""
    log = LOGS / f"scenario-{name}.log"
    junit_file(name).unlink(missing_ok=True)
    began = time.monotonic()
    status = run_logged(name, log)
    result = read_junit(f"scenario {name}", junit_file(name), status)
    verdict = f"{'passed' if result.good else 'FAILED'}: {result.counts()}, log: {log}"
    tail = "" if result.good else f"\n{what_failed(log)}"
    console.note(f"[{name}] {time.monotonic() - began:4.0f} s  {verdict}{tail}")
    return result


def run(names: Sequence[str]) -> list[Result]:
    """Run scenarios, at most two at once, and return their results. Raises console.ToolError."""
    require_known(names)
    engine.up()
    images.ensure()
    console.step(f"Molecule scenarios: {', '.join(names)}")
    for folder in (LOGS, JUNIT):
        folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(run_scenario, names))


def main() -> int:
    """Run one Molecule action in the foreground: arguments are the scenario, the action and its options."""
    name, action, *options = sys.argv[1:]
    require_known([name])
    engine.up()
    images.ensure()
    JUNIT.mkdir(parents=True, exist_ok=True)
    return subprocess.call(molecule(action, name, *options), cwd=ROOT, env=scenario_environment(name))


if __name__ == "__main__":
    console.main(main)
