# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host tells about an app's instances. Reads only."""

from __future__ import annotations

import contextlib
import grp
import ipaddress
import json
import os
import pwd
import re
import stat
import struct
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import is_ours, read_text, unnamed
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    ID,
    UNIT_OF_INSTANCE,
    Access,
    Instance,
    Paths,
    Release,
    public_access,
    recorded_instance,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import Observed, Unit

LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
ACCEPTS_CONNECTIONS = 0x10000  # __SO_ACCEPTCON in the flags of /proc/net/unix


def read_release(directory: Path, virtualenv: Path) -> Release:
    """Resolve a release and its virtualenv. Raises ValueError where one of them cannot be run."""
    directory, virtualenv = directory.resolve(), virtualenv.resolve()
    if not directory.is_dir():
        raise ValueError(f"{directory}: there is no such directory; build the release first")
    interpreters, gunicorn = _read_virtualenv(virtualenv)
    return Release(directory, virtualenv, interpreters, gunicorn, _pythonpath(directory))


def live_release(paths: Paths) -> Release | None:
    """Return what the live instance runs; None where there is none, or its files are gone."""
    record = read_records(paths).get(recorded_instance(read_text(paths.record)) or "", {})
    try:
        return read_release(Path(record["directory"]), Path(record["virtualenv"]))
    except (KeyError, ValueError):
        return None


def foresee_release(directory: Path, virtualenv: Path, live: Release | None) -> Release:
    """Describe a release of which not all is built yet; what is missing is taken to be as in the live one."""
    directory, virtualenv = directory.resolve(), virtualenv.resolve()
    live = live or Release(directory, virtualenv, (), "0", (directory,))
    try:
        interpreters, gunicorn = _read_virtualenv(virtualenv)
    except ValueError:
        interpreters, gunicorn = live.interpreters, live.gunicorn
    pythonpath = _pythonpath(directory) or tuple(
        directory / path.relative_to(live.directory) for path in live.pythonpath
    )
    return Release(directory, virtualenv, interpreters, gunicorn, pythonpath)


def _pythonpath(directory: Path) -> tuple[Path, ...]:
    return tuple(path for path in (directory, directory / "src") if path.is_dir())


def _read_virtualenv(virtualenv: Path) -> tuple[tuple[Path, ...], str]:
    """Return the prefixes of its interpreters and its Gunicorn's version. Raises ValueError."""
    python = virtualenv / "bin/python"
    if not python.exists():
        raise ValueError(f"{virtualenv}: there is no virtualenv with a working bin/python")
    return tuple(_interpreters(python)), _gunicorn_version(virtualenv)


def _interpreters(link: Path) -> Iterable[Path]:
    """Yield the prefix of each interpreter on the way that a virtualenv's link leads."""
    while link.is_symlink():
        link = Path(os.path.normpath(link.parent / os.readlink(link)))
        yield link.parent.parent


def _gunicorn_version(virtualenv: Path) -> str:
    # Asking the interpreter would take longer than the rest of a run that changes nothing.
    for folder in virtualenv.glob("lib/python*/site-packages/gunicorn-*.dist-info"):
        return folder.name[len("gunicorn-") : -len(".dist-info")]
    raise ValueError(f"{virtualenv}: Gunicorn is not installed in this virtualenv; install it there")


def foreign_units(paths: Paths) -> list[Path]:
    """Return the files of the app's unit names that someone else wrote."""
    folders = (paths.units, paths.root / "usr/lib/systemd/system")
    names = (paths.handle, paths.target, paths.public_socket("unix"))
    return [folder / name for folder in folders for name in names if not is_ours(folder / name)]


def observe(paths: Paths, wanted: Instance, current: Path | None, previous: Path | None = None) -> Observed:
    """Read what is on the host of an app. Raises SystemdError.

    current: the link that follows the live instance, None for none. previous: the one that follows what was
    live before it.
    """
    live = recorded_instance(read_text(paths.record))
    records = read_records(paths)
    sockets = public_sockets(paths)
    files = [*wanted.own, *wanted.shared]
    return Observed(
        live=live,
        records=records,
        leftovers=frozenset(_known_instances(paths) - set(records)),
        checks=tuple(sorted(paths.runtime_units.glob(paths.check_unit("*", "*")))),
        litter=_litter(paths, [link for link in (current, previous) if link]),
        public_sockets=sockets,
        texts={file.path: read_text(file.path) for file in files},
        units=read_units(paths, sockets),
        enabled=paths.enabled.is_symlink(),
        current=current is None or live is None or _leads_to(current, records.get(live, {})),
        previous=previous is None or _leads_back(previous, records.get(live or "", {})),
        access=_has_access(paths, public_access(paths, wanted)),
    )


def _has_access(paths: Paths, access: Access | None) -> bool:
    """Tell whether the public unix socket, where there is one, has the owner and mode it should."""
    try:
        node = paths.public_node.stat()
    except FileNotFoundError:
        return True
    if access is None:
        return True
    try:
        return (node.st_uid, node.st_gid, stat.S_IMODE(node.st_mode)) == (*owner(access), access.mode)
    except KeyError:
        return False


def owner(access: Access) -> tuple[int, int]:
    """Return the uid and gid that systemd would give the socket. Raises KeyError for unknown names."""
    account = pwd.getpwnam(access.user)
    return account.pw_uid, grp.getgrnam(access.group).gr_gid if access.group else account.pw_gid


def _leads_to(current: Path, record: dict[str, Any]) -> bool:
    return current.is_symlink() and str(current.resolve()) == record.get("directory")


