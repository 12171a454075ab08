# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The static files of apps on other hosts, as a proxy keeps them: a set for each deploy, and two links.

    /var/lib/webstack/static/<app>/<set>/set.json    the digests of the releases' files that are in it
    /var/lib/webstack/static/<app>/<set>/files/      these files, by their paths in the release
    /var/lib/webstack/static/<app>/current           to the files of what is live, which Nginx asks first
    /var/lib/webstack/static/<app>/previous          to those of what was live before, which it asks second

While a deploy is under way, `previous` leads to an offer: the new set, and what `previous` had. A set is made
whole before a link leads to it, and is never changed. A run may be killed at any point: what no link leads
to is nothing, and the next run goes on from where the links lead.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._files import (
    exchange,
    replace_link,
    write_text,
)
from ansible_collections.webstack.python.plugins.module_utils._release_code import unpack
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    ReleaseError,
    digest,
    folders,
    read_json,
)

FOLDER = Path("var/lib/webstack/static")
FILES = "files"
OFFER = ".offer"


@dataclass(frozen=True)
class Request:
    """What a run knows of an app.

    offered: digests of the files of the releases that are to be live, of each host of the run that has the
    app, without repetition. live: of those that are. complete: whether the run has all hosts of the app.
    """

    name: str
    offered: Sequence[str]
    live: Sequence[str]
    complete: bool

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Request:
        """Read the module's options for one app."""
        return cls(options["name"], options["offered"], options["live"], options["complete"])


class Sets:
    """The sets of one app. root: where the host's file systems start; another one in tests."""

    def __init__(self, app: str, root: Path = Path("/")) -> None:
        """Take the app's name."""
        self.folder = root / FOLDER / app
        self.current, self.previous = self.folder / "current", self.folder / "previous"

    def differs(self, request: Request) -> bool:
        """Tell whether a run has something to do, now or once it has swapped."""
        at = self._led(self.current)
        wanted = (self._wanted(digests, request) for digests in (request.offered, request.live) if digests)
        return any(at != name_of(members) for members in wanted) or bool(self._unused())

    def lacking(self, request: Request) -> list[str]:
        """Return the digests of the files that a run must bring."""
        begins = bool(request.live) and not self._led(self.current)
        asked = [(request.offered, self._members(self.current))]
        if begins or self._waits(request):
            # The first thing that offer does.
            shown = self._wanted(request.live, request)
            asked = [(request.live, self._members(self.current)), (request.offered, shown)]
        lacks = [digests for digests, shown in asked if not self._has(_joined(digests, shown, request))]
        return list(dict.fromkeys(each for digests in lacks for each in digests))

    def foresees(self, request: Request, state: str) -> bool:
        """Tell whether offer or show would change something."""
        if state == "shown":
            return self._waits(request) or bool(self._unused())
        is_offered = self._is_answered(name_of(self._wanted(request.offered, request)))
        return not is_offered or self._waits(request)

    def offer(self, request: Request, archives: Mapping[str, Path]) -> bool:
        """Have the files answered of what is to be live, beside all that are; False where nothing changed.

        archives: tar.gz by the digest of the files in it. Raises OSError, ReleaseError, tarfile.TarError.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = bool(request.live and not self._led(self.current))
        if begun:
            self._add(request.live, request, archives)
        # Where a run was cut off before it came to that.
        shown = self._ask_first(request)
        added = self._add(request.offered, request, archives)
        return begun or shown or added

    def show(self, request: Request) -> bool:
        """Let Nginx ask first for the files of what is live, if they are here, and remove what is older.

        False where nothing changed. Raises OSError.
        """
        shown, unused = self._ask_first(request), self._unused()
        for name in unused:
            _remove(self.folder / name)
        return shown or bool(unused)

    def _ask_first(self, request: Request) -> bool:
        if not self._waits(request):
            return False
        name, at = name_of(self._wanted(request.live, request)), self._led(self.current)
        if not self._is_at(self.current, name) and not exchange(self.current, self.previous):
            # A file system that cannot do that, as on an app's host.
            self._point(self.current, name)
            self._point(self.previous, at)
        self._point(self.current, name)
        return True

    def _waits(self, request: Request) -> bool:
        """Tell whether what is live is answered, but not asked for first."""
        name = name_of(self._wanted(request.live, request))
        return bool(request.live) and self._led(self.current) != name and self._is_answered(name)

    def _add(self, digests: Sequence[str], request: Request, archives: Mapping[str, Path]) -> bool:
        members = self._wanted(digests, request)
        name = name_of(members)
        if self._is_answered(name):
            return False
        if not self._has(members):
            if not archives.keys() >= set(digests):
                raise ReleaseError("other files are live than when this run looked; run again")
            kept = [self.current] if set(members) - set(digests) else []
            self._make(name, members, kept, [archives[each] for each in digests])
        if not self._led(self.current):
            self._point(self.current, name)
        elif not self._led(self.previous):
            self._point(self.previous, name)
        else:
            offer = f"{name}{OFFER}"
            self._make(offer, members, [self.folder / name / FILES, self.previous])
            self._point(self.previous, offer)
        return True

    def _wanted(self, digests: Sequence[str], request: Request) -> list[str]:
        return _joined(digests, self._members(self.current), request)

    def _make(
        self, name: str, members: Sequence[str], trees: Iterable[Path], archives: Iterable[Path] = ()
    ) -> None:
        """Make a set of archives and of what is in other sets; of files of one name, the first one's."""
        staged = self.folder / f".{name}.new"
        shutil.rmtree(staged, ignore_errors=True)
        (staged / FILES).mkdir(parents=True)
        for number, archive in enumerate(archives):
            unpacked = staged / str(number)
            unpack(archive, unpacked)
            _merge(unpacked, staged / FILES)
            shutil.rmtree(unpacked)
        for tree in trees:
            _merge(tree.resolve(), staged / FILES)
        write_text(staged / "set.json", json.dumps({"members": list(members)}))
        # One that a killed run made; no link leads to it.
        shutil.rmtree(self.folder / name, ignore_errors=True)
        os.rename(staged, self.folder / name)

    def _unused(self) -> list[str]:
        """Return the names of sets that no link leads to, and that no offer is of."""
        led = {self._led(link) for link in (self.current, self.previous)}
        used = {*led, *(name.removesuffix(OFFER) for name in led)}
        return [name for name in folders(self.folder) if name not in used]

    def _has(self, members: Sequence[str]) -> bool:
        return (self.folder / name_of(members)).is_dir()

    def _is_at(self, link: Path, name: str) -> bool:
        return self._led(link) in (name, f"{name}{OFFER}")

    def _is_answered(self, name: str) -> bool:
        return self._is_at(self.current, name) or self._is_at(self.previous, name)

    def _led(self, link: Path) -> str:
        """Return the name of the set that a link leads to, empty where it leads to none."""
        if not link.is_dir():
            return ""
        return Path(os.readlink(link)).parent.name

    def _members(self, link: Path) -> list[str]:
        members: list[str] = read_json(link.resolve().parent / "set.json").get("members", [])
        return members

    def _point(self, link: Path, name: str) -> None:
        if self._led(link) != name:
            replace_link(link, f"{name}/{FILES}")


