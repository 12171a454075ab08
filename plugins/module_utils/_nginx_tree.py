# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The collection's part of /etc/nginx: what is there, what it is to be, and how one becomes the other.

    /etc/nginx/conf.d/webstack.conf    the hook: includes the link's *.conf
    /etc/nginx/webstack                the link: -> webstack.d/<digest>
    /etc/nginx/webstack.d/<digest>/    the files, never changed once the link points to them
    .../secrets/                       those among them that root and nginx's workers alone may read
    /var/lib/webstack/nginx-applied    the mark: the digest that nginx was seen to run
    /etc/systemd/system/nginx.service.d/webstack.conf    the drop-in of nginx's unit
    /etc/nginx/nginx.conf              Debian's, but for the number of a worker's connections
    /var/lib/webstack/nginx-purged/    what was taken out of conf.d and sites-enabled, where that is wanted

All else in /etc/nginx belongs to dpkg, to other packages or to the user, except that Debian's
default site, as long as nobody has changed it, is disabled: nginx can have one default server.
"""

from __future__ import annotations

import contextlib
import grp
import hashlib
import json
import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ansible_collections.webstack.python.plugins.module_utils import _nginx_main, _nginx_purge
from ansible_collections.webstack.python.plugins.module_utils._certificates import was_renewed
from ansible_collections.webstack.python.plugins.module_utils._files import (
    MARKER,
    is_ours,
    read_text,
    replace_link,
    write_text,
)
from ansible_collections.webstack.python.plugins.module_utils._nginx_caches import FOLDER as CACHES

HOOK = f"""\
# {MARKER}: its next run undoes changes made here or in /etc/nginx/webstack.
include /etc/nginx/webstack/*.conf;
"""
PACKAGED_SITE = "/etc/nginx/sites-available/default"
PACKAGED_TARGETS = (PACKAGED_SITE, "../sites-available/default")
SECRETS = "secrets"
SECRET_MODE = 0o640
WORKERS = "www-data"  # the group of Debian's nginx
# What a unit says of the files that nginx can use, and how many of them.
CONFINING = ("LimitNOFILE", "PrivateTmp", "ProtectHome", "ProtectSystem", "ReadWritePaths")
# A tree that was changed by hand is replaced by one of the same digest, so it has a second name.
TREE_NAME = re.compile(r"^[0-9a-f]{12}(-again)?$")


class Foreign(Exception):
    """A path that the collection needs is taken by something it did not make."""


@dataclass(frozen=True)
class Layout:
    """Where things are below a root directory, which is / on a real host."""

    root: Path = Path("/")

    @property
    def nginx(self) -> Path:
        """The whole of nginx's configuration."""
        return self.root / "etc/nginx"

    @property
    def hook(self) -> Path:
        """The file by which Debian's nginx.conf finds ours."""
        return self.nginx / "conf.d/webstack.conf"

    @property
    def link(self) -> Path:
        """The symbolic link that is swapped."""
        return self.nginx / "webstack"

    @property
    def trees(self) -> Path:
        """The directory of trees; between runs it holds the live one alone."""
        return self.nginx / "webstack.d"

    @property
    def default_site(self) -> Path:
        """The link that enables Debian's default site."""
        return self.nginx / "sites-enabled/default"

    @property
    def dpkg_status(self) -> Path:
        """What dpkg knows of its packages and of their configuration files."""
        return self.root / "var/lib/dpkg/status"

    @property
    def mark(self) -> Path:
        """The file that holds the digest which nginx was seen to run."""
        return self.root / "var/lib/webstack/nginx-applied"

    @property
    def drop_in(self) -> Path:
        """What is added to the unit of Debian's package."""
        return self.root / "etc/systemd/system/nginx.service.d/webstack.conf"

    @property
    def main(self) -> Path:
        """The file that nginx starts with."""
        return self.nginx / "nginx.conf"

    @property
    def purged(self) -> Path:
        """Where files of others are that were taken out."""
        return self.root / "var/lib/webstack/nginx-purged"

    @property
    def scratch(self) -> Path:
        """Where a run that changes something stages its copy of /etc/nginx; no app can have that name."""
        return self.root / "run/webstack/.nginx"

    @property
    def logs(self) -> Path:
        """The directory below which nginx writes its logs."""
        return self.root / "var/log"

    @property
    def caches(self) -> Path:
        """The directory below which nginx keeps answers, and others what is theirs."""
        return self.root / "var/cache"


@dataclass(frozen=True)
class Wanted:
    """What is to be on the disk.

    files: texts by path inside the tree. drop_in: the drop-in's text, None to leave it alone. links:
    absolute targets by path inside the tree. secrets: texts by name inside the tree's folder of secrets.
    connections: how many a worker has, 0 to leave nginx.conf alone. purge: whether to take out what
    others have put into conf.d and sites-enabled.
    """

    files: Mapping[str, str]
    remove_default_site: bool = True
    drop_in: str | None = None
    links: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    connections: int = 0
    purge: bool = False

    @property
    def texts(self) -> dict[str, str]:
        """All files, the secret ones among them, by path inside the tree."""
        return {**self.files, **{f"{SECRETS}/{name}": text for name, text in self.secrets.items()}}

    @property
    def confinement(self) -> list[str]:
        """What of the drop-in decides whether nginx can use a file, as NAME=VALUE."""
        lines = (self.drop_in or "").splitlines()
        return [line for line in lines if line.partition("=")[0] in CONFINING]

    @property
    def digest(self) -> str:
        """12 hex digits over names, texts and targets, the same for the same ones in any order."""
        text = json.dumps([sorted(self.texts.items()), sorted(self.links.items())])
        return hashlib.sha256(text.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Live:
    """What is on the disk."""

    tree: str | None = None  # name in webstack.d that the link points to
    trees: frozenset[str] = frozenset()  # all names there
    files: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)
    hook: str | None = None
    default_site: bool = False  # Debian's default site is enabled, and is as Debian made it
    mark: str | None = None
    drop_in: str | None = None
    main: str | None = None  # nginx.conf, where it is a file like Debian's
    strangers: Mapping[str, _nginx_purge.Stranger] = field(default_factory=dict)

    def main_to_be(self, wanted: Wanted) -> str | None:
        """Return nginx.conf as it is to be; None where it stays as it is."""
        text = _nginx_main.sized(self.main, wanted.connections) if wanted.connections else None
        return text if text != self.main else None

    def to_purge(self, wanted: Wanted) -> dict[str, _nginx_purge.Stranger]:
        """Return what is to be taken out, by path below /etc/nginx."""
        return dict(self.strangers) if wanted.purge else {}

    def differs(self, wanted: Wanted) -> bool:
        """Tell whether anything that nginx reads must change."""
        return (
            dict(self.files) != wanted.texts
            or dict(self.links) != dict(wanted.links)
            or self.hook != HOOK
            or (self.default_site and wanted.remove_default_site)
            or self.main_to_be(wanted) is not None
            or bool(self.to_purge(wanted))
        )

    def drop_in_differs(self, wanted: Wanted) -> bool:
        """Tell whether the unit's drop-in must change."""
        return wanted.drop_in is not None and self.drop_in != wanted.drop_in

    def changed_by_hand(self, wanted: Wanted) -> list[str]:
        """Name the files and links of the wanted tree that somebody changed, removed or added."""
        if self.tree is None or not self.tree.startswith(wanted.digest):
            return []
        found = {
            path
            for mine, others in ((self.files, wanted.texts), (self.links, wanted.links))
            for path in mine.keys() | others.keys()
            if mine.get(path) != others.get(path)
        }
        return sorted(found)


def foreign(layout: Layout) -> Iterator[str]:
    """Say which of our paths are taken by something that is not ours, and what to do."""
    if layout.link.is_symlink():
        target = PurePosixPath(os.readlink(layout.link))
        if str(target.parent) != layout.trees.name or not TREE_NAME.match(target.name):
            yield (
                f"{layout.link} is a link to {target}, which this collection did not make; "
                "move it away, then run again"
            )
    elif layout.link.exists():
        yield f"{layout.link} is not a link of this collection; move it away, then run again"
    for path in (layout.hook, layout.drop_in):
        if not is_ours(path):
            yield (
                f"{path} has no line '{MARKER}', so this collection did not write it; "
                "move it away, then run again"
            )


def look(layout: Layout) -> Live:
    """Read what is live. Raises Foreign where one of our paths is not ours."""
    for problem in foreign(layout):
        raise Foreign(problem)
    tree = os.path.basename(os.readlink(layout.link)) if layout.link.is_symlink() else None
    mark = read_text(layout.mark)
    files, links = read_tree(layout.trees / tree) if tree else ({}, {})
    default_site = has_packaged_site(layout)
    ours = (layout.hook, *([layout.default_site] if default_site else []))
    return Live(
        tree=tree,
        trees=frozenset(path.name for path in layout.trees.glob("*")),
        files=files,
        links=links,
        hook=read_text(layout.hook),
        default_site=default_site,
        mark=mark.strip() if mark is not None else None,
        drop_in=read_text(layout.drop_in),
        main=_nginx_main.read(layout.main),
        strangers=_nginx_purge.strangers(layout.nginx, ours),
    )


def read_tree(tree: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Return every file's text and every link's target by its path inside the tree, if there is a tree.

    What is neither a regular file nor a link gets a text that no wanted file has, and so does a secret that
    others may read, or nginx's workers may not.
    """
    files, links = {}, {}
    for folder, folders, names in os.walk(tree):
        for name in (*names, *folders):
            path = Path(folder) / name
            place = path.relative_to(tree).as_posix()
            if path.is_symlink():
                links[place] = os.readlink(path)
            elif not path.is_dir():
                files[place] = _text(path, secret=is_secret(place))
    return files, links


def is_secret(path: str) -> bool:
    """Tell whether the file at a path inside the tree is in no diff."""
    return path.startswith(f"{SECRETS}/")


def _text(path: Path, *, secret: bool) -> str:
    if not path.is_file():
        return "(not a regular file)\n"
    found = path.stat()
    if secret and (stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid) != _protection():
        return "(not for nginx alone)\n"
    return path.read_text(encoding="utf-8", errors="surrogateescape")


def has_packaged_site(layout: Layout) -> bool:
    """Tell whether Debian's default site is enabled and is as Debian made it."""
    link = layout.default_site
    if not link.is_symlink() or os.readlink(link) not in PACKAGED_TARGETS:
        return False
    status = read_text(layout.dpkg_status) or ""
    recorded = re.search(rf"^ {PACKAGED_SITE} ([0-9a-f]{{32}})$", status, re.MULTILINE)
    site = (layout.nginx / "sites-available/default").read_bytes()
    found = hashlib.md5(site, usedforsecurity=False).hexdigest()
    return recorded is not None and recorded[1] == found


def stage(layout: Layout, live: Live, wanted: Wanted, scratch: Path) -> Path:
    """Make a copy of /etc/nginx as it will be, in an empty directory; return the copy."""
    copy = Layout(scratch)

    def left_out(folder: str, names: list[str]) -> set[str]:
        ours = {layout.link.name, layout.trees.name} if Path(folder) == layout.nginx else set()
        return {name for name in names if name in ours or not _copyable(Path(folder) / name)}

    shutil.copytree(layout.nginx, copy.nginx, symlinks=True, ignore=left_out)
    _write_tree(copy, wanted.digest, wanted)
    replace_link(copy.link, f"{copy.trees.name}/{wanted.digest}")
    copy.hook.parent.mkdir(exist_ok=True)
    copy.hook.write_text(HOOK, encoding="utf-8")
    if wanted.remove_default_site and live.default_site:
        copy.default_site.unlink()
    for name in live.to_purge(wanted):
        (copy.nginx / name).unlink()
    if (main := live.main_to_be(wanted)) is not None:
        _nginx_main.write(copy.main, main)
    return copy.nginx


def _copyable(path: Path) -> bool:
    mode = path.lstat().st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)


def stage_logs(layout: Layout, scratch: Path) -> Path:
    """Copy the directories below /var/log without their files; return the copy."""
    copy = Layout(scratch)
    _copy_directories(layout.logs, copy.logs)
    return copy.logs


def stage_caches(layout: Layout, scratch: Path) -> Path:
    """Copy the upper directories below /var/cache, with that of our sites; return the copy.

    nginx makes the last directory of a cache's path. Those that a cache itself has are thousands.
    """
    copy = Layout(scratch)
    _copy_directories(layout.caches, copy.caches, levels=2)
    (scratch / CACHES).mkdir(parents=True, exist_ok=True)
    return copy.caches


def _copy_directories(source: Path, target: Path, levels: int | None = None) -> None:
    """Make what source has of directories in target, which is new. levels: how far down; None for all."""
    target.mkdir(parents=True)
    for folder, folders, _names in os.walk(source):
        place = Path(folder).relative_to(source)
        if levels is not None and len(place.parts) >= levels:
            folders.clear()
        for name in folders:
            if not (Path(folder) / name).is_symlink():
                (target / place / name).mkdir()


def commit(layout: Layout, live: Live, wanted: Wanted) -> str:
    """Put the wanted tree in place and return its name.

    The mark goes first, as nginx has not loaded what follows. Each further step leaves a
    configuration that nginx can start with, should the process be killed after it.
    """
    layout.mark.unlink(missing_ok=True)
    name = wanted.digest if live.tree != wanted.digest else f"{wanted.digest}-again"
    if read_tree(layout.trees / name) != (wanted.texts, dict(wanted.links)):
        _write_tree(layout, name, wanted)
    if wanted.remove_default_site and live.default_site:
        layout.default_site.unlink()
    _nginx_purge.take_out(layout.nginx, layout.purged, live.to_purge(wanted))
    replace_link(layout.link, f"{layout.trees.name}/{name}")
    if (main := live.main_to_be(wanted)) is not None:
        _nginx_main.write(layout.main, main)
    if live.hook != HOOK:
        _write(layout.hook, HOOK)
    return name


def restore(layout: Layout, live: Live) -> None:
    """Undo a commit, also one that did not come to its end; the mark stays away."""
    if live.main is not None and live.main != _nginx_main.read(layout.main):
        _nginx_main.write(layout.main, live.main)
    if live.hook is None:
        layout.hook.unlink(missing_ok=True)
    elif live.hook != read_text(layout.hook):
        _write(layout.hook, live.hook)
    if live.tree is None:
        layout.link.unlink(missing_ok=True)
    elif os.readlink(layout.link) != f"{layout.trees.name}/{live.tree}":
        replace_link(layout.link, f"{layout.trees.name}/{live.tree}")
    _nginx_purge.put_back(layout.nginx, layout.purged, live.strangers)
    if live.default_site and not layout.default_site.is_symlink():
        layout.default_site.symlink_to(PACKAGED_SITE)
    prune(layout, keep=live.trees)
    with contextlib.suppress(OSError):
        layout.trees.rmdir()


def write_drop_in(layout: Layout, text: str) -> None:
    """Write the unit's drop-in, which systemd has still to read."""
    layout.drop_in.parent.mkdir(mode=0o755, exist_ok=True)
    _write(layout.drop_in, text)


def restore_drop_in(layout: Layout, live: Live) -> None:
    """Put the unit's drop-in back as it was; systemd has still to read it."""
    if live.drop_in is not None:
        _write(layout.drop_in, live.drop_in)
        return
    layout.drop_in.unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        layout.drop_in.parent.rmdir()


def drop_in_time(layout: Layout) -> float:
    """Return when the unit's drop-in was written, in seconds since the epoch; 0 where there is none."""
    try:
        return layout.drop_in.stat().st_mtime
    except FileNotFoundError:
        return 0


def write_mark(layout: Layout, digest: str) -> None:
    """Record that nginx was seen to run a tree."""
    layout.mark.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    _write(layout.mark, f"{digest}\n")


def litter(layout: Layout, keep: Iterable[str | None]) -> list[Path]:
    """Return all trees but those named, and what a killed run left half-written."""
    kept = set(keep)
    trees = [path for path in layout.trees.glob("*") if TREE_NAME.match(path.name)]
    return [*(path for path in trees if path.name not in kept), *layout.trees.glob(".*.partial")]


def prune(layout: Layout, keep: Iterable[str | None]) -> None:
    """Remove all trees but those named, and what a killed run left half-written."""
    for path in litter(layout, keep):
        shutil.rmtree(path)


def _write_tree(layout: Layout, name: str, wanted: Wanted) -> None:
    """Write a tree that nothing points to, whole or not at all."""
    partial = layout.trees / f".{name}.partial"
    for leftover in (partial, layout.trees / name):
        if leftover.exists():
            shutil.rmtree(leftover)
    for folder in (layout.trees, partial):
        _make_directory(folder)
    for path in (*wanted.texts, *wanted.links):
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            _make_directory(partial / parent)
    for path, text in wanted.files.items():
        _write(partial / path, text)
    mode, uid, gid = _protection()
    for secret, text in wanted.secrets.items():
        write_text(partial / SECRETS / secret, text, mode, uid, gid)
    for path, target in wanted.links.items():
        (partial / path).symlink_to(target)
    partial.rename(layout.trees / name)


def _write(path: Path, text: str) -> None:
    """Write a file that belongs to who runs this, which is root on a real host."""
    write_text(path, text, uid=os.geteuid(), gid=os.getegid())


def _protection() -> tuple[int, int, int]:
    """Return mode, owner and group of a secret; the owner's own where that is not root, as in a test."""
    owner = os.geteuid()
    return SECRET_MODE, owner, grp.getgrnam(WORKERS).gr_gid if owner == 0 else os.getegid()


def _make_directory(path: Path) -> None:
    path.mkdir(exist_ok=True)
    path.chmod(0o755)


def is_newer(live: Live, since: float) -> bool:
    """Tell whether what the tree links to was renewed after nginx had read it, at `since`."""
    return was_renewed((path for target in live.links.values() for path in Path(target).glob("*.pem")), since)


def differences(layout: Layout, live: Live, wanted: Wanted) -> Iterator[dict[str, str]]:
    """Yield what changes on the disk, file by file, as Ansible's diff wants it; secrets are left out."""
    after = wanted.texts
    texts = [
        (layout.link / path, live.files.get(path, ""), after.get(path, ""))
        for path in sorted(live.files.keys() | after.keys())
        if not is_secret(path)
    ]
    texts += [
        (layout.link / path, _arrow(live.links.get(path)), _arrow(wanted.links.get(path)))
        for path in sorted(live.links.keys() | wanted.links.keys())
    ]
    texts.append((layout.hook, live.hook or "", HOOK))
    if live.default_site and wanted.remove_default_site:
        texts.append((layout.default_site, _arrow(PACKAGED_SITE), ""))
    if (main := live.main_to_be(wanted)) is not None:
        texts.append((layout.main, live.main or "", main))
    texts += [(layout.nginx / name, found.text, "") for name, found in live.to_purge(wanted).items()]
    if wanted.drop_in is not None:
        texts.append((layout.drop_in, live.drop_in or "", wanted.drop_in))
    for path, old, new in texts:
        if old != new:
            yield {
                "before_header": str(path),
                "after_header": str(path),
                "before": old,
                "after": new,
            }


def _arrow(target: str | None) -> str:
    return f"-> {target}\n" if target else ""
