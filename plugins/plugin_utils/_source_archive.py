# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source trees from an archive: a file on the controller, or one that is fetched by its URL."""

from __future__ import annotations

import calendar
import contextlib
import fcntl
import hashlib
import lzma
import os
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.error import HTTPError
from urllib.parse import unquote, urlsplit, urlunsplit

from ansible.module_utils.urls import ConnectionError as UrlError
from ansible.module_utils.urls import open_url
from ansible_collections.webstack.python.plugins.module_utils._redact import (
    conceal,
    without_credentials,
)
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import (
    Entry,
    SourceError,
    Tree,
    make_tree,
    sha256,
    travels,
)
from ansible_collections.webstack.python.plugins.plugin_utils._url import CHECKSUM, is_url

_TIMEOUT = 60  # seconds without a byte
_BROKEN = (
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    KeyError,
    OSError,
    OverflowError,
    ValueError,
)
_NOT_SUPPORTED = (NotImplementedError, RuntimeError)


@dataclass(frozen=True)
class Archive:
    """An archive of a source tree.

    place: an https URL, with credentials, or an absolute path on the controller. checksum: as
    sha256:HEX; '' where a file is taken as it is. cache: the folder of fetched archives.
    ca_bundle: a file of certificates to trust, '' for the system's.
    """

    place: str = field(repr=False)
    checksum: str
    cache: Path
    ca_bundle: str = ""

    @property
    def is_remote(self) -> bool:
        """Tell whether the archive has to be fetched."""
        return is_url(self.place)

    @property
    def address(self) -> str:
        """The place without credentials and query, which may be a signature: what may be shown."""
        if not self.is_remote:
            return self.place
        return urlunsplit(urlsplit(without_credentials(self.place))._replace(query="", fragment=""))


@dataclass(frozen=True)
class Member:
    """What an archive holds under one path: a file's content, or where a link leads."""

    content: bytes = b""
    target: str = ""
    executable: bool = False
    modified: int = 0


def collect(archive: Archive, subfolder: str = "") -> Tree:
    """Return the tree of an archive, without the one folder that holds all of it, if there is one.

    subfolder: the folder of the archive to take, '' for all. Raises SourceError.
    """
    path = _fetched(archive) if archive.is_remote else Path(archive.place)
    try:
        found = _digest(path)
    except OSError as error:
        problem = f"{path} cannot be read ({error.strerror}); check source.archive"
        raise SourceError(problem) from None
    _verify(archive, found)
    members = _without_top(_members(path, archive.address))
    members = {name: member for name, member in members.items() if travels(name)}
    entries = [_entry(name, member) for name, member in members.items()]
    revision = f"sha256:{found}"
    read = {name: member.content for name, member in members.items()}.__getitem__
    return make_tree("archive", archive.address, revision, entries, read, subfolder)


def _verify(archive: Archive, found: str) -> None:
    if archive.checksum and archive.checksum.lower() != f"sha256:{found}":
        raise SourceError(
            f"{archive.address} has the checksum sha256:{found}, wanted was {archive.checksum}; "
            "correct source.checksum if whoever publishes the archive says so, else do not use it"
        )


