# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source trees from a folder on the controller."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.webstack.python.plugins.plugin_utils._git import (
    GitError,
    GitMissing,
    git,
)
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import (
    Entry,
    SourceError,
    Tree,
    decode,
    make_tree,
    sha256,
    travels,
)


def collect(folder: Path) -> Tree:
    """Return the tree of a folder, without what its .gitignore names.

    folder: absolute. Raises SourceError, OSError.
    """
    if not folder.is_dir():
        raise SourceError(f"{folder} is not a folder of the controller; check source.path")
    entries = (_entry(folder, name) for name in sorted(set(_names(folder))) if travels(name))
    return make_tree("path", str(folder), None, entries, lambda name: (folder / name).read_bytes())


def _names(folder: Path) -> Iterable[str]:
    """Return the relative paths of all files and links that Git would not ignore."""
    try:
        if _in_work_tree(folder):
            # A file that was deleted and not yet committed is still among the cached ones.
            listed = _listed("-C", str(folder), "ls-files", "-z", "-c", "-o", "--exclude-standard")
            return [name for name in listed if os.path.lexists(folder / name)]
        if _has_ignore_file(folder):
            return _listed_without_repository(folder)
    except GitMissing:
        if _has_ignore_file(folder) or any(
            (parent / ".git").exists() for parent in [folder, *folder.parents]
        ):
            raise SourceError(
                f"{folder} has a .gitignore or belongs to a Git work tree, and the controller has no git "
                "to honour it; install git"
            ) from None
    return _walk(folder)


def _in_work_tree(folder: Path) -> bool:
    try:
        return git("-C", str(folder), "rev-parse", "--is-inside-work-tree").strip() == b"true"
    except GitError as error:
        if "not a git repository" in str(error):
            return False
        raise


def _listed(*command: str) -> list[str]:
    return [decode(name) for name in git(*command).split(b"\0") if name]


def _listed_without_repository(folder: Path) -> list[str]:
    """Let Git apply the .gitignore files of a folder that is no work tree."""
    with tempfile.TemporaryDirectory(prefix="webstack-git-") as empty:
        git("init", "--quiet", empty)
        repository = ("--git-dir", f"{empty}/.git", "--work-tree", str(folder), "-C", str(folder))
        return _listed(*repository, "ls-files", "-z", "-o", "--exclude-standard")


def _has_ignore_file(folder: Path) -> bool:
    return any(Path(name).name == ".gitignore" for name in _walk(folder))


def _walk(folder: Path) -> Iterator[str]:
    for parent, folders, files in os.walk(folder):
        links = [name for name in folders if os.path.islink(os.path.join(parent, name))]
        folders[:] = [name for name in folders if travels(name) and name not in links]
        for name in [*files, *links]:
            yield os.path.relpath(os.path.join(parent, name), folder)


def _entry(folder: Path, name: str) -> Entry:
    path = folder / name
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode):
        return Entry(name, target=os.readlink(path))
    if stat.S_ISDIR(status.st_mode):
        raise SourceError(
            f"{path} is a Git repository of its own inside the source; have .gitignore name it, "
            "or bring its files in without their .git"
        )
    if not stat.S_ISREG(status.st_mode):
        raise SourceError(
            f"{path} is neither a file, a folder nor a link; remove it, or have .gitignore name it"
        )
    return Entry(
        name,
        content=sha256(path.read_bytes()),
        executable=bool(status.st_mode & stat.S_IXUSR),
        modified=int(status.st_mtime),
    )
