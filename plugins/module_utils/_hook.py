# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run an app's own commands on its host: as its user, with its environment, in its sandbox.

A command runs in a unit of its own, so that nothing it starts outlives it, and so that the next
run finds and ends what a killed run left behind. An app has one such unit: hold the app's lock.
"""

from __future__ import annotations

import os
import pwd
import re
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ansible_collections.webstack.python.plugins.module_utils import _sandbox, _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import unnamed, write_text
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    Release,
    encode_environment,
    plain_places,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import mask, secrets_of
from ansible_collections.webstack.python.plugins.module_utils._redact import redact

ENVIRONMENTS = Path("run/webstack/.hook")  # no app can have that name
SHOWN = ("Result", "ExecMainCode", "ExecMainStatus", "InvocationID")
SHOWN_LINES = 30
SHOWN_COLUMNS = 500
KEPT_BYTES = 64 * 1024  # of the output; more is read, and forgotten
CHUNK = 16 * 1024
GRACE = 10  # seconds from the end of its time until a command is killed
SCRIPT = "WEBSTACK_HOOK"
# The command is in the environment alone: arguments are public on the host, systemd would put
# variables into them, and on standard input a command could read the rest of itself. The two
# dollar signs are systemd's for one. No variable of the shell's: the app may have one of its name.
STARTER = f'eval "unset {SCRIPT}; $${SCRIPT}"'
_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class HookError(Exception):
    """A command failed or could not be run; the text is for the user, without secrets."""


@dataclass(frozen=True)
class Context:
    """In whose name and in which surroundings an app's commands run.

    user: the app's unix user. release: what they run in; its code is the working directory, its
    virtualenv comes first in PATH. env: the app's environment. sandbox: strict, jit or off.
    writable: what they can write to, absolute paths that exist. timeout: seconds that each
    command has. more: variables beside the app's own. root: where the host's file systems start;
    another one in tests.
    """

    app: str
    user: str
    release: Release
    env: Mapping[str, str]
    sandbox: str
    writable: tuple[Path, ...] = ()
    timeout: int = 600
    more: Mapping[str, str] | None = None
    root: Path = Path("/")

    @property
    def unit(self) -> str:
        """The unit that a command of this app runs in."""
        return unit_name(self.app)

    @property
    def environment_file(self) -> Path:
        """The file through which the environment reaches the unit."""
        return environment_path(self.app, self.root)

    def environment(self) -> dict[str, str]:
        """Return the variables of a command: what an instance of the release has, by the same rules."""
        return {
            "PATH": f"{self.release.virtualenv}/bin:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": ":".join(map(str, self.release.pythonpath)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "WEBSTACK_APP": self.app,
            "WEBSTACK_RELEASE": self.release.name,
            **(self.more or {}),
            **self.env,
        }

    def properties(self) -> list[str]:
        """Return the unit's directives, NAME=VALUE. Raises ValueError for a path no unit can hold."""
        writable = plain_places(self.writable)
        read_only = [place for place in plain_places(self.release.places) if Path(place) not in self.writable]
        return [
            f"User={self.user}",
            f"WorkingDirectory={self.release.directory}",
            f"EnvironmentFile={self.environment_file}",
            f"RuntimeMaxSec={self.timeout}",
            f"TimeoutStopSec={GRACE}",
            f"SyslogIdentifier={self.app}",
            "UMask=0027",
            *_sandbox.directives(self.sandbox, " ".join(read_only), writable),
        ]