def _fetched(archive: Archive) -> Path:
    """Return the cached file of a checksum; fetch it where there is none. Raises SourceError."""
    if not CHECKSUM.fullmatch(archive.checksum):
        raise SourceError(
            f"{archive.address} is fetched by its checksum; write source.checksum as sha256:HEX"
        )
    wanted = archive.checksum.lower().partition(":")[2]
    path = archive.cache / wanted
    with _locked(path):
        if not path.exists() or _digest(path) != wanted:
            _fetch(archive, path)
    return path


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one fork of a run fetch what the others need, too."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(archive: Archive, path: Path) -> None:
    """Fetch an archive into the cache; what is of another checksum never gets its name."""
    parts = urlsplit(archive.place)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    staged = path.with_suffix(".part")
    try:
        with staged.open("wb") as handle, _opened(archive, user, password) as answer:
            shutil.copyfileobj(answer, handle)
        _verify(archive, _digest(staged))
        os.replace(staged, path)
    except (OSError, HTTPException, UrlError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()
        said = conceal(str(error), user, password, parts.query)
        raise SourceError(
            f"fetching {archive.address} failed: {said}; check source.archive, and the user and password "
            "in its URL if it needs any"
        ) from None
    finally:
        staged.unlink(missing_ok=True)


def _opened(archive: Archive, user: str, password: str) -> Any:
    return open_url(
        without_credentials(archive.place),
        timeout=_TIMEOUT,
        url_username=user or None,
        url_password=password or None,
        force_basic_auth=bool(user),
        # Where a server redirects to has no claim to them.
        unredirected_headers=["Authorization"],
        ca_path=archive.ca_bundle or None,
        # A tar.gz is a tar.gz, also where a server calls the gz an encoding.
        decompress=False,
    )


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _members(path: Path, address: str) -> dict[str, Member]:
    """Return what an archive holds, by path; nothing is written. Raises SourceError."""
    try:
        # A zip at the end of a tar would have it taken for a zip, so this comes first.
        unpack = _tar_members if tarfile.is_tarfile(path) else _zip_members
        members = dict(unpack(path, address))
    except _NOT_SUPPORTED as error:
        raise SourceError(f"{address} is packed in a way that cannot be read: {error}") from None
    except _BROKEN as error:
        raise SourceError(
            f"{address} is no tar.gz, tar.bz2, tar.xz or zip, or is damaged: {error}; pack it anew"
        ) from None
    for name in members:
        for parent in PurePosixPath(name).parents:
            if str(parent) in members:
                raise SourceError(f"{address} holds {parent} both as a file or link and as a folder")
    return members


def _tar_members(path: Path, address: str) -> Iterator[tuple[str, Member]]:
    with tarfile.open(path) as tar:
        for info in tar:
            name = _safe(info.name, address)
            modified, executable = int(info.mtime), bool(info.mode & stat.S_IXUSR)
            if info.issym():
                yield name, Member(target=info.linkname)
            elif info.isreg() or info.islnk():
                content = tar.extractfile(info)
                if content is None:
                    raise _unwanted(info.name, address)
                yield name, Member(content.read(), executable=executable, modified=modified)
            elif not info.isdir():
                raise _unwanted(info.name, address)


def _zip_members(path: Path, address: str) -> Iterator[tuple[str, Member]]:
    with zipfile.ZipFile(path) as packed:
        for info in packed.infolist():
            name = _safe(info.filename, address)
            mode = info.external_attr >> 16
            kind = stat.S_IFMT(mode)
            if info.is_dir():
                continue
            content = packed.read(info)
            if kind == stat.S_IFLNK:
                yield name, Member(target=os.fsdecode(content))
            elif kind in (0, stat.S_IFREG):
                executable, modified = bool(mode & stat.S_IXUSR), _seconds(info.date_time)
                yield name, Member(content, executable=executable, modified=modified)
            else:
                raise _unwanted(info.filename, address)


def _seconds(date: tuple[int, int, int, int, int, int]) -> int:
    """Return a member's date as seconds since the epoch, 0 where the zip gives it none."""
    try:
        return calendar.timegm((*date, 0, 0, 0))
    except ValueError:
        return 0


def _unwanted(name: str, address: str) -> SourceError:
    return SourceError(f"{address} holds {name}, which is neither a file, a folder nor a link; leave it out")


def _safe(name: str, address: str) -> str:
    """Return a member's path in its shortest form. Raises SourceError where it leaves the archive."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise SourceError(f"{address} holds '{name}', which leaves the folder it is unpacked in")
    return str(path)


def _without_top(members: dict[str, Member]) -> dict[str, Member]:
    """Take away the one folder in which everything lies, as release archives have it."""
    tops = {name.partition("/")[0] for name in members}
    if len(tops) != 1 or tops & members.keys():
        return members
    return {name.partition("/")[2]: member for name, member in members.items()}


def _entry(path: str, member: Member) -> Entry:
    if member.target:
        return Entry(path, target=member.target)
    return Entry(path, content=sha256(member.content), executable=member.executable, modified=member.modified)
