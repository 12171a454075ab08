# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an app's releases lie on a host, and what is written down about each."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._files import (
    lock_path,
    read_text,
    write_text,
)

MANAGED_BY = "webstack.python"
# Counted up when the same inputs shall give another tree on the host, so that releases are built anew.
LAYOUT_VERSION = 1


class ReleaseError(Exception):
    """A release cannot be built or removed; the text is for the user."""


def digest(value: object, length: int = 12) -> str:
    """Return the first hex digits of the SHA-256 of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:length]


@dataclass(frozen=True)
class Layout:
    """The paths of one app; root is /srv but for tests."""

    app: str
    root: Path = Path("/srv")

    @property
    def directory(self) -> Path:
        """The app's directory, that holds all the others. Instances record paths without links."""
        return self.root.resolve() / self.app

    @property
    def marker(self) -> Path:
        """The file that says that the directory is ours."""
        return self.directory / ".webstack.json"

    @property
    def releases(self) -> Path:
        """One directory per release, named by its id."""
        return self.directory / "releases"

    @property
    def virtualenvs(self) -> Path:
        """One virtualenv per lock, shared by releases."""
        return self.directory / "venvs"

    @property
    def shared(self) -> Path:
        """What outlives every release and is writable by the app."""
        return self.directory / "shared"

    @property
    def pointer(self) -> Path:
        """The link to the release that is to run."""
        return self.directory / "next"

    @property
    def current(self) -> Path:
        """The link to the code of the live instance, kept by the swap."""
        return self.directory / "current"

    @property
    def previous(self) -> Path:
        """The link to the code that was live before that, kept by the swap, too."""
        return self.directory / "previous"

    @property
    def lock(self) -> Path:
        """The file on which builds and swaps of this app exclude each other."""
        return lock_path(f"app-{self.app}")

    def release(self, identity: str) -> Path:
        """Return the directory of a release."""
        return self.releases / identity

    def code(self, identity: str) -> Path:
        """Return the source tree of a release."""
        return self.release(identity) / "code"

    def virtualenv(self, key: str) -> Path:
        """Return the directory of a virtualenv."""
        return self.virtualenvs / key


@dataclass(frozen=True)
class Release:
    """What release.json holds: what went into a release, when and by whom it was built."""

    id: str
    app: str
    source: str
    origin: str
    revision: str | None
    tree: str
    lock: str
    virtualenv: str
    python: str
    shared: list[str]
    built_at: str
    built_by: str
    remote_user: str

    def summary(self) -> dict[str, Any]:
        """Return what a diff shows of the release."""
        shown = ("id", "source", "origin", "revision", "virtualenv", "python", "shared")
        return {name: getattr(self, name) for name in shown}


def write_release(directory: Path, release: Release) -> None:
    """Write a release's release.json. Raises OSError."""
    text = json.dumps({"managed_by": MANAGED_BY, **asdict(release)}, indent=2)
    write_text(directory / "release.json", f"{text}\n")


def read_release(directory: Path) -> Release | None:
    """Return what a release's release.json says; None where it is missing or not whole."""
    values = read_json(directory / "release.json")
    try:
        return Release(**{field.name: values[field.name] for field in fields(Release)})
    except KeyError:
        return None


def read_json(path: Path) -> dict[str, Any]:
    """Return the mapping a JSON file holds; an empty one where there is none."""
    try:
        values = json.loads(read_text(path) or "{}")
    except ValueError:  # no JSON, or no text at all
        return {}
    return values if isinstance(values, dict) else {}


def is_managed(layout: Layout) -> bool:
    """Tell whether the app's directory is there.

    Raises ReleaseError where something of that name is not ours. An empty directory is anyone's.
    """
    directory = layout.directory
    if not os.path.lexists(directory):
        return False
    marker = read_json(layout.marker) if directory.is_dir() else {}
    if marker and directory.is_symlink():
        raise ReleaseError(
            f"{directory} of this host is a link to {directory.resolve()}; bring the directory back, and "
            f"mount the other disk there or link all of {layout.root}"
        )
    if marker.get("managed_by") == MANAGED_BY and marker.get("app") == layout.app:
        return True
    if directory.is_dir() and not directory.is_symlink() and not any(directory.iterdir()):
        return False
    raise ReleaseError(
        f"{directory} of this host was not made by webstack.python and is left as it is; "
        "choose another name for the app, or move the directory away"
    )


def make_directories(layout: Layout) -> None:
    """Make the app's directory with its marker, in one step. Raises OSError."""
    layout.root.mkdir(parents=True, exist_ok=True)
    staged = layout.root / f".{layout.app}.new"
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir()
    marker = {"managed_by": MANAGED_BY, "app": layout.app}
    write_text(staged / layout.marker.name, f"{json.dumps(marker)}\n")
    for part in (layout.releases, layout.virtualenvs, layout.shared):
        (staged / part.name).mkdir()
    staged.chmod(0o711)
    os.rename(staged, layout.directory)


def pointed_release(layout: Layout) -> Release | None:
    """Return the release that the pointer names, if it is whole."""
    with contextlib.suppress(OSError):
        return read_release(layout.releases / Path(os.readlink(layout.pointer)).name)
    return None


def folders(directory: Path) -> list[str]:
    """Name the folders in a directory, sorted; what is none is somebody else's. Raises OSError."""
    try:
        with os.scandir(directory) as entries:
            return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return []


def all_releases(layout: Layout) -> Iterator[Release]:
    """Yield every whole release of the app."""
    for name in folders(layout.releases):
        release = read_release(layout.release(name))
        if release is not None and not name.startswith("."):
            yield release
