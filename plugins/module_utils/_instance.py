# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance is: its names on the host, its files, its identity, and what a run has to do.

Everything here is pure: it reads no host and changes none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._files import MARKER

ID = re.compile(r"[0-9a-f]{12}")
UNIT_OF_INSTANCE = re.compile(r"@(check-)?(?P<id>[0-9a-f]{12})\.(service|socket)$")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# What a unit file takes as it stands: no blank, no %, no quote, no backslash.
PLAIN_PATH = re.compile(r"/[A-Za-z0-9._/@+:-]*")
# What the sandbox takes out of sight.
HIDDEN = tuple(Path(path) for path in ("/srv", "/home", "/root", "/run/user"))
MOVING = "moving.conf"


@dataclass(frozen=True)
class Paths:
    """Names and places of one app's instances.

    root: where the host's file systems start; another one in tests.
    """

    app: str
    root: Path = Path("/")

    @property
    def etc(self) -> Path:
        """The folder of the app's instances."""
        return self.root / "etc/webstack" / self.app

    @property
    def key(self) -> Path:
        """The host's secret, without which an instance's id tells nothing about its environment."""
        return self.root / "etc/webstack/instance.key"

    @property
    def units(self) -> Path:
        """The folder of units that outlive a reboot."""
        return self.root / "etc/systemd/system"

    @property
    def runtime_units(self) -> Path:
        """The folder of units that a reboot takes away."""
        return self.root / "run/systemd/system"

    @property
    def sockets(self) -> Path:
        """The folder of the app's unix sockets; made by systemd."""
        return self.root / "run/webstack" / self.app

    @property
    def lock(self) -> Path:
        """The file that a run locks."""
        return self.root / "run/lock" / f"webstack-{self.app}.lock"

    @property
    def target(self) -> str:
        """The unit that stands for the whole app."""
        return f"gunicorn-{self.app}.target"

    @property
    def handle(self) -> str:
        """The unit whose restart restarts the live instance."""
        return f"gunicorn-{self.app}.service"

    @property
    def mover(self) -> str:
        """The unit that takes the handle's place for a socket that is new beside an old one."""
        return f"gunicorn-{self.app}-moving.service"

    @property
    def record(self) -> Path:
        """The record of what is live, a drop-in of the handle."""
        return self.units / f"{self.handle}.d" / "live.conf"

    @property
    def enabled(self) -> Path:
        """The link that makes systemd start the app at boot."""
        return self.units / "multi-user.target.wants" / self.target

    def instance(self, instance: str) -> Path:
        """Return the folder of an instance."""
        return self.etc / instance

    def unit(self, instance: str, kind: str) -> str:
        """Name the unit of an instance, kind being service or socket."""
        return f"gunicorn-{self.app}@{instance}.{kind}"

    def check_unit(self, instance: str, kind: str) -> str:
        """Name the unit of an instance's rehearsal."""
        return f"gunicorn-{self.app}@check-{instance}.{kind}"

    def public_socket(self, listen: str) -> str:
        """Name the unit of a public socket; each address has its own."""
        if listen == "unix":
            return f"gunicorn-{self.app}.socket"
        return f"gunicorn-{self.app}-{listen.replace('[', '').replace(']', '')}.socket"

    def is_public_socket(self, unit: str) -> bool:
        """Tell whether a unit's name is that of a public socket of this very app."""
        return bool(re.fullmatch(rf"gunicorn-{re.escape(self.app)}(-[0-9a-f.:]+:\d+)?\.socket", unit))

    def address(self, listen: str) -> str:
        """Return where a public socket listens: a path, or host:port."""
        return str(Path("/run/webstack") / self.app / "http.sock") if listen == "unix" else listen


@dataclass(frozen=True)
class Texts:
    """The rendered files of an app, with tokens where only the host knows the value."""

    config: str
    service: str
    socket: str
    check_service: str
    check_socket: str
    public_socket: str
    handle: str
    target: str


@dataclass(frozen=True)
class Release:
    """What an instance runs: all paths real, no link among them.

    interpreters: prefixes of the interpreters that the virtualenv leads to.
    gunicorn: the version in the virtualenv.
    """

    directory: Path
    virtualenv: Path
    interpreters: tuple[Path, ...]
    gunicorn: str
    pythonpath: tuple[Path, ...]

    @property
    def name(self) -> str:
        """Name the release: by its folder, where the working directory is the `code` in it."""
        return self.directory.parent.name if self.directory.name == "code" else self.directory.name

    @property
    def gunicorn_version(self) -> tuple[int, ...]:
        """Return Gunicorn's version in a form that can be compared."""
        return tuple(int(number) for number in re.findall(r"\d+", self.gunicorn)[:3])


