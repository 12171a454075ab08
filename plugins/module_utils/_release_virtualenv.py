# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Virtualenvs: by what they are known, and how uv makes them."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import write_text
from ansible_collections.webstack.python.plugins.module_utils._redact import (
    conceal,
    passwords,
    without_credentials,
)
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    ReleaseError,
    digest,
)

CACHE = Path("/var/cache/webstack/uv")
DEFAULT_INDEX = "uv's own default"
# The kinds whose versions are all said, or that have none.
LOCKED = ("uv.lock", "pylock.toml", "none")
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
# Else what a run that is killed had started would write on in what the next run makes anew.
NO_LONGER_THAN_US = ("setpriv", "--pdeathsig", "KILL")
_SHOWN_LINES = 25
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_PROBE = (
    "import json,os,platform,sys,sysconfig;"
    "print(json.dumps({'path': os.path.realpath(sys.executable), 'version': platform.python_version(),"
    "'implementation': sys.implementation.name, 'platform': sysconfig.get_platform()}))"
)


class InterpreterMissing(ReleaseError):
    """The host has no such interpreter."""


@dataclass(frozen=True)
class Interpreter:
    """What an interpreter is, by its own word."""

    path: str
    version: str
    implementation: str
    platform: str


@dataclass(frozen=True)
class Dependencies:
    """What is to be installed: from which kind of file, with which lock digest, and beside it Gunicorn.

    kind: uv.lock, pylock.toml, pyproject.toml, requirements.txt, list or none.
    specifiers: the requirements where kind is list. extras: those of Gunicorn that its workers need.
    """

    kind: str
    lock: str
    specifiers: tuple[str, ...]
    gunicorn: str
    extras: tuple[str, ...] = ()


@dataclass(frozen=True)
class Uv:
    """How uv is called.

    index_url: may hold credentials; '' is uv's own default, PyPI. pins: versions that hold where a
    package of that name is installed, as NAME==VERSION. constraints: the file that holds them.
    """

    binary: str
    index_url: str
    arguments: tuple[str, ...]
    system_certs: bool
    pins: tuple[str, ...] = ()
    constraints: str = ""

    def environment(self, virtualenv: Path) -> dict[str, str]:
        """Return uv's environment. The index goes here, as arguments are public on the host."""
        environment = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
        environment.update(
            PATH=SEARCH_PATH,
            NO_COLOR="1",
            # uv locks by files with foreseeable names, which it leaves: not in everybody's /tmp.
            TMPDIR=str(CACHE.parent),
            UV_CACHE_DIR=str(CACHE),
            UV_COMPILE_BYTECODE="1",
            UV_NO_PROGRESS="1",
            UV_PROJECT_ENVIRONMENT=str(virtualenv),
            UV_PYTHON_DOWNLOADS="never",
        )
        if self.system_certs:
            environment["UV_SYSTEM_CERTS"] = "1"
        if self.constraints:
            environment["UV_CONSTRAINT"] = self.constraints
        if self.index_url:
            environment["UV_DEFAULT_INDEX"] = self.index_url
        return environment

    def run(
        self,
        virtualenv: Path,
        *command: str,
        directory: str = "/",
        typed: str = "",
        more: Mapping[str, str] | None = None,
    ) -> None:
        """Run uv for a virtualenv, in a directory, with text typed into its standard input.

        Raises ReleaseError with uv's own last lines.
        """
        if not os.access(self.binary, os.X_OK):
            raise ReleaseError(f"{self.binary} is not there; run the role python_app, which installs uv")
        done = subprocess.run(
            (*NO_LONGER_THAN_US, self.binary, *command),
            check=False,
            cwd=directory,
            env={**self.environment(virtualenv), **(more or {})},
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        )
        if done.returncode != 0:
            lines = _COLOURS.sub("", done.stdout).rstrip().splitlines()[-_SHOWN_LINES:]
            said = conceal("\n".join(lines), *passwords(self.index_url))
            raise ReleaseError(
                f"uv {' '.join(command[:2])} failed (exit {done.returncode}):\n{said}\n"
                f"The index that was asked: {without_credentials(self.index_url) or DEFAULT_INDEX}."
            )


def probe(python: str) -> Interpreter:
    """Ask an interpreter, given as a command's name or an absolute path, what it is.

    Raises InterpreterMissing where the host has none of that name, ReleaseError where it does
    not answer.
    """
    found = shutil.which(python, path=SEARCH_PATH)
    if found is None:
        raise InterpreterMissing(
            f"this host has no interpreter '{python}'; name one by its command (python3.12) or its "
            "absolute path, or have its Debian package installed by python_app_packages"
        )
    done = subprocess.run(
        (found, "-I", "-S", "-c", _PROBE),
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
    )
    try:
        return Interpreter(**json.loads(done.stdout))
    except (ValueError, TypeError):
        raise ReleaseError(
            f"{found} does not answer as a Python interpreter: {done.stdout.strip()}"
        ) from None


