# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""An app's own commands before and after a swap."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import _hook, _systemd
from ansible_collections.webstack.python.plugins.module_utils._instance import Release
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused

TIMEOUT = 60  # seconds that each command has


@dataclass(frozen=True)
class Notify:
    """The commands around one swap, and in which surroundings they run."""

    commands: Mapping[str, Sequence[str]]
    context: _hook.Context

    def before(self) -> None:
        """Run the commands before the switch. Raises Refused where one fails."""
        try:
            _hook.run_all(self.commands["before"], self.context, "notify.before")
        except (_hook.HookError, ValueError) as error:
            raise Refused(f"{self.context.app}: {error}") from None

    def after(self, warn: Callable[[str], None]) -> None:
        """Run the commands after the switch; of one that fails, warn is told."""
        try:
            _hook.run_all(self.commands["after"], self.context, "notify.after")
        except (_hook.HookError, ValueError, OSError, _systemd.SystemdError) as error:
            warn(f"{self.context.app}: the switch is done, but {error}")


def make_notify(
    params: Mapping[str, Any],
    user: str,
    release: Release,
    env: Mapping[str, str],
    *,
    instance: str,
    previous: str | None,
    action: str,
) -> Notify:
    """Return the commands that the module's options name, for one swap.

    instance: the one that is to be live. previous: the one that is live until then. action:
    deploy, rollback or take-back.
    """
    return Notify(
        commands=params["notify"],
        context=_hook.Context(
            app=params["name"],
            user=user,
            release=release,
            env=env,
            sandbox=params["sandbox"],
            writable=tuple(Path(path) for path in params["writable"]),
            timeout=TIMEOUT,
            more={
                "WEBSTACK_INSTANCE": instance,
                "WEBSTACK_PREVIOUS": previous or "",
                "WEBSTACK_ACTION": action,
            },
        ),
    )
