# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an instance is: its names on the host, its files, its identity.

Everything here is pure: it reads no host and changes none.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import MARKER, lock_path

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
    def held(self) -> Path:
        """The file that names the instances that were rolled back."""
        return self.etc / "held.json"

    @property
    def log(self) -> Path:
        """The deploy log: a line of JSON for each swap that was tried."""
        return self.root / "var/log/webstack" / f"{self.app}.jsonl"

    @property
    def lock(self) -> Path:
        """The file that a run locks."""
        return lock_path(f"app-{self.app}", self.root)

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
        """The unit that takes the handle's place for a socket that is new beside an old one.

        Its name is that of no instance, and with the @ that of no other app's handle.
        """
        return f"gunicorn-{self.app}@moving.service"

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

    @property
    def public_node(self) -> Path:
        """The node of the public unix socket."""
        return self.sockets / "http.sock"

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

    @property
    def places(self) -> list[Path]:
        """What the app must have in sight: its code, its virtualenv, and interpreters that are hidden."""
        hidden = [
            path for path in self.interpreters if any(above in HIDDEN for above in (path, *path.parents))
        ]
        return [self.directory, self.virtualenv, *hidden]


@dataclass(frozen=True)
class File:
    """A file as it has to be. group: whether the app's group owns it, else root's does."""

    path: Path
    text: str
    mode: int
    group: bool = False


@dataclass(frozen=True)
class Own:
    """The texts of an instance's own files, with __INSTANCE__ where its id belongs."""

    config: str
    environment: str
    service: str
    socket: str
    check_service: str
    check_socket: str

    def identify(self, key: bytes, directory: Path, virtualenv: Path) -> str:
        """Name the instance. key: the host's secret. directory, virtualenv: what it runs."""
        bodies = (body(text) for text in (self.config, self.service, self.socket))
        return identify(key, [str(directory), str(virtualenv), self.environment, *bodies])


@dataclass(frozen=True)
class Instance:
    """An instance as it has to be: its id, its own files, and those all instances share."""

    id: str
    own: tuple[File, ...]
    check: tuple[File, ...]
    shared: tuple[File, ...]


@dataclass(frozen=True)
class Access:
    """Who may open a unix socket. group: empty for the user's own."""

    user: str
    group: str
    mode: int


def public_access(paths: Paths, wanted: Instance) -> Access | None:
    """Return who is to open the public socket, as its unit says; None where that is no unix socket."""
    for file in wanted.shared:
        if file.path.name == paths.public_socket("unix"):
            said = dict(re.findall(r"^Socket(User|Group|Mode)=(.+)$", file.text, re.MULTILINE))
            # What systemd takes where the unit says nothing.
            return Access(said.get("User", "root"), said.get("Group", ""), int(said.get("Mode", "0666"), 8))
    return None


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
    own = Own(
        config=fill(texts.config, values),
        environment=encode_environment(env),
        service=fill(texts.service, values),
        socket=fill(texts.socket, values),
        check_service=fill(texts.check_service, values),
        check_socket=fill(texts.check_socket, values),
    )
    shared = (
        File(paths.units / paths.public_socket(listen), texts.public_socket, 0o644),
        File(paths.units / paths.handle, texts.handle, 0o644),
        File(paths.units / paths.target, texts.target, 0o644),
    )
    return assemble(paths, own.identify(key, release.directory, release.virtualenv), own, shared)


def assemble(paths: Paths, identity: str, own: Own, shared: tuple[File, ...]) -> Instance:
    """Give an instance's texts their places. The units of its rehearsal are kept for a rollback."""
    folder, values = paths.instance(identity), {"__INSTANCE__": identity}
    checks = {"service": fill(own.check_service, values), "socket": fill(own.check_socket, values)}
    return Instance(
        id=identity,
        own=(
            File(folder / "gunicorn.conf.py", fill(own.config, values), 0o640, group=True),
            File(folder / "env", own.environment, 0o600),
            File(paths.units / paths.unit(identity, "service"), fill(own.service, values), 0o644),
            File(paths.units / paths.unit(identity, "socket"), fill(own.socket, values), 0o644),
            *(File(folder / f"check.{kind}", text, 0o600) for kind, text in checks.items()),
        ),
        check=tuple(
            File(paths.runtime_units / paths.check_unit(identity, kind), text, 0o644)
            for kind, text in checks.items()
        ),
        shared=shared,
    )


def _release_tokens(release: Release) -> dict[str, str]:
    return {
        "__DIRECTORY__": str(release.directory),
        "__VIRTUALENV__": str(release.virtualenv),
        "__RELEASE__": release.name,
        "__PYTHONPATH__": ":".join(str(path) for path in release.pythonpath),
        "__READ_ONLY_PATHS__": " ".join(plain_places(release.places)),
    }


def plain_places(places: Sequence[Path]) -> list[str]:
    """Return paths as a unit file takes them. Raises ValueError for one that it does not take."""
    for place in places:
        if not PLAIN_PATH.fullmatch(str(place)):
            raise ValueError(
                f"{place}: a unit file takes only letters, digits and ._/@+:- in a path; "
                "move it to another place"
            )
    return [str(place) for place in places]


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
    return f"# {MARKER}: the record of what is live.\n[Unit]\nWants={paths.unit(instance, 'service')}\n"


def recorded_instance(text: str | None) -> str | None:
    """Return the instance that a record names; None for no record."""
    found = re.search(r"^Wants=\S+@([0-9a-f]{12})\.service$", text or "", re.MULTILINE)
    return found.group(1) if found else None
