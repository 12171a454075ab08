# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which dependencies a source tree asks for, and the digest that tells a change of them."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._release_layout import digest
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError, Tree

_INCLUDE = re.compile(r"(?:-r|-c|--requirement|--constraint)(?:\s*=\s*|\s*)(?P<file>\S+)$")
_REMOTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Requirements:
    """What is to be installed.

    kind: uv.lock, pylock.toml, pyproject.toml, requirements.txt, list or none.
    digest: SHA-256 over all that decides what is installed.
    """

    kind: str
    digest: str


def discover(tree: Tree, wanted: object) -> Requirements:
    """Return the dependencies of a tree.

    wanted: 'auto', or a list of requirement specifiers. Raises SourceError where they cannot be
    read, or need more than a package index.
    """
    if wanted == "auto":
        kind = _kind(tree)
        return Requirements(kind, digest({"kind": kind, "files": _files(tree, kind)}, length=64))
    if isinstance(wanted, Sequence) and not isinstance(wanted, str):
        for specifier in wanted:
            if not isinstance(specifier, str) or not specifier or specifier.startswith("-"):
                raise SourceError("requirements: each is one specifier as text, such as flask==3.1.3")
        return Requirements("list", digest({"kind": "list", "specifiers": list(wanted)}, length=64))
    raise SourceError("requirements: use auto, or a list of requirement specifiers")


def _kind(tree: Tree) -> str:
    project = _toml(tree, "pyproject.toml").get("project") if "pyproject.toml" in tree.files else None
    if "uv.lock" in tree.files and "pyproject.toml" in tree.files:
        return "uv.lock"
    if "pylock.toml" in tree.files:
        return "pylock.toml"
    # A pyproject.toml without a project only configures tools; setuptools may read dynamic
    # dependencies from requirements.txt.
    dynamic = project is not None and "dependencies" in project.get("dynamic", [])
    if project is not None and not dynamic:
        return "pyproject.toml"
    if "requirements.txt" in tree.files:
        return "requirements.txt"
    if dynamic:
        raise SourceError(
            f"pyproject.toml of {tree.origin} has dynamic dependencies, which only a build could tell; "
            "add a uv.lock or a requirements.txt, or list them under requirements"
        )
    return "none"


def _files(tree: Tree, kind: str) -> dict[str, str]:
    """Return the files that decide what is installed, with their digests."""
    if kind == "none":
        return {}
    if kind == "requirements.txt":
        return _includes(tree, kind)
    if kind == "uv.lock":
        _refuse_local_packages(tree)
        names = ["uv.lock", "pyproject.toml", "uv.toml"]
    elif kind == "pyproject.toml":
        names = ["pyproject.toml", "uv.toml"]
    else:
        _refuse_local_lock(tree)
        names = [kind]
    return {name: tree.files[name].content for name in names if name in tree.files}


def _includes(tree: Tree, first: str) -> dict[str, str]:
    """Return a requirements file and all that it includes."""
    found: dict[str, str] = {}
    waiting = [(first, tree.origin)]
    while waiting:
        name, origin = waiting.pop()
        if name not in tree.files:
            raise SourceError(
                f"{origin} includes {name}, which the source tree does not have; "
                "add it, or see whether .gitignore names it"
            )
        if name in found:
            continue
        found[name] = tree.files[name].content
        for line in _lines(tree, name):
            include = _INCLUDE.match(line)
            if include:
                waiting.append((_included(name, include["file"]), name))
            elif _is_local(line):
                raise SourceError(
                    f"{name} wants a package of the source tree itself ('{line}'); the tree is on the app's "
                    "path already, so leave that line out and list what the package depends on"
                )
    return found


def _included(name: str, file: str) -> str:
    if _REMOTE.match(file):
        raise SourceError(f"{name} includes {file}; a requirements file of another place is not supported")
    place = posixpath.normpath(posixpath.join(posixpath.dirname(name), file))
    if place.startswith(("/", "../")):
        raise SourceError(f"{name} includes {file}, which is outside of the source tree; move it inside")
    return place


def _lines(tree: Tree, name: str) -> Iterator[str]:
    """Yield a requirements file's lines without comments, continued ones joined."""
    text = _text(tree, name).replace("\\\n", " ")
    for line in text.splitlines():
        bare = re.sub(r"(^|\s)#.*$", "", line).strip()
        if bare:
            yield bare


def _is_local(line: str) -> bool:
    """Tell whether a line asks for a package that lies beside it, and not in an index."""
    if line.startswith("-"):
        return line.startswith(("-e", "--editable"))
    name, _, address = line.partition("@")
    place = (address or name).split(";")[0].strip()
    if place.startswith((".", "/", "file:")):
        return True
    return "://" not in place and ("/" in place or place.endswith((".whl", ".tar.gz", ".zip")))


def _refuse_local_packages(tree: Tree) -> None:
    for package in _toml(tree, "uv.lock").get("package", []):
        source = package.get("source", {})
        place = source.get("editable", source.get("directory", "."))
        if place != ".":
            raise SourceError(
                f"uv.lock takes {package.get('name')} from the folder {place}; packages of the source tree "
                "are not installed, so depend on a published one"
            )


def _refuse_local_lock(tree: Tree) -> None:
    for package in _toml(tree, "pylock.toml").get("packages", []):
        if package.get("directory", {}).get("path", ".") != ".":
            raise SourceError(
                f"pylock.toml takes {package.get('name')} from a folder; packages of the source tree "
                "are not installed, so depend on a published one"
            )


def _toml(tree: Tree, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(_text(tree, name))
    except tomllib.TOMLDecodeError as error:
        raise SourceError(f"{name} of {tree.origin} is not valid TOML: {error}") from None


def _text(tree: Tree, name: str) -> str:
    try:
        return tree.read(name).decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise SourceError(f"{name} of {tree.origin} is not UTF-8 text") from None
