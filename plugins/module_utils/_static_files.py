# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a release that a proxy on another host serves: found, known by a digest, and packed."""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import naming


def find(code: Path, folders: Iterable[str]) -> dict[str, Path]:
    """Return the files in some folders of a release: where they are, by their paths relative to the code.

    What a link leads to counts as lying where the link is, as for Nginx; what is not of the code is left out.
    Raises OSError.
    """
    top = code.resolve()
    return {name: path for folder in folders for name, path in _walk(top, folder.rstrip("/"), ())}


def _walk(top: Path, name: str, above: tuple[Path, ...]) -> Iterator[tuple[str, Path]]:
    place = (top / name).resolve()
    if top not in (place, *place.parents) or place in above:
        # It is shared or of the virtualenv, or a link to a folder that it lies in.
        return
    if place.is_file():
        yield name, place
    elif place.is_dir():
        for entry in sorted(os.listdir(place)):
            yield from _walk(top, f"{name}/{entry}", (*above, place))


def digest_of(files: Mapping[str, Path]) -> str:
    """Return what files are known by, their paths and contents; times do not count. Raises OSError."""
    whole = hashlib.sha256()
    for name, path in sorted(files.items()):
        # A video may be larger than the host's memory.
        with path.open("rb") as handle:
            content = hashlib.file_digest(handle, "sha256").hexdigest()
        whole.update(os.fsencode(f"{content} {name}\0"))
    return whole.hexdigest()


def pack(files: Mapping[str, Path], target: Path) -> None:
    """Write files as a tar.gz, readable by whoever carries it to the controller. Raises OSError."""
    with naming(target), tarfile.open(target, "w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:
        for name, path in sorted(files.items()):
            with path.open("rb") as content:
                status = os.fstat(content.fileno())
                member = tarfile.TarInfo(name)
                member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), 0o644
                tar.addfile(member, content)
    target.chmod(0o644)
