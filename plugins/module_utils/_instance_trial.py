# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start an instance's units, and tell how one fares that does not do well."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._boot import Boot
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import mask
from ansible_collections.webstack.python.plugins.module_utils._probe import (
    Health,
    Unhealthy,
    wait_until_healthy,
)

JOURNAL_LINES = 80  # a traceback through Gunicorn alone has 40


class Refused(Exception):
    """The wanted instance was not made live; the text says why, for the user."""


class TakenBack(Refused):
    """The wanted instance was live, did badly, and gave its place back to the one before it."""


class Unproven(Exception):
    """The live instance does badly, and there is none that could take its place."""


@dataclass(frozen=True)
class Trial:
    """What it takes to start an instance of an app and see that it is well.

    secrets: values that no message may show.
    """

    paths: Paths
    instance: str
    health: Health
    secrets: frozenset[str]

    def launch(self, unit: str, phase: str) -> None:
        """Start a unit. phase: rehearsal or start, for the message. Raises Refused."""
        try:
            _systemd.systemctl("start", unit)
        except _systemd.SystemdError:
            raise self.refusal(phase, f"systemd could not start {unit}", unit) from None

    def wait(self, service: str, socket: Path, phase: str) -> None:
        """Return once the service that was started is well. Raises Refused with its last words."""
        shown = _systemd.show(service, "MainPID", "InvocationID")
        pid = int(shown["MainPID"])
        try:
            wait_until_healthy(socket, self.health, Boot(pid).trouble, lambda text: mask(text, self.secrets))
        except Unhealthy as error:
            raise self.refusal(phase, str(error), service, shown["InvocationID"]) from None

    def refusal(self, phase: str, reason: str, unit: str, invocation: str = "") -> Refused:
        """Return what is to be raised, with the unit's last lines. invocation: the last one by default."""
        lines = _systemd.journal(
            invocation or _systemd.show(unit, "InvocationID")["InvocationID"], JOURNAL_LINES
        )
        journal = ["The last lines of its journal:", *(f"    {line}" for line in lines)] if lines else []
        verdict = "was refused at its rehearsal" if phase == "rehearsal" else "did not start"
        return Refused(
            "\n".join([f"{self.paths.app}: instance {self.instance} {verdict}: {reason}", *journal])
        )
