# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands that the app's own repository has for a release: to build it, and to migrate its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils import _hook, _release_seal, _release_shared
from ansible_collections.webstack.python.plugins.module_utils._account import give, owner
from ansible_collections.webstack.python.plugins.module_utils._instance_host import read_release
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout, ReleaseError


@dataclass(frozen=True)
class Surroundings:
    """What the commands of an app find.

    env: the app's environment. sandbox: strict, jit or off. timeout: seconds for each command.
    """

    env: Mapping[str, str] = field(default_factory=dict)
    sandbox: str = "strict"
    timeout: int = 600


def build(
    commands: Sequence[str],
    layout: Layout,
    release: str,
    shared: Sequence[str],
    surroundings: Surroundings,
) -> None:
    """Run the build commands in a release that nobody uses yet, and seal what they leave.

    release: its id; its code, its virtualenv's link and its links to what is shared are there.
    Raises ReleaseError where a command fails, or leaves what a release cannot have; OSError.
    """
    code = layout.code(release)
    give(code, layout.app)
    _run(commands, "build", layout, release, [code, *_shared(layout, shared)], surroundings)
    uid, _gid = owner(layout.app)
    virtualenv = (layout.release(release) / "venv").resolve()
    _release_seal.seal(code, uid, [layout.shared, virtualenv])
    _release_shared.refuse_replaced(shared, layout.shared, code)


def migrate(
    commands: Sequence[str],
    layout: Layout,
    release: str,
    shared: Sequence[str],
    surroundings: Surroundings,
) -> None:
    """Run the migrations in a release as it will run. Raises ReleaseError where one fails; OSError."""
    _run(commands, "migrate", layout, release, _shared(layout, shared), surroundings)


def _shared(layout: Layout, shared: Sequence[str]) -> list[Path]:
    return [layout.shared] if shared else []


def _run(
    commands: Sequence[str],
    kind: str,
    layout: Layout,
    release: str,
    writable: Sequence[Path],
    surroundings: Surroundings,
) -> None:
    try:
        context = _hook.Context(
            app=layout.app,
            user=layout.app,
            release=read_release(layout.code(release), layout.release(release) / "venv"),
            env=surroundings.env,
            sandbox=surroundings.sandbox,
            writable=tuple(writable),
            timeout=surroundings.timeout,
        )
        _hook.run_all(commands, context, kind)
    except (_hook.HookError, ValueError) as error:
        raise ReleaseError(str(error)) from error
