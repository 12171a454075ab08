# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which apps the collection has put on a host, whether a manifest names them or not. Reads only."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import is_ours
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout

UNIT = re.compile(r"gunicorn-(?P<app>[a-z][a-z0-9-]*)(@[0-9a-f]{12}\.(service|socket)|\.(service|target))")
NAME = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Traces:
    """What there is of one app. user: whether its unix user is there. files: folders and units."""

    user: bool = False
    files: tuple[Path, ...] = ()


def find(root: Path, users: Iterable[str]) -> dict[str, Traces]:
    """Return what there is of each app that is on the host, by its name.

    users: the unix users that the collection made. root: where the host's file systems start.
    """
    built = of_the_manifest(root, users)
    apps = built | set(_running(root))
    return {app: Traces(app in users, tuple(_files(root, app, built=app in built))) for app in sorted(apps)}


def of_the_manifest(root: Path, users: Iterable[str]) -> set[str]:
    """Return the apps that were made for an entry of python_apps: with a user, or with releases."""
    markers = (root / "srv").glob(f"*/{Layout('').marker.name}")
    return {*users, *(marker.parent.name for marker in markers)}


def _running(root: Path) -> Iterator[str]:
    """Yield the names of the apps of which there are units or instances."""
    paths = Paths("", root)
    for folder in paths.etc.glob("*"):
        if folder.is_dir() and NAME.fullmatch(folder.name):
            yield folder.name
    for unit in paths.units.glob("gunicorn-*"):
        found = UNIT.fullmatch(unit.name)
        if found and is_ours(unit):
            yield found["app"]


def _files(root: Path, app: str, *, built: bool) -> Iterator[Path]:
    paths = Paths(app, root)
    home = root / "srv" / app
    if built and home.is_dir():
        yield home
    yield from (path for path in (paths.etc, paths.log) if path.exists())
    yield from sorted(
        unit
        for unit in paths.units.glob(f"gunicorn-{app}*")
        for found in (UNIT.fullmatch(unit.name),)
        if (found and found["app"] == app and is_ours(unit)) or paths.is_public_socket(unit.name)
    )
