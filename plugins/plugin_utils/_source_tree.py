# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A source tree as it travels to a host: what is in it, its digest, and its archive."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import json
import os
import posixpath
import tarfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import IO

from ansible_collections.webstack.python.plugins.module_utils._release_layout import digest

NEVER = frozenset({".git", ".env", ".venv", "__pycache__"})
NEVER_ENDING = (".pyc", ".pyo")


class SourceError(Exception):
    """A source tree cannot be had; the text is for the user."""


@dataclass(frozen=True)
class Entry:
    """One file or symbolic link of a tree.

    path: relative, with slashes. content: the SHA-256 of a file, in hex; '' for a link.
    target: where a link leads; '' for a file. modified: seconds since the epoch.
    """

    path: str
    content: str = ""
    target: str = ""
    executable: bool = False
    modified: int = 0


@dataclass(frozen=True)
class Tree:
    """The entries of a source tree, and how the bytes of its files are read.

    origin: a folder, or an address without credentials. revision: a commit, a checksum, a version or None.
    """

    kind: str
    origin: str
    revision: str | None
    entries: tuple[Entry, ...]
    read: Callable[[str], bytes]

    @cached_property
    def files(self) -> dict[str, Entry]:
        """The files by their path; links are not among them."""
        return {entry.path: entry for entry in self.entries if not entry.target}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over the listing."""
        return digest(self.listing, length=64)

    @cached_property
    def listing(self) -> list[tuple[str, str, str, bool]]:
        """Names, content, links and executable bits in order; times do not count."""
        return sorted((entry.path, entry.content, entry.target, entry.executable) for entry in self.entries)

    def kinds(self, paths: Iterable[str]) -> dict[str, str]:
        """Return `file` or `folder` for each of the paths that is one; links are neither."""
        folders = {str(parent) for entry in self.entries for parent in PurePosixPath(entry.path).parents}
        return {
            path: "file" if path in self.files else "folder"
            for path in paths
            if path in self.files or path in folders
        }

    def pack(self, handle: IO[bytes]) -> None:
        """Write the tree as a tar.gz. Raises SourceError where a file is no longer what it was."""
        with (
            gzip.GzipFile(fileobj=handle, mode="wb", mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
        ):
            for entry in self.entries:
                self._add(tar, entry)

    def _add(self, tar: tarfile.TarFile, entry: Entry) -> None:
        member = tarfile.TarInfo(entry.path)
        member.mtime = entry.modified
        member.mode = 0o755 if entry.executable else 0o644
        if entry.target:
            member.type, member.linkname = tarfile.SYMTYPE, entry.target
            tar.addfile(member)
            return
        content = self.read(entry.path)
        if hashlib.sha256(content).hexdigest() != entry.content:
            raise self.changed(entry.path)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))

    def changed(self, path: str) -> SourceError:
        """Word that a run has found two versions of one of the tree's files."""
        ignore = "; where a run itself writes it, let .gitignore name it" if self.kind == "path" else ""
        return SourceError(f"{path} of {self.origin} was changed while it was read; run again{ignore}")


def make_tree(
    kind: str,
    origin: str,
    revision: str | None,
    entries: Iterable[Entry],
    read: Callable[[str], bytes],
    subfolder: str = "",
) -> Tree:
    """Return a tree of these entries, or of those in one folder of them.

    Raises SourceError where it is empty, or a link leads out of it.
    """
    if subfolder.strip("/"):
        return _subtree(kind, origin, revision, entries, read, subfolder.strip("/"))
    ordered = tuple(sorted(entries, key=lambda entry: entry.path))
    if not ordered:
        raise SourceError(
            f"there is nothing to deploy in {origin}: it is empty, or its .gitignore names all of it"
        )
    for entry in ordered:
        refuse_escape(entry, origin)
    return Tree(kind, origin, revision, ordered, read)


def _subtree(
    kind: str,
    origin: str,
    revision: str | None,
    entries: Iterable[Entry],
    read: Callable[[str], bytes],
    folder: str,
) -> Tree:
    inner = [
        replace(entry, path=entry.path.removeprefix(f"{folder}/"))
        for entry in entries
        if entry.path.startswith(f"{folder}/")
    ]
    if not inner:
        raise SourceError(f"{origin} has no files in the folder '{folder}'; check source.subfolder")
    place = f"{origin}#subdirectory={folder}"
    return make_tree(kind, place, revision, inner, lambda path: read(f"{folder}/{path}"))


def refuse_changed(tree: Tree, run: Path) -> None:
    """Raise SourceError, with the first file, where this run has read another tree from the place before.

    run: a folder that one run of a playbook, with all its forks, has for itself.
    """
    with (run / f"webstack-tree-{sha256(tree.origin.encode())}").open("a+", encoding="utf-8") as note:
        fcntl.flock(note, fcntl.LOCK_EX)
        note.seek(0)
        known = note.readline().rstrip("\n")
        if not known:
            note.write(f"{tree.digest}\n{json.dumps(tree.listing)}\n")
        elif known != tree.digest:
            before = set(map(tuple, json.loads(note.readline())))
            raise tree.changed(min(before.symmetric_difference(tree.listing))[0])


def travels(path: str) -> bool:
    """Tell whether a file of this relative path is part of a release at all."""
    return NEVER.isdisjoint(PurePosixPath(path).parts) and not path.endswith(NEVER_ENDING)


def refuse_escape(entry: Entry, origin: str) -> None:
    """Raise SourceError where a link leads out of its tree, by its text."""
    if not entry.target:
        return
    place = posixpath.normpath(posixpath.join(posixpath.dirname(entry.path), entry.target))
    if entry.target.startswith("/") or place == ".." or place.startswith("../"):
        raise SourceError(
            f"the link {entry.path} -> {entry.target} of {origin} leaves the source; "
            "make it point inside, or have .gitignore name it"
        )


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hex."""
    return hashlib.sha256(content).hexdigest()


def decode(path: bytes) -> str:
    """Return a path of Git's as Python has paths."""
    return os.fsdecode(path)
