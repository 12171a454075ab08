# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlives the releases of an app: folders and files that it may write to."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ansible_collections.webstack.python.plugins.module_utils._account import give
from ansible_collections.webstack.python.plugins.module_utils._release_code import safe_name
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError

FILE, FOLDER = "file", "folder"


def missing(entries: Iterable[str], shared: Path, shipped: Mapping[str, str]) -> list[str]:
    """Return the entries that are not there yet.

    shipped: FILE or FOLDER for each entry that the release ships.
    Raises ReleaseError for an unsafe name, one that lies in another, or one that is a file here
    and a folder there.
    """
    names = [safe_name(entry) for entry in entries]
    for name in names:
        if any(str(parent) in names for parent in PurePosixPath(name).parents):
            raise ReleaseError(f"shared: '{name}' lies in another shared entry; leave it out")
        if os.path.islink(shared / name) and not os.path.exists(shared / name):
            raise ReleaseError(
                f"shared: '{name}' leads to {os.readlink(shared / name)}, which is not there; bring it back "
                f"(is a file system not mounted?), or remove the link {shared / name}"
            )
        here, there = _kind(shared / name), shipped.get(name, "")
        if here and there and here != there:
            raise ReleaseError(
                f"shared: '{name}' is a {there} in this release, but {shared / name} is a {here}; "
                f"rename the {there}, or move the {here} away"
            )
    return [name for name in names if not _kind(shared / name)]


def make(entries: Iterable[str], shared: Path, code: Path, app: str) -> None:
    """Make shared entries for the app's user: with what the release ships, else an empty folder.

    Raises OSError.
    """
    for entry in entries:
        path, source = shared / entry, code / entry
        staged = path.with_name(f".{path.name}.new")
        _remove(staged)
        path.parent.mkdir(parents=True, exist_ok=True)
        if source.is_file() and not source.is_symlink():
            shutil.copyfile(source, staged)
            staged.chmod(0o640)
        elif source.is_dir() and not source.is_symlink():
            shutil.copytree(source, staged, symlinks=True)
            staged.chmod(0o750)
        else:
            staged.mkdir()
            staged.chmod(0o750)
        give(staged, app)
        os.rename(staged, path)


def discard(entries: Iterable[str], shared: Path) -> None:
    """Remove shared entries that were made for a release that is not to be. Raises OSError."""
    for entry in entries:
        _remove(shared / entry)


def link(entries: Iterable[str], shared: Path, code: Path) -> None:
    """Put links to the shared entries into a source tree, in their place if it ships them.

    The links are relative, and right in any release. Raises OSError.
    """
    for entry in entries:
        path = code / entry
        _remove(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(_target(entry, shared, code))


def refuse_replaced(entries: Iterable[str], shared: Path, code: Path) -> None:
    """Raise ReleaseError where an entry's link in a source tree is no longer what was put there."""
    for entry in entries:
        with contextlib.suppress(OSError):
            if os.readlink(code / entry) == _target(entry, shared, code):
                continue
        raise ReleaseError(
            f"build put something else in the place of the shared '{entry}'; let it write into it, or take "
            "the entry out of shared"
        )


def _target(entry: str, shared: Path, code: Path) -> str:
    return os.path.relpath(shared / entry, (code / entry).parent)


def _kind(path: Path) -> str:
    return FOLDER if path.is_dir() else FILE if path.is_file() else ""


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
