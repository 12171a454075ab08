# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The few calls to systemd that the modules share."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass


class SystemdError(Exception):
    """A call to systemd failed; the text is the command with what it printed."""


@dataclass(frozen=True)
class Completed:
    """What a command left: its exit status and all that it printed."""

    status: int
    output: str


def run(*command: str, timeout: float | None = None) -> Completed:
    """Run a command without a shell, standard error joined to its output.

    timeout: seconds, None for none. Raises SystemdError where the command is not there or
    does not end in time.
    """
    try:
        done = subprocess.run(
            command,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            encoding="utf-8",
            errors="replace",
        )
    except FileNotFoundError:
        raise SystemdError(f"{command[0]} is not installed on this host") from None
    except subprocess.TimeoutExpired:
        raise SystemdError(f"{' '.join(command)}: no end after {timeout} s") from None
    return Completed(done.returncode, done.stdout)


def systemctl(*arguments: str) -> str:
    """Run systemctl and return what it printed. Raises SystemdError on a non-zero exit."""
    done = run("systemctl", *arguments)
    if done.status != 0:
        raise SystemdError(f"systemctl {' '.join(arguments)}: {done.output.strip()}")
    return done.output


def show(unit: str, *properties: str) -> dict[str, str]:
    """Return properties of a unit as systemd prints them ('' for those it does not have)."""
    text = systemctl("show", unit, *(f"--property={name}" for name in properties))
    found = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name: found.get(name, "") for name in properties}


def is_active(unit: str) -> bool:
    """Tell whether systemd calls the unit active."""
    return show(unit, "ActiveState")["ActiveState"] == "active"


def journal(invocation: str, lines: int = 40) -> list[str]:
    """Return the last lines that one run of a unit wrote to the journal.

    invocation: the unit's InvocationID; an empty one gives no lines.
    """
    if not invocation:
        return []
    run("journalctl", "--sync")
    done = run(
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=cat",
        f"--lines={lines}",
        f"_SYSTEMD_INVOCATION_ID={invocation}",
        "+",
        f"INVOCATION_ID={invocation}",
    )
    return done.output.splitlines()


def unit_journal(unit: str, lines: int = 40) -> list[str]:
    """Return the last lines of a unit's journal, over all of its runs."""
    run("journalctl", "--sync")
    done = run("journalctl", "--quiet", "--no-pager", "--output=cat", f"--lines={lines}", f"--unit={unit}")
    return done.output.splitlines()


def matching_journal(invocation: str, pattern: str) -> list[str]:
    """Return the lines of one run of a unit in which a regular expression is found.

    invocation: the unit's InvocationID.
    """
    done = run(
        "journalctl",
        "--quiet",
        "--no-pager",
        "--output=cat",
        f"--grep={pattern}",
        f"_SYSTEMD_INVOCATION_ID={invocation}",
    )
    return done.output.splitlines()


def daemon_reload() -> None:
    """Let systemd read its unit files again."""
    systemctl("daemon-reload")


def stop(units: Iterable[str]) -> None:
    """Stop units and wait for their end; none given is nothing to do."""
    names = list(units)
    if names:
        systemctl("stop", *names)


def show_all(patterns: Iterable[str], *properties: str) -> list[dict[str, str]]:
    """Return properties of all units that match; of a pattern, the ones systemd has loaded."""
    text = systemctl("show", *patterns, *(f"--property={name}" for name in properties))
    blocks = (block.splitlines() for block in text.split("\n\n"))
    return [dict(line.split("=", 1) for line in block if "=" in line) for block in blocks if block]