@dataclass(frozen=True)
class File:
    """A file as it has to be. group: whether the app's group owns it, else root's does."""

    path: Path
    text: str
    mode: int
    group: bool = False


@dataclass(frozen=True)
class Instance:
    """An instance as it has to be: its id, its own files, and those all instances share."""

    id: str
    own: tuple[File, ...]
    check: tuple[File, ...]
    shared: tuple[File, ...]


def build(
    paths: Paths,
    texts: Texts,
    release: Release,
    env: Mapping[str, str],
    tokens: Mapping[str, str],
    sockets: Sequence[str],
    listen: str,
    key: bytes,
) -> Instance:
    """Fill in what the controller could not know, and name the result.

    tokens: values for the texts, besides those that follow from the release. sockets: units of
    the public sockets it inherits. listen: the public address. key: the host's secret.
    Raises ValueError for a path or an environment that cannot be written down.
    """
    values = {**_release_tokens(release), **tokens, "__PUBLIC_SOCKETS__": " ".join(sockets)}
    environment = encode_environment(env)
    config, service, socket = (fill(text, values) for text in (texts.config, texts.service, texts.socket))
    identity = identify(
        key,
        [
            str(release.directory),
            str(release.virtualenv),
            environment,
            *(body(text) for text in (config, service, socket)),
        ],
    )
    values["__INSTANCE__"] = identity
    folder = paths.instance(identity)
    return Instance(
        id=identity,
        own=(
            File(folder / "gunicorn.conf.py", fill(config, values), 0o640, group=True),
            File(folder / "env", environment, 0o600),
            File(paths.units / paths.unit(identity, "service"), fill(service, values), 0o644),
            File(paths.units / paths.unit(identity, "socket"), fill(socket, values), 0o644),
        ),
        check=tuple(
            File(paths.runtime_units / paths.check_unit(identity, kind), fill(text, values), 0o644)
            for kind, text in (("service", texts.check_service), ("socket", texts.check_socket))
        ),
        shared=(
            File(paths.units / paths.public_socket(listen), texts.public_socket, 0o644),
            File(paths.units / paths.handle, texts.handle, 0o644),
            File(paths.units / paths.target, texts.target, 0o644),
        ),
    )


def _release_tokens(release: Release) -> dict[str, str]:
    hidden = [
        path for path in release.interpreters if any(above in HIDDEN for above in (path, *path.parents))
    ]
    places = [release.directory, release.virtualenv, *hidden]
    for place in places:
        if not PLAIN_PATH.fullmatch(str(place)):
            raise ValueError(
                f"{place}: a unit file takes only letters, digits and ._/@+:- in a path; "
                "move it to another place"
            )
    return {
        "__DIRECTORY__": str(release.directory),
        "__VIRTUALENV__": str(release.virtualenv),
        "__RELEASE__": release.name,
        "__PYTHONPATH__": ":".join(str(path) for path in release.pythonpath),
        "__READ_ONLY_PATHS__": " ".join(str(place) for place in places),
    }


def fill(text: str, tokens: Mapping[str, str]) -> str:
    """Replace each token in a text by its value."""
    for token, value in tokens.items():
        text = text.replace(token, value)
    return text


def body(text: str | None) -> str | None:
    """Return a file's text without the comment it starts with.

    That comment is ansible_managed, which may name the controller or the time: not a change.
    """
    if text is None:
        return None
    lines = text.splitlines(keepends=True)
    while lines and lines[0].startswith("#"):
        del lines[0]
    return "".join(lines)


def identify(key: bytes, parts: Sequence[str | None]) -> str:
    """Name what the parts make up: 12 hexadecimal digits that tell nothing without the key."""
    return hmac.new(key, json.dumps(list(parts)).encode(), hashlib.sha256).hexdigest()[:12]


