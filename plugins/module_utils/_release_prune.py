# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which releases and virtualenvs nobody needs any more."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._instance_plan import since
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    Layout,
    Release,
    all_releases,
    folders,
    read_json,
)

INSTANCES = Path("/etc/webstack")


@dataclass(frozen=True)
class Excess:
    """Ids of releases, keys of virtualenvs, and what killed builds left, all to be removed."""

    releases: list[str]
    virtualenvs: list[str]
    leftovers: list[Path]

    def paths(self, layout: Layout) -> list[Path]:
        """Return what is to be removed, the releases before the virtualenvs they lead to."""
        return [
            *self.leftovers,
            *(layout.release(identity) for identity in self.releases),
            *(layout.virtualenv(name) for name in self.virtualenvs),
        ]


def newest(releases: Iterable[Release], keep: int) -> list[str]:
    """Return the ids of the releases that were built last."""
    ordered = sorted(releases, key=lambda release: (release.built_at, release.id), reverse=True)
    return [release.id for release in ordered[:keep]]


def excess(
    layout: Layout,
    keep: int,
    instances: Path = INSTANCES,
    most_instances: int | None = None,
    *,
    swaps: bool = False,
) -> Excess:
    """Find what can go: neither pointed at, nor live now or before, nor needed, nor among the newest.

    keep: how many releases stay. Those that are needed all do, and the newest of the others, which were
    refused or never live, where there is room. most_instances: how many of the newest instances count,
    to foresee what can go once a swap has dropped the others; None for all. swaps: foresee likewise that the
    one before the live one will be another.
    """
    releases = {release.id: release for release in all_releases(layout)}
    directories, virtualenvs = _needed_by_instances(layout, instances, most_instances)
    links = (layout.pointer, layout.current) if swaps else (layout.pointer, layout.current, layout.previous)
    kept = {*_linked(layout, links), *directories}
    others = (release for release in releases.values() if release.id not in kept)
    kept.update(newest(others, max(keep - len(kept), 0)))
    virtualenvs.update(release.virtualenv for release in releases.values() if release.id in kept)
    return Excess(
        releases=[name for name in releases if name not in kept],
        virtualenvs=[name for name in folders(layout.virtualenvs) if name not in virtualenvs],
        leftovers=[
            layout.release(name)
            for name in folders(layout.releases)
            if name not in releases and name not in kept
        ],
    )


def releases_of_instances(layout: Layout, instances: Path = INSTANCES) -> set[str]:
    """Return the ids of the releases that the app's instances run, or ran when they were live."""
    return _needed_by_instances(layout, instances, None)[0]


def remove(paths: Iterable[Path]) -> None:
    """Remove directories; one that is gone is no error. Raises OSError."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(path)


def _linked(layout: Layout, links: Iterable[Path]) -> set[str]:
    """Return the ids of the releases that links lead to."""
    found = set()
    for link in links:
        with contextlib.suppress(OSError):
            found.update(_release_ids(layout, [layout.directory / os.readlink(link)]))
    return found


def _needed_by_instances(layout: Layout, instances: Path, most: int | None) -> tuple[set[str], set[str]]:
    """Return the releases' ids and the virtualenvs' keys that the app's instances were made of."""
    records = [read_json(path) for path in sorted((instances / layout.app).glob("*/instance.json"))]
    # As instances are dropped: by when they went live last.
    records.sort(key=since, reverse=True)
    records = records[:most]
    directories = [Path(record["directory"]) for record in records if record.get("directory")]
    virtualenvs = {Path(record["virtualenv"]).name for record in records if record.get("virtualenv")}
    return _release_ids(layout, directories), virtualenvs


def _release_ids(layout: Layout, paths: Iterable[Path]) -> set[str]:
    """Return the ids of the releases that paths lie in; other paths are passed over."""
    found = set()
    for path in paths:
        whole = Path(os.path.normpath(path))
        if layout.releases in whole.parents:
            found.add(whole.relative_to(layout.releases).parts[0])
    return found
