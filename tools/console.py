"""Progress lines, commands that report while they run, and failures that say what to do next."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HEARTBEAT_SECONDS = 15
TAIL_LINES = 30


class ToolError(Exception):
    """Something could not be done.

    message: what was tried and what came back; remedy: what the reader does next.
    """

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def step(text: str) -> None:
    """Announce a step."""
    print(f"==> {text}", flush=True)


def note(text: str) -> None:
    """Print a detail of the current step."""
    print(f"    {text}", flush=True)


def tail(log: Path) -> str:
    """Return the last lines of a log, '' where there is none."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-TAIL_LINES:])


def succeeds(*command: str | Path) -> bool:
    """Run a command silently; tell whether it is there and exits with 0."""
    try:
        done = subprocess.run(command, check=False, capture_output=True, stdin=subprocess.DEVNULL)
    except OSError:
        return False
    return done.returncode == 0


def watch(
    command: Sequence[str | Path],
    *,
    what: str,
    log: Path,
    remedy: str,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a long command: its output goes to a log, a sign of life to the terminal.

    what: the step in words, for the progress lines; env: added to the environment.
    Raises ToolError, with the end of the log, on a non-zero exit.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
        )
        try:
            while True:
                try:
                    status = process.wait(timeout=HEARTBEAT_SECONDS)
                    break
                except subprocess.TimeoutExpired:
                    note(f"… {what}: {time.monotonic() - began:.0f} s")
        except BaseException:
            process.terminate()
            process.wait()
            raise
    if status != 0:
        raise ToolError(f"{what}: {command[0]} ended with {status}\n{tail(log)}", f"{remedy} (log: {log})")
    note(f"{what}: done in {time.monotonic() - began:.0f} s")


def main(action: Callable[[], int | None]) -> None:
    """Run a tool's action and exit with its status; print a ToolError as an error with its remedy."""
    try:
        status = action()
    except ToolError as failure:
        sys.exit(f"\nerror: {failure}\nnext:  {failure.remedy}")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted; the same command goes on from here")
    sys.exit(status or 0)