def encode_environment(env: Mapping[str, str]) -> str:
    r"""Write variables as systemd reads an EnvironmentFile=, so that every value comes back.

    Within double quotes systemd takes a backslash before any of "\`$ away and leaves all else,
    line ends among it, as it is. Raises ValueError, naming the variable, for a name or a value
    that no environment can hold.
    """
    lines = [f"# {MARKER}: the environment of one instance."]
    for name, value in sorted(env.items()):
        if not ENV_NAME.fullmatch(name):
            raise ValueError(f"env: {name!r} is no name of a variable; use letters, digits and _")
        if "\0" in value:
            raise ValueError(f"env.{name}: the value holds a NUL byte, which no environment can")
        quoted = re.sub(r'(["\\`$])', r"\\\1", value)
        lines.append(f'{name}="{quoted}"')
    return "\n".join(lines) + "\n"


def decode_environment(text: str) -> dict[str, str]:
    """Read back what encode_environment wrote."""
    found = re.findall(r'^([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"$', text, re.MULTILINE | re.DOTALL)
    return {name: re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL) for name, value in found}


def changed_names(before: str, after: str) -> tuple[str, str]:
    """Return two environments for a diff: the names of the variables that differ, no value."""
    old, new = decode_environment(before), decode_environment(after)
    names = [name for name in sorted({*old, *new}) if old.get(name) != new.get(name)]
    return (
        "".join(f"{name}=(hidden)\n" for name in names if name in old),
        "".join(f"{name}=({'changed' if name in old else 'hidden'})\n" for name in names if name in new),
    )


def live_record(paths: Paths, instance: str) -> str:
    """Return the text of the record that makes an instance the live one."""
    return (
        f"# {MARKER}: the record of what is live.\n[Unit]\nWants={paths.unit(instance, 'service')}\n"
    )


def recorded_instance(text: str | None) -> str | None:
    """Return the instance that a record names; None for no record."""
    found = re.search(r"^Wants=\S+@([0-9a-f]{12})\.service$", text or "", re.MULTILINE)
    return found.group(1) if found else None


@dataclass(frozen=True)
class Unit:
    """A unit as systemd knows it. pid: of the main process, 0 for none."""

    name: str
    active: str = "inactive"
    sub: str = "dead"
    needs_reload: bool = False
    pid: int = 0
    wants: frozenset[str] = frozenset()

    @property
    def up(self) -> bool:
        """Tell whether the unit is active."""
        return self.active == "active"

    @property
    def down(self) -> bool:
        """Tell whether the unit neither runs nor is about to."""
        return self.active in ("inactive", "failed", "deactivating")


@dataclass(frozen=True)
class Observed:
    """What is on the host.

    live: what the record names. records: instance.json of each instance that was ever live.
    leftovers: instances of which there are files but no record. checks: unit files of
    rehearsals. litter: files that were never given their names. public_sockets: unit files of public sockets. texts: of all files that the
    wanted instance has. units: of systemd's units, those that it has loaded.
    current: whether the link `current` is as the live instance wants it.
    """

    live: str | None
    records: Mapping[str, Mapping[str, Any]]
    leftovers: frozenset[str]
    checks: tuple[Path, ...]
    litter: tuple[Path, ...]
    public_sockets: tuple[str, ...]
    texts: Mapping[Path, str | None]
    units: Mapping[str, Unit]
    enabled: bool
    current: bool

    def unit(self, name: str) -> Unit:
        """Return a unit; one that systemd has not loaded is down."""
        return self.units.get(name, Unit(name))


