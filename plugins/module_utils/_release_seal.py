# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source tree that the app's user could write in becomes root's, whatever is in it.

Each folder is root's before it is read, and is reached through the folder above it: so nobody can
put a link where root is about to change a file.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError

FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
BYTECODE = "__pycache__"


def seal(directory: Path, uid: int, allowed: Iterable[Path]) -> None:
    """Give a tree to root, folders and programs 0755, other files 0644; sockets and pipes are removed.

    uid: whose the tree was. allowed: where links may lead besides the tree itself.
    Raises ReleaseError for a link that leads elsewhere, or a file that has another name outside.
    """
    links: list[Path] = []
    descriptor = os.open(directory, FOLDER)
    try:
        _seal_folder(descriptor, directory, uid, set(), links)
    finally:
        os.close(descriptor)
    places = [os.path.realpath(place) for place in (directory, *allowed)]
    for link in links:
        _refuse_escape(link, directory, places)


def _seal_folder(
    descriptor: int, path: Path, uid: int, sealed: set[tuple[int, int]], links: list[Path]
) -> None:
    os.fchown(descriptor, 0, 0)
    os.fchmod(descriptor, 0o755)
    for name in sorted(os.listdir(descriptor)):
        status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        kind = status.st_mode
        if stat.S_ISDIR(kind):
            with _opened(name, descriptor) as child:
                _seal_folder(child, path / name, uid, sealed, links)
        elif stat.S_ISREG(kind):
            _refuse_foreign(status, path / name, uid, sealed)
            os.chown(name, 0, 0, dir_fd=descriptor, follow_symlinks=False)
            os.chmod(name, 0o755 if kind & stat.S_IXUSR else 0o644, dir_fd=descriptor)
        elif stat.S_ISLNK(kind) and name != BYTECODE:
            os.chown(name, 0, 0, dir_fd=descriptor, follow_symlinks=False)
            links.append(path / name)
        else:
            # Bytecode is written by root later on, and not through a link.
            os.unlink(name, dir_fd=descriptor)


@contextlib.contextmanager
def _opened(name: str, folder: int) -> Iterator[int]:
    descriptor = os.open(name, FOLDER, dir_fd=folder)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _refuse_foreign(status: os.stat_result, path: Path, uid: int, sealed: set[tuple[int, int]]) -> None:
    """Let no name of the tree be another name of a file that was never the app's."""
    file = (status.st_dev, status.st_ino)
    if status.st_nlink > 1 and status.st_uid != uid and file not in sealed:
        raise ReleaseError(f"build left {path}, which is another name of a file that is not the app's")
    sealed.add(file)


def _refuse_escape(link: Path, directory: Path, places: Iterable[str]) -> None:
    target = os.path.realpath(link)
    if not any(os.path.commonpath([place, target]) == place for place in places):
        raise ReleaseError(
            f"build left the link {link.relative_to(directory)} -> {os.readlink(link)}, which leaves the "
            "release; let it lead into the code, the virtualenv or what is shared"
        )
