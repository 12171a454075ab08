# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""From what is wanted to a release on the disk, and to the pointer that names it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import (
    _account,
    _hook,
    _release_code,
    _release_hooks,
    _release_shared,
    _release_static,
    _release_virtualenv,
)
from ansible_collections.webstack.python.plugins.module_utils._files import replace_link
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    LAYOUT_VERSION,
    Layout,
    Release,
    ReleaseError,
    digest,
    is_managed,
    make_directories,
    pointed_release,
    read_release,
    write_release,
)
from ansible_collections.webstack.python.plugins.module_utils._release_virtualenv import (
    Dependencies,
    Interpreter,
    Uv,
)


@dataclass(frozen=True)
class Source:
    """Where a source tree came from.

    kind: path, git, archive or package. origin: a place, without credentials. tree: its digest.
    """

    kind: str
    origin: str
    revision: str | None
    tree: str


@dataclass(frozen=True)
class Builder:
    """Who builds: the person and machine of the controller, and the user of the connection."""

    controller: str
    remote_user: str


@dataclass(frozen=True)
class Plan:
    """One release of one app on this host, and what it still lacks.

    shipped: which of the shared entries the source tree has, as file or folder. commands: those
    that build the release. surroundings: what they find. static: folders of its code that Nginx serves.
    """

    layout: Layout
    source: Source
    interpreter: Interpreter
    dependencies: Dependencies
    uv: Uv
    shared: list[str]
    shipped: Mapping[str, str]
    commands: Sequence[str]
    surroundings: _release_hooks.Surroundings
    static: Sequence[str] = ()

    @property
    def virtualenv(self) -> str:
        """The key of the release's virtualenv."""
        return _release_virtualenv.key(self.interpreter, self.dependencies, self.uv)

    @property
    def id(self) -> str:
        """The release's id: a digest of what goes in, so that the same inputs are the same release.

        The commands are among it, what they find in the environment is not: a new secret is a new
        instance of the same release. Folders that Nginx serves are, as what is compressed follows from them.
        """
        parts: list[Any] = [LAYOUT_VERSION, self.source.tree, self.virtualenv, sorted(self.shared)]
        if self.commands:
            parts.append(list(self.commands))
        if self.static:
            parts.append({"static": sorted(set(self.static))})
        return digest(parts)

    def resolution(self) -> str:
        """Return the name of what is to be resolved, '' where nothing is; hosts that share it are alike."""
        if not self.wants_virtualenv():
            return ""
        return _release_virtualenv.resolution(self.layout.app, self.interpreter, self.dependencies, self.uv)

    def wants_account(self) -> bool:
        """Tell whether the app's user is missing. Raises AccountError where it is someone else's."""
        return not _account.exists(self.layout.app)

    def wants_directories(self) -> bool:
        """Tell whether the app's directory is missing. Raises ReleaseError where it is not ours."""
        return not is_managed(self.layout)

    def wants_code(self) -> bool:
        """Tell whether the release has yet to be unpacked."""
        return read_release(self.layout.release(self.id)) is None

    def wants_virtualenv(self) -> bool:
        """Tell whether the virtualenv has yet to be made."""
        return not _release_virtualenv.is_complete(self.layout.virtualenv(self.virtualenv))

    def wants_shared(self) -> list[str]:
        """Return the shared entries that are missing. Raises ReleaseError for a wrong one."""
        return _release_shared.missing(self.shared, self.layout.shared, self.shipped)

    def wants_pointer(self) -> bool:
        """Tell whether the pointer names another release, or none."""
        try:
            return os.readlink(self.layout.pointer) != self._pointer()
        except OSError:
            return True

    def wants_repair(self) -> bool:
        """Tell whether a killed run may have left a command of the app running."""
        return _hook.is_left(self.layout.app)

    def wants(self) -> bool:
        """Tell whether anything is missing. Raises AccountError, ReleaseError."""
        # A list, not a chain of `or`: whatever is to be refused is refused now.
        return any(
            [
                self.wants_repair(),
                self.wants_account(),
                self.wants_directories(),
                self.wants_shared(),
                self.wants_code(),
                self.wants_virtualenv(),
                self.wants_pointer(),
            ]
        )

    def describe(self, builder: Builder) -> Release:
        """Return the release's record, as built now."""
        return Release(
            id=self.id,
            app=self.layout.app,
            source=self.source.kind,
            origin=self.source.origin,
            revision=self.source.revision,
            tree=self.source.tree,
            lock=self.dependencies.lock,
            virtualenv=self.virtualenv,
            python=self.interpreter.version,
            shared=sorted(self.shared),
            built_at=datetime.now(timezone.utc).isoformat(timespec="milliseconds"),
            built_by=builder.controller,
            remote_user=builder.remote_user,
        )

    def point(self) -> None:
        """Let the pointer name this release. Raises OSError."""
        replace_link(self.layout.pointer, self._pointer())

    def _pointer(self) -> str:
        return f"releases/{self.id}"