def _leads_back(previous: Path, record: dict[str, Any]) -> bool:
    left = record.get("left")
    return not left or (previous.is_symlink() and str(previous.resolve()) == left)


def read_records(paths: Paths) -> dict[str, dict[str, Any]]:
    """Read instance.json of every instance; one that cannot be read counts as none."""
    records = {}
    for path in paths.etc.glob("*/instance.json"):
        with contextlib.suppress(ValueError):
            records[path.parent.name] = json.loads(path.read_text(encoding="utf-8"))
    return records


def _known_instances(paths: Paths) -> set[str]:
    """Return the instances of which there is any file."""
    folders = {path.name for path in paths.etc.glob("*") if ID.fullmatch(path.name)}
    found = (UNIT_OF_INSTANCE.search(path.name) for path in paths.units.glob(paths.unit("*", "*")))
    return folders | {match["id"] for match in found if match}


def public_sockets(paths: Paths) -> tuple[str, ...]:
    """Return the units of the app's public sockets that are on the host."""
    names = (path.name for path in paths.units.glob(f"gunicorn-{paths.app}*.socket"))
    return tuple(sorted(name for name in names if paths.is_public_socket(name)))


def _litter(paths: Paths, links: Sequence[Path]) -> tuple[Path, ...]:
    """Return files that a killed run had not given their names yet."""
    folders = (paths.units, paths.runtime_units, paths.enabled.parent, paths.record.parent)
    hidden = [path for folder in folders for path in folder.glob(f".*{paths.app}*")]
    hidden += paths.record.parent.glob(".live.conf.*")
    hidden += [path for link in links for path in link.parent.glob(f".{link.name}.*")]
    names = {paths.handle, paths.target, paths.mover, paths.record.name, *(link.name for link in links)}
    of_units = tuple(
        path
        for path in hidden
        for name in (path.stem[1:],)
        if path.suffix == ".new"
        and (name in names or paths.is_public_socket(name) or name.startswith(paths.unit("", "")[:-1]))
    )
    own = (*paths.etc.glob(".*.new"), *paths.etc.glob("*/.*.new"), unnamed(paths.log))
    return (*of_units, *(path for path in own if path.exists()))


def read_units(paths: Paths, sockets: Iterable[str]) -> dict[str, Unit]:
    """Ask systemd about the app's units, in one call. Raises SystemdError."""
    names = [paths.unit("*", "*"), paths.handle, paths.target, paths.mover, *sockets]
    shown = _systemd.show_all(names, "Id", "ActiveState", "NeedDaemonReload", "MainPID", "Wants")
    return {
        unit["Id"]: Unit(
            name=unit["Id"],
            active=unit["ActiveState"],
            needs_reload=unit["NeedDaemonReload"] == "yes",
            pid=int(unit.get("MainPID", "0")),
            wants=frozenset(unit.get("Wants", "").split()),
        )
        for unit in shown
        if "Id" in unit
    }


def listening_inodes(address: str, root: Path = Path("/")) -> set[int]:
    """Return the inodes of the sockets that listen on an address: a path, or host:port."""
    net = root / "proc/net"
    if address.startswith("/"):
        return parse_unix((net / "unix").read_text(encoding="utf-8")).get(address, set())
    host, _, port = address.rpartition(":")
    wanted = (ipaddress.ip_address(host.strip("[]")), int(port))
    tables = (read_text(net / name) or "" for name in ("tcp", "tcp6"))
    return {inode for table in tables for inode in parse_tcp(table).get(wanted, set())}


def parse_unix(table: str) -> dict[str, set[int]]:
    """Return the inodes of listening unix sockets by path, from the text of /proc/net/unix."""
    found: dict[str, set[int]] = {}
    for line in table.splitlines()[1:]:
        words = line.split(maxsplit=7)
        if len(words) == 8 and int(words[3], 16) & ACCEPTS_CONNECTIONS:
            found.setdefault(words[7], set()).add(int(words[6]))
    return found


def parse_tcp(table: str) -> dict[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int], set[int]]:
    """Return the inodes of listening TCP sockets by address and port, from /proc/net/tcp or tcp6."""
    found: dict[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int], set[int]] = {}
    for line in table.splitlines()[1:]:
        words = line.split()
        if words[3] == LISTENING:
            address, port = words[1].split(":")
            found.setdefault((_ip(address), int(port, 16)), set()).add(int(words[9]))
    return found


def _ip(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Read an address as the kernel prints it: words of 32 bits in the machine's own byte order."""
    words = [int(text[start : start + 8], 16) for start in range(0, len(text), 8)]
    return ipaddress.ip_address(struct.pack(f"={len(words)}I", *words))


def held_inodes(pid: int, uid: int, gid: int) -> set[int]:
    """Return the inodes of the sockets that a process has open; none once it is gone.

    uid, gid: whom the process runs as. Asked as the same user, as in a container even root may
    lack CAP_SYS_PTRACE, which looking into another user's process takes.
    """
    done = subprocess.run(
        ["find", f"/proc/{pid}/fd", "-type", "l", "-printf", "%l\\n"],
        check=False,
        capture_output=True,
        encoding="utf-8",
        user=uid,
        group=gid,
        extra_groups=[],
    )
    return {int(inode) for inode in re.findall(r"socket:\[(\d+)\]", done.stdout)}


def is_running(pid: int, root: Path = Path("/")) -> bool:
    """Tell whether a process is there."""
    return pid > 0 and (root / f"proc/{pid}").is_dir()
