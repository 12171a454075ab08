# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source trees from a Git repository, read through a cache on the controller."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path

from ansible_collections.webstack.python.plugins.plugin_utils._git import GitError, Repository
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import (
    Entry,
    SourceError,
    Tree,
    decode,
    make_tree,
    sha256,
    travels,
)

_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_ABBREVIATED = re.compile(r"[0-9a-f]{7,64}")
_LFS = b"version https://git-lfs.github.com/spec/"
# What is to be done about words of Git or of ssh.
_REMEDIES = {
    "Host key verification failed": "let the controller's ssh know the host: connect to it once by hand, and "
    "compare its fingerprint",
    "Permission denied": "give the private key of a reader of the repository as source.deploy_key",
    "error in libcrypto": "source.deploy_key is not a whole private key; copy it again, with its first and "
    "last line",
    "could not read Username": "give a token that may read the repository as source.token",
    "Authentication failed": "check source.token, or the user and password in source.git",
    "returned error: 403": "check whether source.token may read the repository",
}


@dataclass(frozen=True)
class Part:
    """What one commit of one repository has: its files by path, and its submodules.

    submodules: commits by path. addresses: the URLs that .gitmodules gives, by path.
    """

    commit: str
    entries: dict[str, Entry]
    contents: dict[str, bytes]
    submodules: dict[str, str]
    addresses: dict[str, str]


def collect(
    repository: Repository, ref: str, run: Path, subfolder: str = "", *, submodules: bool = False
) -> Tree:
    """Return the tree of a branch, tag or commit, or of one folder in it.

    run: a folder that one run of a playbook has for itself. In one run a ref is asked for once, so
    that all hosts get the same commit. submodules: whether to take their files, too. Raises SourceError.
    """
    part = _gather(repository, ref, run, subfolder.strip("/"), submodules=submodules)
    entries, read = part.entries.values(), part.contents.__getitem__
    return make_tree("git", repository.address, part.commit, entries, read, subfolder)


def _gather(repository: Repository, ref: str, run: Path, subfolder: str, *, submodules: bool) -> Part:
    """Return what a ref has, and what its submodules have among it. Raises SourceError."""
    if ref.startswith("-") or repository.url.startswith("-"):
        raise SourceError(f"source.git and source.ref may not begin with '-': {repository.address} {ref}")
    with repository.locked():
        try:
            part = _read(repository, _resolve(repository, ref, run), subfolder)
        except GitError as error:
            raise SourceError(f"reading '{ref}' from {repository.address} failed:\n{_said(error)}") from None
    # Unlocked, as a submodule may lead to the same repository.
    for path, commit in part.submodules.items():
        if not submodules:
            raise SourceError(
                f"{repository.address} has a Git submodule at {path}; set source.submodules to true to "
                "deploy its files, too"
            )
        try:
            inner = _gather(_submodule(repository, part, path), commit, run, "", submodules=True)
        except SourceError as error:
            raise SourceError(f"the submodule {path} of {repository.address}: {error}") from None
        for name, entry in inner.entries.items():
            part.entries[f"{path}/{name}"] = replace(entry, path=f"{path}/{name}")
        part.contents.update({f"{path}/{name}": content for name, content in inner.contents.items()})
    return part


def _said(error: GitError) -> str:
    text = str(error)
    remedy = next((remedy for words, remedy in _REMEDIES.items() if words in text), "check source.git")
    return f"{text}\nRemedy: {remedy}."


def _submodule(repository: Repository, part: Part, path: str) -> Repository:
    if path not in part.addresses:
        raise SourceError("its address is not in .gitmodules; add it, or remove the submodule")
    return repository.submodule(part.addresses[path])


def _resolve(repository: Repository, ref: str, run: Path) -> str:
    """Return the commit of a ref; ask the repository only where the cache cannot know it."""
    if _COMMIT.fullmatch(ref) and repository.has(ref):
        return ref
    notes = run / f"webstack-git-{sha256(repository.address.encode())}.json"
    known = _known(notes)
    if ref not in known:
        known[ref] = _ask(repository, ref)
        notes.write_text(json.dumps(known), encoding="utf-8")
    return known[ref]