class Steps:
    """What was done, and how many seconds each step took."""

    def __init__(self) -> None:
        self.taken: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Note the block as a step."""
        start = time.monotonic()
        yield
        self.taken.append({"step": name, "seconds": round(time.monotonic() - start, 3)})


def build(plan: Plan, builder: Builder, archive: Path | None, steps: Steps) -> None:
    """Make what the plan lacks, and point to its release; a build that fails leaves none.

    archive: the packed source tree; needed where plan.wants_code().
    Raises AccountError, ReleaseError, OSError, tarfile.TarError.
    """
    layout = plan.layout
    if plan.wants_repair():
        # It would go on writing to what is built anew here.
        with steps.step("repair"):
            _hook.clear(layout.app)
    if plan.wants_directories():
        with steps.step("directories"):
            make_directories(layout)
    if plan.wants_account():
        with steps.step("user"):
            _account.create(layout.app, layout.directory)
    if plan.wants_code():
        _build_release(plan, builder, archive, steps)
    else:
        _complete_release(plan, layout.code(plan.id), steps)
    if plan.wants_pointer():
        with steps.step("pointer"):
            plan.point()


def failure(layout: Layout, said: str) -> str:
    """Return the message of a failed build: what went wrong, in these words, and what stays as it was."""
    pointed = pointed_release(layout)
    kept = (
        f"Nothing that runs was touched; release {pointed.id} stays the one to run."
        if pointed
        else "No release was made."
    )
    return f"{layout.app}: {said}\n{kept}"


def _build_release(plan: Plan, builder: Builder, archive: Path | None, steps: Steps) -> None:
    if archive is None:
        raise ReleaseError("the source tree was not sent along; call the module through its action plugin")
    layout = plan.layout
    release = layout.release(plan.id)
    shutil.rmtree(release, ignore_errors=True)
    shared, virtualenv = plan.wants_shared(), plan.wants_virtualenv()
    try:
        # In its place, as commands write down where they are; without its record it is not whole.
        release.mkdir(parents=True)
        code = release / "code"
        with steps.step("unpack"):
            _release_code.unpack(archive, code)
        _complete_release(plan, code, steps)
        _release_shared.link(plan.shared, layout.shared, code)
        (release / "venv").symlink_to(f"../../venvs/{plan.virtualenv}")
        if plan.commands:
            with steps.step("build"):
                _release_hooks.build(plan.commands, layout, plan.id, plan.shared, plan.surroundings)
        if plan.static:
            _release_shared.show(plan.shared, plan.static, layout.shared)
            with steps.step("compress"):
                _release_static.compress(code, plan.static)
        with steps.step("compile"):
            _release_code.compile_code(layout.virtualenv(plan.virtualenv) / "bin/python", code)
        write_release(release, plan.describe(builder))
    except BaseException:
        shutil.rmtree(release, ignore_errors=True)
        _release_shared.discard(shared, layout.shared)
        if virtualenv:
            shutil.rmtree(layout.virtualenv(plan.virtualenv), ignore_errors=True)
        raise


def _complete_release(plan: Plan, code: Path, steps: Steps) -> None:
    """Make the virtualenv and the shared entries that the release leads to."""
    layout = plan.layout
    if plan.wants_virtualenv():
        with steps.step("virtualenv"):
            _release_virtualenv.build(
                layout.virtualenv(plan.virtualenv), plan.interpreter, plan.dependencies, plan.uv, code
            )
    missing = plan.wants_shared()
    if missing:
        with steps.step("shared"):
            _release_shared.make(missing, layout.shared, code, layout.app)