@dataclass(frozen=True)
class Plan:
    """What a run has to do, in this order. Each part is empty on a host that is as it should be.

    strays: units to stop, of rehearsals and of instances that are not live. debris: instances
    whose files were never finished. checks: unit files of rehearsals. litter: files without their
    names yet. reload: systemd has not
    read the record. rewrite: files of the live instance to write again. restart: the live
    instance may run with what was edited. shared: shared files to write. revive: units that
    should run and do not. enable: the link for the boot is missing. relink: `current` is wrong.
    swap: the live instance is not the wanted one. drop: instances beyond those to keep.
    leave: public sockets that the app no longer wants.
    """

    strays: tuple[str, ...] = ()
    debris: tuple[str, ...] = ()
    checks: tuple[Path, ...] = ()
    litter: tuple[Path, ...] = ()
    reload: bool = False
    rewrite: tuple[File, ...] = ()
    restart: bool = False
    shared: tuple[File, ...] = ()
    revive: tuple[str, ...] = ()
    enable: bool = False
    relink: bool = False
    swap: bool = False
    drop: tuple[str, ...] = ()
    leave: tuple[str, ...] = ()
    repairs: tuple[str, ...] = field(default=())

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to do now; leaving a socket waits until it is asked for."""
        return bool(
            self.strays or self.debris or self.checks or self.litter or self.reload or self.rewrite or self.shared
            or self.revive or self.enable or self.relink or self.swap or self.drop
        )


def decide(paths: Paths, wanted: Instance, observed: Observed, listen: str, keep: int) -> Plan:
    """Compare what is with what should be.

    listen: the public address. keep: how many instances stay, the live one among them.
    """
    live = observed.live
    strays = _strays(paths, observed)
    swap = live != wanted.id
    rewrite = () if swap else _differing(wanted.own, observed)
    reload = live is not None and _record_is_unread(paths, observed, live)
    revive = _revive(paths, observed, live, listen)
    debris = tuple(sorted(observed.leftovers - {live}))
    shared = _differing(wanted.shared, observed)
    restart = any(observed.texts.get(file.path) is not None for file in rewrite)
    return Plan(
        strays=strays,
        debris=debris,
        checks=observed.checks,
        litter=observed.litter,
        reload=reload,
        rewrite=rewrite,
        restart=restart,
        shared=shared,
        revive=revive,
        enable=not observed.enabled,
        relink=not observed.current,
        swap=swap,
        drop=beyond(observed.records, keep, live) if not swap else (),
        leave=tuple(unit for unit in observed.public_sockets if unit != paths.public_socket(listen)),
        repairs=_repairs(paths, observed, strays, debris, rewrite, restart, reload, revive, shared),
    )


def _strays(paths: Paths, observed: Observed) -> tuple[str, ...]:
    """Name units that run though no record wants them."""
    strays = []
    for name, unit in observed.units.items():
        found = UNIT_OF_INSTANCE.search(name)
        if found and unit.active != "inactive" and (found.group(1) or found["id"] != observed.live):
            strays.append(name)
    return tuple(sorted(strays))


def _differing(files: Iterable[File], observed: Observed) -> tuple[File, ...]:
    return tuple(file for file in files if body(observed.texts.get(file.path)) != body(file.text))


def _record_is_unread(paths: Paths, observed: Observed, live: str) -> bool:
    handle = observed.unit(paths.handle)
    return handle.needs_reload or (bool(handle.wants) and paths.unit(live, "service") not in handle.wants)


def _revive(paths: Paths, observed: Observed, live: str | None, listen: str) -> tuple[str, ...]:
    if live is None:
        return ()
    names = (
        paths.public_socket(listen), paths.handle, paths.target, paths.unit(live, "service"),
    )
    known = {paths.handle, paths.target, paths.unit(live, "service"), *observed.public_sockets}
    return tuple(name for name in names if name in known and observed.unit(name).down)


def _repairs(
    paths: Paths,
    observed: Observed,
    strays: Sequence[str],
    debris: Sequence[str],
    rewrite: Sequence[File],
    restart: bool,
    reload: bool,
    revive: Sequence[str],
    shared: Sequence[File],
) -> tuple[str, ...]:
    """Say what is put right that no change of the inventory explains."""
    said = [f"stopped {name}, which no record wants" for name in strays if name.endswith(".service")]
    said += [f"removed {path.name}, left by a rehearsal" for path in observed.checks]
    said += [f"removed the unfinished file {path}" for path in observed.litter]
    said += [f"removed the unfinished instance {instance}" for instance in debris]
    said += [
        f"wrote {file.path} again" + (" and restarted the live instance" if restart else "")
        for file in rewrite
    ]
    if observed.live is not None:
        said += [
            f"wrote {file.path} again"
            for file in shared
            if observed.texts.get(file.path) is None and file.path.name in (paths.handle, paths.target)
        ]
    if reload:
        said.append("let systemd read the record of what is live")
    said += [f"started {name}, which was down" for name in revive]
    return tuple(said)


def beyond(
    records: Mapping[str, Mapping[str, Any]], keep: int, live: str | None
) -> tuple[str, ...]:
    """Name the instances to drop: the oldest beyond `keep`, never the live one or the one before it.

    records: by instance, with `created` and, for the live one, `previous`.
    """
    spared = {live, records.get(live or "", {}).get("previous")}
    newest_first = sorted(records, key=lambda name: str(records[name].get("created", "")), reverse=True)
    newest_first.sort(key=lambda name: name not in spared)
    return tuple(name for name in newest_first[max(keep, 1) :] if name not in spared)
