# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written whole: what changed, and how it is put in place."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

MARKER = "Managed by webstack.python"


def read_text(path: Path) -> str | None:
    """Return the file's text, or None where there is no such file."""
    try:
        # Not read_text, which would turn every kind of line end into one.
        return path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        return None


def is_ours(path: Path) -> bool:
    """Tell whether a file carries the collection's marker, or is not there at all."""
    text = read_text(path)
    return text is None or MARKER in text


def write_text(path: Path, text: str, mode: int = 0o644, uid: int = 0, gid: int = 0) -> None:
    """Replace a file in one step, so that a reader sees the old text or the new one.

    The new file has its owner and mode before it has its name, and is on the disk before
    the name points to it. Raises OSError.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            handle.write(text)
            handle.flush()
            os.fchown(descriptor, uid, gid)
            os.fchmod(descriptor, mode)
            os.fsync(descriptor)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def replace_link(link: Path, target: str) -> None:
    """Point a symbolic link at a target in one step. Raises OSError."""
    temporary = link.parent / f".{link.name}.{os.getpid()}"
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    temporary.symlink_to(target)
    os.replace(temporary, link)


class Locked(Exception):
    """Another run holds the lock; the text says which file."""


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Hold an exclusive flock for the block; a killed process leaves none behind.

    Raises Locked at once when another process holds it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Locked(f"another run holds {path}; wait for it to end, then run again") from None
        yield