def key(interpreter: Interpreter, dependencies: Dependencies, uv: Uv) -> str:
    """Return the name of the virtualenv: the same for the same inputs, without any secret."""
    wanted = asdict(dependencies)
    if not dependencies.extras:
        # Most virtualenvs have none, and were named before there could be any.
        del wanted["extras"]
    return digest(
        {
            "interpreter": asdict(interpreter),
            "dependencies": wanted,
            "index": without_credentials(uv.index_url),
            "arguments": uv.arguments,
        }
    )


def resolution(app: str, interpreter: Interpreter, dependencies: Dependencies, uv: Uv) -> str:
    """Return what a resolution is known by, '' where there is nothing to resolve.

    Hosts may differ in what changes no version: the path and the patch release of the interpreter.
    """
    if dependencies.kind in LOCKED or "--require-hashes" in uv.arguments:
        return ""
    minor = interpreter.version.rpartition(".")[0]
    alike = replace(interpreter, path="", version=minor)
    return digest([app, key(alike, dependencies, uv)])


def installed(directory: Path) -> list[str]:
    """Return what a virtualenv holds from an index, as NAME==VERSION."""
    found = []
    for path in directory.glob("lib/python*/site-packages/*.dist-info"):
        name, _, version = path.name.removesuffix(".dist-info").rpartition("-")
        if name and not (path / "direct_url.json").exists():
            found.append(f"{name}=={version}")
    return sorted(found)


def is_complete(directory: Path) -> bool:
    """Tell whether a virtualenv was made to its end."""
    return (directory / ".complete").exists()


def build(directory: Path, interpreter: Interpreter, dependencies: Dependencies, uv: Uv, code: Path) -> None:
    """Make a virtualenv in its place, as its scripts hold its path; one that fails is removed.

    code: the source tree that holds the files the dependencies are read from.
    Raises ReleaseError with uv's words, OSError.
    """
    if directory.exists():
        shutil.rmtree(directory)
    CACHE.mkdir(mode=0o700, parents=True, exist_ok=True)
    constraints = CACHE.parent / f"{directory.name}.constraints"
    try:
        if uv.pins:
            write_text(constraints, "".join(f"{pin}\n" for pin in uv.pins), mode=0o600)
            uv = replace(uv, constraints=str(constraints))
        uv.run(directory, "venv", "--quiet", "--no-project", "--python", interpreter.path, str(directory))
        _install(directory, dependencies, uv, code)
        if not _has(directory, "gunicorn"):
            _pip(directory, uv, f"gunicorn=={dependencies.gunicorn}")
        if dependencies.extras:
            # Without a version: whichever Gunicorn is there stays, and so does what it needs already.
            _pip(directory, uv, f"gunicorn[{','.join(dependencies.extras)}]")
        seal(directory)
        write_text(directory / ".complete", f"{json.dumps(asdict(interpreter))}\n")
    except BaseException:
        shutil.rmtree(directory, ignore_errors=True)
        raise
    finally:
        constraints.unlink(missing_ok=True)


def seal(directory: Path) -> None:
    """Let nobody but root write below a directory, and everybody read."""
    for parent, folders, files in os.walk(directory):
        for name in [*folders, *files]:
            path = os.path.join(parent, name)
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                continue
            mode = stat.S_IMODE(status.st_mode)
            wanted = (mode | (0o555 if stat.S_ISDIR(status.st_mode) else 0o444)) & ~0o7022
            if mode != wanted:
                os.chmod(path, wanted)


def _install(directory: Path, dependencies: Dependencies, uv: Uv, code: Path) -> None:
    if dependencies.kind == "none":
        return
    if dependencies.kind == "uv.lock":
        # The project itself stays in the release's code: the virtualenv is for every release.
        options = ("--frozen", "--no-dev", "--no-install-project", "--python", _python(directory))
        uv.run(directory, "sync", *options, *uv.arguments, directory=str(code))
    elif dependencies.kind == "list":
        _pip(directory, uv, "--requirements=-", typed="\n".join(dependencies.specifiers))
    elif dependencies.kind == "pyproject.toml":
        _pip(directory, uv, "--requirements=pyproject.toml", code=code)
    else:
        # A uv.toml or a pyproject.toml beside these files is no part of the lock digest.
        _pip(directory, uv, f"--requirements={dependencies.kind}", code=code, more={"UV_NO_CONFIG": "1"})


def _pip(
    directory: Path,
    uv: Uv,
    what: str,
    code: Path = Path("/"),
    typed: str = "",
    more: Mapping[str, str] | None = None,
) -> None:
    command = ("pip", "install", "--python", _python(directory), *uv.arguments, what)
    uv.run(directory, *command, directory=str(code), typed=typed, more=more)


def _python(directory: Path) -> str:
    return str(directory / "bin/python")


def _has(directory: Path, distribution: str) -> bool:
    return any(directory.glob(f"lib/python*/site-packages/{distribution}-*.dist-info"))
