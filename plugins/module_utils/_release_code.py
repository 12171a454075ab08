# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A release's source tree: unpacked and compiled."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path, PurePosixPath

from ansible_collections.webstack.python.plugins.module_utils._files import naming
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError


def unpack(archive: Path, directory: Path) -> None:
    """Unpack a tar.gz into a new directory: files and links alone, modes 0755 and 0644.

    Raises ReleaseError for a member or a link that leaves the directory, or is neither file nor
    link; OSError, tarfile.TarError.
    """
    directory.mkdir()
    links: list[tuple[Path, str]] = []
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = directory / safe_name(member.name)
            path.parent.mkdir(parents=True, exist_ok=True)
            if member.issym():
                links.append((path, member.linkname))
            elif member.isfile():
                _write(tar, member, path)
            else:
                raise ReleaseError(f"the source holds {member.name}, which is neither a file nor a link")
    # Links come last: nothing is ever written through one.
    for path, target in links:
        path.symlink_to(target)
    for path, target in links:
        _refuse_escape(path, target, directory)


def safe_name(name: str) -> str:
    """Return a relative path that stays where it is put. Raises ReleaseError for any other."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts:
        raise ReleaseError(f"the path '{name}' leaves the folder it belongs to")
    return name


def compile_code(python: Path, directory: Path) -> None:
    """Write the bytecode of a source tree, as the app cannot; broken files are left to the app."""
    subprocess.run(
        (str(python), "-I", "-m", "compileall", "-q", str(directory)),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _write(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    content = tar.extractfile(member)
    if content is None:
        raise ReleaseError(f"the source's {member.name} cannot be read")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with naming(path), content, os.fdopen(os.open(path, flags, 0o600), "wb") as handle:
        shutil.copyfileobj(content, handle)
        os.fchmod(handle.fileno(), 0o755 if member.mode & stat.S_IXUSR else 0o644)
    # Nginx makes Last-Modified and ETag of it: an unchanged stylesheet stays cached.
    os.utime(path, (member.mtime, member.mtime))


def _refuse_escape(path: Path, target: str, directory: Path) -> None:
    top = os.path.realpath(directory)
    if os.path.commonpath([top, os.path.realpath(path)]) != top:
        raise ReleaseError(
            f"the link {path.relative_to(directory)} -> {target} leaves the source; "
            "make it point inside, or leave it out"
        )