@dataclass(frozen=True)
class Outcome:
    """How a command ended.

    command: as a message may show it. status: its exit status; None where a signal ended it.
    signal: that signal's name, or empty. timed_out: whether it had no time left. seconds: how
    long it took. lines: the last lines of its output, without secrets.
    """

    command: str
    status: int | None
    signal: str
    timed_out: bool
    seconds: float
    lines: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Tell whether the command did its work."""
        return self.status == 0 and not self.timed_out

    def __str__(self) -> str:
        """Say how it ended, with its last lines: the rest of a sentence on what failed."""
        how = f"exit status {self.status}" if self.status is not None else f"killed by {self.signal}"
        if self.timed_out:
            how = "no end in its time"
        said = ["Its last lines:", *(f"    {line}" for line in self.lines)] if self.lines else []
        return "\n".join([f"{self.command!r}: {how} after {self.seconds:.1f} s", *said])


def run(command: str, context: Context) -> Outcome:
    """Run a command as `/bin/sh -ec` does, and wait for its end, which comes in its time.

    Raises HookError where it cannot be started, KeyError where there is no such user, ValueError
    for an environment or a path that cannot be written down, SystemdError, OSError. Whatever
    interrupts it, the command is ended.
    """
    clear(context.app, context.root)
    text = encode_environment({**context.environment(), SCRIPT: command})
    context.environment_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(context.environment_file, text, 0o600)
    started = time.monotonic()
    try:
        status, output = _execute(_command_line(context), pwd.getpwnam(context.user).pw_uid)
        seconds = time.monotonic() - started
        # systemd forgets a unit that ended well, and keeps one that did not.
        shown = _systemd.show(context.unit, *SHOWN) if status else {}
        if status and not output:
            # What systemd itself could not do is in the journal alone.
            output = "\n".join(_systemd.journal(shown["InvocationID"], SHOWN_LINES)).encode()
    finally:
        clear(context.app, context.root)
    return _outcome(command, context, status, shown, output, seconds)


def run_all(commands: Sequence[str], context: Context, kind: str) -> None:
    """Run commands one after the other.

    kind: what a message calls them, such as build. Raises HookError at the first that fails, and
    what run raises.
    """
    for number, command in enumerate(commands):
        outcome = run(command, context)
        if not outcome.ok:
            raise HookError(f"{kind}[{number}] failed: {outcome}")


def clear(app: str, root: Path = Path("/")) -> None:
    """End what a killed run may have left of an app's commands, and remove their environment."""
    # One that systemd has not loaded has nothing to stop.
    _systemd.run("systemctl", "stop", unit_name(app))
    _systemd.run("systemctl", "reset-failed", unit_name(app))
    for path in _environment_files(app, root):
        path.unlink(missing_ok=True)


def is_left(app: str, root: Path = Path("/")) -> bool:
    """Tell whether a command of the app is running, or a run was killed while one was."""
    return any(path.exists() for path in _environment_files(app, root))


def unit_name(app: str) -> str:
    """Return the name of the unit that an app's commands run in."""
    return f"webstack-hook-{app}.service"


def environment_path(app: str, root: Path = Path("/")) -> Path:
    """Return the file that holds the environment while a command runs; root alone reads it."""
    return root / ENVIRONMENTS / f"{app}.env"


def _environment_files(app: str, root: Path) -> tuple[Path, Path]:
    """Return the file with the environment, and where it is before it has its name."""
    path = environment_path(app, root)
    return path, unnamed(path)


def _command_line(context: Context) -> list[str]:
    return [
        "systemd-run",
        "--quiet",
        "--wait",
        "--pipe",
        f"--unit={context.unit}",
        f"--description={context.app}: a command of the app",
        "--service-type=exec",
        *(f"--property={directive}" for directive in context.properties()),
        "/bin/sh",
        "-ec",
        STARTER,
    ]


def _execute(command_line: Sequence[str], uid: int) -> tuple[int, bytes]:
    """Return the exit status and the end of all that was printed. uid: who may open /dev/stdout."""
    try:
        process = subprocess.Popen(
            command_line,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={"PATH": os.defpath, "LC_ALL": "C.UTF-8"},
        )
    except FileNotFoundError:
        raise HookError("systemd-run is not installed on this host") from None
    with process:
        try:
            output = _tail(process.stdout, uid)
            return process.wait(), output
        except BaseException:
            process.kill()
            raise


def _tail(stream: IO[bytes] | None, uid: int) -> bytes:
    kept = b""
    if stream is None:
        return kept
    os.fchown(stream.fileno(), uid, -1)
    while chunk := os.read(stream.fileno(), CHUNK):
        kept = (kept + chunk)[-KEPT_BYTES:]
    return kept


def _outcome(
    command: str,
    context: Context,
    status: int,
    shown: Mapping[str, str],
    output: bytes,
    seconds: float,
) -> Outcome:
    secrets = secrets_of(context.env)
    killed = shown.get("ExecMainCode") in ("2", "3")  # CLD_KILLED, CLD_DUMPED
    number = int(shown.get("ExecMainStatus") or 0)
    return Outcome(
        command=mask(redact(command), secrets),
        status=None if killed else (number or status),
        signal=signal.Signals(number).name if killed else "",
        timed_out=shown.get("Result") == "timeout",
        seconds=round(seconds, 2),
        lines=_last_lines(output, secrets),
    )


def _last_lines(output: bytes, secrets: frozenset[str]) -> tuple[str, ...]:
    text = mask(redact(_COLOURS.sub("", output.decode("utf-8", "replace"))), secrets)
    if len(output) == KEPT_BYTES:
        # What was cut off may have been the first half of a secret.
        text = text[max(map(len, secrets), default=0) :].partition("\n")[2]
    return tuple(line[-SHOWN_COLUMNS:] for line in text.splitlines()[-SHOWN_LINES:])