def _known(notes: Path) -> dict[str, str]:
    """Return the commits that a run has asked for already, by their ref."""
    with contextlib.suppress(FileNotFoundError):
        return dict(json.loads(notes.read_text(encoding="utf-8")))
    return {}


def _ask(repository: Repository, ref: str) -> str:
    refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    if ref == "HEAD":
        refspecs.append("+HEAD:refs/webstack/HEAD")
    elif ref.startswith("refs/"):
        refspecs.append(f"+{ref}:{ref}")
    repository.fetch(*refspecs)
    if _COMMIT.fullmatch(ref) and not repository.has(ref):
        # A commit that no branch leads to any more; many servers still give it by its name.
        repository.fetch(ref)
    names = {"HEAD": ["refs/webstack/HEAD"]}.get(ref, [f"refs/tags/{ref}", f"refs/heads/{ref}"])
    if ref.startswith("refs/") or _ABBREVIATED.fullmatch(ref):
        names.append(ref)
    commit = next(filter(None, map(repository.commit_of, names)), None)
    if commit is None:
        raise SourceError(f"{repository.address} has no branch, tag or commit '{ref}'; check source.ref")
    return commit


def _read(repository: Repository, commit: str, subfolder: str) -> Part:
    """Return what a commit of the cache has, all its files in memory."""
    modified = int(repository.run("log", "-1", "--format=%ct", commit))
    modes: dict[str, tuple[str, str]] = {}
    submodules: dict[str, str] = {}
    chosen = ("--", f"{subfolder}/") if subfolder else ()
    for line in repository.run("ls-tree", "-r", "-z", commit, *chosen).split(b"\0"):
        if line:
            head, _, name = line.partition(b"\t")
            mode, kind, identity = head.decode().split()
            path = decode(name)
            if kind == "commit":
                submodules[path] = identity
            elif travels(path):
                modes[path] = (mode, identity)
    blobs = _blobs(repository, {identity for _, identity in modes.values()})
    contents = {path: blobs[identity] for path, (_, identity) in modes.items()}
    entries = {
        path: _entry(path, mode, contents[path], modified, repository) for path, (mode, _) in modes.items()
    }
    addresses = _addresses(repository, commit) if submodules else {}
    return Part(commit, entries, contents, submodules, addresses)


def _addresses(repository: Repository, commit: str) -> dict[str, str]:
    """Return the URLs of .gitmodules by the paths of their submodules."""
    options = ("config", f"--blob={commit}:.gitmodules", "-z", "--get-regexp", r"^submodule\..*\.(path|url)$")
    found: dict[str, dict[str, str]] = {}
    with contextlib.suppress(GitError):
        for line in repository.run(*options).split(b"\0"):
            key, _, value = decode(line).partition("\n")
            name, _, option = key.rpartition(".")
            found.setdefault(name, {})[option] = value
    return {values["path"]: values["url"] for values in found.values() if {"path", "url"} <= values.keys()}


def _entry(path: str, mode: str, content: bytes, modified: int, repository: Repository) -> Entry:
    if mode == "120000":
        return Entry(path, target=decode(content))
    if content.startswith(_LFS):
        raise SourceError(
            f"{repository.address} keeps {path} in Git LFS, which is not supported; "
            "deploy from a folder that holds its files (source.path)"
        )
    return Entry(path, content=sha256(content), executable=mode == "100755", modified=modified)


def _blobs(repository: Repository, identities: set[str]) -> dict[str, bytes]:
    """Read many files in one call; each is printed as a line of id, type, size, and its bytes."""
    typed = "".join(f"{identity}\n" for identity in sorted(identities)).encode()
    printed = repository.run("cat-file", "--batch", typed=typed)
    blobs, start = {}, 0
    while start < len(printed):
        end = printed.index(b"\n", start)
        identity, _, size = printed[start:end].decode().split()
        blobs[identity] = printed[end + 1 : end + 1 + int(size)]
        start = end + 2 + int(size)
    return blobs
