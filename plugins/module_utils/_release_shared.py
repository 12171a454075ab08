# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What outlives the releases of an app: folders and files that it may write to."""

from __future__ import annotations

import contextlib
import grp
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from ansible_collections.webstack.python.plugins.module_utils._account import give
from ansible_collections.webstack.python.plugins.module_utils._release_code import safe_name
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError

FILE, FOLDER = "file", "folder"
NGINX = "www-data"  # the group of Nginx's workers, which each Debian has


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


def show(entries: Iterable[str], served: Iterable[str], shared: Path) -> None:
    """Let Nginx read what it serves of the shared entries, now and when the app adds to it.

    Its group gets the folders on the way and all that is below. What is made there has the group of its
    folder, which may read it by the app's umask. served: the folders of a release that Nginx serves.
    Raises OSError.
    """
    names = [PurePosixPath(entry) for entry in entries]
    group = grp.getgrnam(NGINX).gr_gid
    for folder in map(PurePosixPath, served):
        for name in names:
            if name in folder.parents:
                for parent in (name, *(each for each in folder.parents if name in each.parents)):
                    os.chown(shared / parent, -1, group, follow_symlinks=False)
                _show_tree(shared / folder, group)
            elif folder in (name, *name.parents):
                _show_tree(shared / name, group)


def _show_tree(top: Path, group: int) -> None:
    if top.is_file():
        os.chown(top, -1, group, follow_symlinks=False)
    for _folder, _folders, files, descriptor in os.fwalk(top):
        os.fchown(descriptor, -1, group)
        os.fchmod(descriptor, stat.S_IMODE(os.fstat(descriptor).st_mode) | stat.S_ISGID)
        for name in files:
            # The app goes on writing.
            with contextlib.suppress(FileNotFoundError):
                os.chown(name, -1, group, dir_fd=descriptor, follow_symlinks=False)


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
