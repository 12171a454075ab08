# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folders of a release that Nginx serves: their text is compressed once, and not for each visitor."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import naming
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.webstack.python.plugins.module_utils._release_virtualenv import (
    NO_LONGER_THAN_US,
    SEARCH_PATH,
)

# Below that a response is one packet anyway.
LEAST_BYTES = 1024
TEXT = frozenset(
    f".{ending}"
    for ending in (
        *("atom", "css", "csv", "geojson", "htm", "html", "ics", "js", "json", "jsonld", "map", "md", "mjs"),
        *("rss", "svg", "txt", "vtt", "webmanifest", "xhtml", "xml"),
    )
)
_AT_ONCE = 50  # files that one brotli is given


def compress(code: Path, folders: Iterable[str]) -> None:
    """Put a .gz beside each text file of a release's folders, and a .br where the host has brotli.

    What is there already stays, and what would not be smaller is left out. code: the source tree, that nobody
    but root can write to. Raises ReleaseError where brotli fails, OSError.
    """
    files = sorted(set(_text_files(code, folders)))
    for file in files:
        _gzip(file)
    brotli = shutil.which("brotli", path=SEARCH_PATH)
    if brotli:
        _brotli(brotli, [file for file in files if not os.path.lexists(_beside(file, ".br"))])


def _text_files(code: Path, folders: Iterable[str]) -> Iterator[Path]:
    top = code.resolve()
    for folder in folders:
        start = (top / folder).resolve()
        if top not in (start, *start.parents):
            # It is shared, and changes while the release stays.
            continue
        for parent, _folders, names in os.walk(start):
            for name in names:
                path = Path(parent, name)
                status = path.lstat()
                if (
                    path.suffix.lower() in TEXT
                    and stat.S_ISREG(status.st_mode)
                    and status.st_size >= LEAST_BYTES
                ):
                    yield path


def _gzip(file: Path) -> None:
    target = _beside(file, ".gz")
    if os.path.lexists(target):
        return
    # Neither name nor time in it: the same file is the same bytes in each release, and on each host.
    with (
        naming(target),
        file.open("rb") as plain,
        target.open("xb") as raw,
        gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed,
    ):
        shutil.copyfileobj(plain, packed)
    _keep_if_smaller(target, file)


def _brotli(program: str, files: list[Path]) -> None:
    for first in range(0, len(files), _AT_ONCE):
        some = files[first : first + _AT_ONCE]
        done = subprocess.run(
            (*NO_LONGER_THAN_US, program, "--best", "--keep", *map(str, some)),
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode != 0:
            raise ReleaseError(f"brotli failed (exit {done.returncode}): {done.stdout.strip()[-500:]}")
        for file in some:
            _keep_if_smaller(_beside(file, ".br"), file)


def _beside(file: Path, ending: str) -> Path:
    return file.with_name(f"{file.name}{ending}")


def _keep_if_smaller(target: Path, file: Path) -> None:
    """Give a compressed file the mode and the times of the plain one, or remove it."""
    status = file.stat()
    if target.stat().st_size >= status.st_size:
        target.unlink()
        return
    target.chmod(0o644)
    # Nginx makes Last-Modified and ETag of it: an unchanged stylesheet stays cached.
    os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