def _joined(digests: Sequence[str], shown: Sequence[str], request: Request) -> list[str]:
    """Return what a set is to be made of: hosts that are not of the run may still have what is shown."""
    if set(digests) == set(shown) or (not request.complete and set(digests) <= set(shown)):
        return list(shown)
    return [*digests, *(each for each in shown if each not in digests and not request.complete)]


def name_of(members: Sequence[str]) -> str:
    """Return the name of a set: the same files from the same hosts are the same set."""
    return digest(list(members))


def others(apps: Collection[str], root: Path = Path("/")) -> list[Path]:
    """Return the folders of other apps than these."""
    return [root / FOLDER / name for name in folders(root / FOLDER) if name not in apps]


def remove_others(apps: Collection[str], root: Path = Path("/")) -> list[Path]:
    """Remove the folders of other apps than these, and return them. Raises OSError."""
    removed = others(apps, root)
    for folder in removed:
        _remove(folder)
    return removed


def _remove(folder: Path) -> None:
    """Remove a folder, which has lost its name before its first file: what has one is whole."""
    if not folder.name.startswith("."):
        removed = folder.with_name(f".{folder.name}.old")
        shutil.rmtree(removed, ignore_errors=True)
        os.rename(folder, removed)
        folder = removed
    shutil.rmtree(folder)


def _merge(source: Path, target: Path) -> None:
    """Give the files of a tree names in another one too, but where it has some of that name."""
    for parent, _folders, names in os.walk(source):
        place = target / Path(parent).relative_to(source)
        # A file of one host may be a folder of another.
        with contextlib.suppress(FileExistsError, NotADirectoryError):
            place.mkdir(parents=True, exist_ok=True)
            for name in names:
                with contextlib.suppress(FileExistsError):
                    os.link(Path(parent, name), place / name)
