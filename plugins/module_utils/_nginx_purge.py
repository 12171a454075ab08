# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What others have put where Debian's nginx.conf looks for sites, and the way out of there.

Files of modules-enabled stay: they say what nginx can do, not what it serves.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import unnamed

# Sites are the first to go: they name upstreams and log formats of conf.d.
FOLDERS = {"sites-enabled": "*", "conf.d": "*.conf"}


@dataclass(frozen=True)
class Stranger:
    """A file that is not the collection's. content: its bytes, or where it leads to as a link."""

    content: bytes
    is_link: bool = False
    readable: bool = True  # for everyone

    @property
    def text(self) -> str:
        """What a diff shows: no password that not everyone may read."""
        text = self.content.decode("utf-8", "replace")
        if self.is_link:
            return f"-> {text}\n"
        return text if self.readable else "(not everyone may read it)\n"


def strangers(nginx: Path, ours: Iterable[Path]) -> dict[str, Stranger]:
    """Return what nginx reads in FOLDERS beside the files that are ours, by path below /etc/nginx."""
    own = set(ours)
    found = {}
    for folder, pattern in FOLDERS.items():
        for path in sorted((nginx / folder).glob(pattern), reverse=True):
            stranger = None if path.name.startswith(".") or path in own else _read(path)
            if stranger:
                found[f"{folder}/{path.name}"] = stranger
    return found


def take_out(nginx: Path, store: Path, found: Mapping[str, Stranger]) -> None:
    """Move strangers to the store; a run that was killed on the way leaves each in one place at least."""
    for name, stranger in found.items():
        place = _place(store, name, stranger)
        if not os.path.lexists(place):
            _copy(nginx / name, place)
        (nginx / name).unlink()


def put_back(nginx: Path, store: Path, found: Mapping[str, Stranger]) -> None:
    """Undo take_out, also one that did not come to its end."""
    for name, stranger in found.items():
        if not os.path.lexists(nginx / name):
            place = _place(store, name, stranger)
            _copy(place, nginx / name)
            place.unlink()
    for folder in (*(store / name for name in FOLDERS), store):
        with contextlib.suppress(OSError):
            folder.rmdir()


def _read(path: Path) -> Stranger | None:
    if path.is_symlink():
        return Stranger(os.fsencode(os.readlink(path)), is_link=True)
    if not path.is_file():
        return None
    return Stranger(path.read_bytes(), readable=bool(path.stat().st_mode & stat.S_IROTH))


def _place(store: Path, name: str, stranger: Stranger) -> Path:
    """Return where the store has a stranger, or will have it: an earlier one of its name is not lost."""
    place, number = store / name, 0
    while os.path.lexists(place) and _read(place) != stranger:
        number += 1
        place = store / f"{name}.{number}"
    return place


def _copy(source: Path, target: Path) -> None:
    """Copy a file or a link with its owner and mode, in one step."""
    temporary = unnamed(target)
    with contextlib.suppress(FileNotFoundError):
        temporary.unlink()
    for folder in (target.parent.parent, target.parent):
        # Some have passwords for upstreams in their files.
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copy2(source, temporary, follow_symlinks=False)
    known = os.lstat(source)
    os.chown(temporary, known.st_uid, known.st_gid, follow_symlinks=False)
    if not temporary.is_symlink():
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
    os.replace(temporary, target)
