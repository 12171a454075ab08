# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files that are written whole: what changed, and how it is put in place."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

MARKER = "Managed by webstack.python"
# Of renameat2, which Python does not have: relative paths start at the working directory; see rename(2).
AT_FDCWD, RENAME_EXCHANGE = -100, 2
LOCKS = Path("run/webstack/.lock")  # no app can have that name


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
    the name points to it. Raises OSError that names the file.
    """
    temporary = _cleared(path)
    try:
        with naming(path), open(temporary, "x", encoding="utf-8", opener=_open_for_us) as handle:
            handle.write(text)
            handle.flush()
            os.fchown(handle.fileno(), uid, gid)
            os.fchmod(handle.fileno(), mode)
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        _discard(temporary)
        raise


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError of the block name a file: a full disk shows at the writing, which knows no name."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            # No answer of the system, but a library's word on what it has read.
            raise
        raise OSError(error.errno, error.strerror, str(path)) from None


def replace_link(link: Path, target: str) -> None:
    """Point a symbolic link at a target in one step. Raises OSError."""
    temporary = _cleared(link)
    temporary.symlink_to(target)
    os.replace(temporary, link)


def exchange(one: Path, other: Path) -> bool:
    """Let two names change places in one step; False where the file system cannot. Raises OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.renameat2(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0:
        return True
    code = ctypes.get_errno()
    if code in (errno.EINVAL, errno.ENOSYS):
        return False
    raise OSError(code, os.strerror(code), str(one))


def unnamed(path: Path) -> Path:
    """Return where a file is before it has its name.

    Always the same place, so that what a killed run left is gone when the file is written again.
    """
    return path.with_name(f".{path.name}.new")


def _cleared(path: Path) -> Path:
    """Return where a file is before it has its name, with nothing there."""
    temporary = unnamed(path)
    _discard(temporary)
    return temporary


def _discard(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink()


def _open_for_us(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class Locked(Exception):
    """Another run holds the lock; the text says which file, and who runs it since when."""


def lock_path(name: str, root: Path = Path("/")) -> Path:
    """Return the file to lock for what is named: `nginx`, or `app-` and an app's name.

    root: where the host's file systems start; another one in tests.
    """
    return root / LOCKS / f"{name}.lock"


@contextlib.contextmanager
def lock(path: Path, by: str = "") -> Iterator[None]:
    """Hold an exclusive flock for the block; a killed process leaves none behind.

    The folder is made for root alone, so that nobody else can hold a run up. Whoever holds the
    lock may delete its file. Raises Locked at once when another process holds it.

    by: the person that others are told holds it; empty where that is not known.
    """
    _make_lock_folder(path.parent)
    while True:
        with path.open("a+", encoding="utf-8") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = _read_holder(handle)
                raise Locked(
                    f"another run{holder} holds {path}; wait for it to end, then run again"
                ) from None
            if not _is_open(path, handle.fileno()):
                # Its holder deleted it just before: the next run would lock another file.
                continue
            _write_holder(handle, by)
            try:
                yield
            finally:
                handle.truncate(0)
            return


def _write_holder(handle: TextIO, by: str) -> None:
    handle.truncate(0)
    json.dump({"by": by, "since": now(), "pid": os.getpid()}, handle)
    handle.flush()


def _read_holder(handle: TextIO) -> str:
    """Say who holds a lock; nothing where the holder has not written it down yet."""
    handle.seek(0)
    try:
        holder = json.load(handle)
    except ValueError:
        return ""
    person = f" of {holder['by']}" if holder["by"] else ""
    return f"{person} (pid {holder['pid']}, since {holder['since']})"


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def _make_lock_folder(folder: Path) -> None:
    if not folder.parent.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        # Nginx passes through it to the apps' sockets, whatever the umask.
        folder.parent.chmod(0o755)
    folder.mkdir(mode=0o700, exist_ok=True)


def _is_open(path: Path, descriptor: int) -> bool:
    """Tell whether a path still leads to the file that is open."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
