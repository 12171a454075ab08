# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Source trees from a Git repository, read through a cache on the controller."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ansible_collections.webstack.python.plugins.module_utils._redact import (
    redact,
    without_credentials,
)
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
_SHOWN_LINES = 12
# Left over from a hook or another tool, these would turn every call to a repository not meant.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
# Credentials go through the environment: arguments are public on the controller.
_HELPER = '!f() { echo "username=$WEBSTACK_GIT_USER"; echo "password=$WEBSTACK_GIT_PASSWORD"; }; f'


class GitError(SourceError):
    """A call to Git failed; the text ends with Git's own last lines."""


class GitMissing(SourceError):
    """The controller has no git."""


def git(*arguments: str, typed: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
    """Run git, which never asks for anything, and return what it printed.

    typed: bytes for its standard input. more: more environment. Raises GitError, GitMissing.
    """
    environment = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    environment.update(
        GIT_TERMINAL_PROMPT="0",
        GIT_ALLOW_PROTOCOL="https:ssh:file",
        LC_ALL="C",
        **(more or {}),
    )
    environment.setdefault("GIT_SSH_COMMAND", "ssh -o BatchMode=yes")
    try:
        done = subprocess.run(
            ["git", *arguments], check=False, env=environment, input=typed, capture_output=True
        )
    except FileNotFoundError:
        raise GitMissing("the controller has no git; install it to deploy from a repository") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").rstrip().splitlines()[-_SHOWN_LINES:]
        raise GitError(redact("\n".join(lines)) or f"git ended with exit {done.returncode}")
    return done.stdout


@dataclass(frozen=True)
class Repository:
    """A repository and its cache, a bare clone without any address in it.

    url: as the manifest says it, with credentials. cache: the folder of all caches.
    ca_bundle: a file of certificates to trust, '' for the system's.
    """

    url: str
    cache: Path
    ca_bundle: str = ""

    @property
    def directory(self) -> Path:
        """The cache of this repository; a new password keeps it."""
        name = hashlib.sha256(self.address.encode()).hexdigest()
        return self.cache / f"{name}.git"

    @property
    def address(self) -> str:
        """The URL without credentials, that may be shown."""
        return without_credentials(self.url) if _is_http(self.url) else redact(self.url)

    def run(self, *arguments: str, typed: bytes = b"") -> bytes:
        """Run git in the cache. Raises GitError, GitMissing."""
        return git(f"--git-dir={self.directory}", *arguments, typed=typed)

    def fetch(self, *refspecs: str) -> None:
        """Fetch from the repository. Raises GitError, GitMissing."""
        more = {"GIT_SSL_CAINFO": self.ca_bundle} if self.ca_bundle else {}
        options: list[str] = []
        parts = urlsplit(self.url) if _is_http(self.url) else None
        if parts and parts.username is not None:
            more["WEBSTACK_GIT_USER"] = unquote(parts.username)
            more["WEBSTACK_GIT_PASSWORD"] = unquote(parts.password or "")
            options = ["-c", "credential.helper=", "-c", f"credential.helper={_HELPER}"]
        target = self.address if parts else self.url
        command = ("fetch", "--quiet", "--prune", "--no-write-fetch-head", "--", target)
        git(f"--git-dir={self.directory}", *options, *command, *refspecs, more=more)

    def has(self, commit: str) -> bool:
        """Tell whether the cache holds a commit."""
        with contextlib.suppress(GitError):
            self.run("cat-file", "-e", f"{commit}^{{commit}}")
            return True
        return False

    def commit_of(self, name: str) -> str | None:
        """Return the commit that a name of the cache leads to, or None."""
        with contextlib.suppress(GitError):
            found = self.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
            return found.decode().strip()
        return None


def collect(repository: Repository, ref: str, run: str, subfolder: str = "") -> Tree:
    """Return the tree of a branch, tag or commit, or of one folder in it.

    run: what one run of a playbook is known by. In one run a ref is asked for once, so that all
    hosts get the same commit. Raises SourceError.
    """
    if ref.startswith("-") or repository.url.startswith("-"):
        raise SourceError(f"source.git and source.ref may not begin with '-': {repository.address} {ref}")
    with _locked(repository):
        try:
            commit = _resolve(repository, ref, run)
            return _read(repository, commit, subfolder.strip("/"))
        except GitError as error:
            raise SourceError(f"reading '{ref}' from {repository.address} failed:\n{error}") from None


@contextlib.contextmanager
def _locked(repository: Repository) -> Iterator[None]:
    """Keep the forks of a run, and other runs, out of the cache; make it where there is none."""
    repository.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with repository.directory.with_suffix(".lock").open("a") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        git("init", "--quiet", "--bare", str(repository.directory))
        yield


def _resolve(repository: Repository, ref: str, run: str) -> str:
    """Return the commit of a ref; ask the repository only where the cache cannot know it."""
    if _COMMIT.fullmatch(ref) and repository.has(ref):
        return ref
    notes = repository.directory / "webstack.json"
    known = _known(notes, run)
    if ref not in known:
        known[ref] = _ask(repository, ref)
        notes.write_text(json.dumps({"run": run, "commits": known}), encoding="utf-8")
    return known[ref]


def _known(notes: Path, run: str) -> dict[str, str]:
    """Return the commits that this run has asked for already, by their ref."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        noted = json.loads(notes.read_text(encoding="utf-8"))
        if noted["run"] == run:
            return dict(noted["commits"])
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


def _read(repository: Repository, commit: str, subfolder: str) -> Tree:
    """Return the tree of a commit that the cache holds, all its files in memory."""
    modified = int(repository.run("log", "-1", "--format=%ct", commit))
    found: list[tuple[str, str, str]] = []
    chosen = ("--", f"{subfolder}/") if subfolder else ()
    for line in repository.run("ls-tree", "-r", "-z", commit, *chosen).split(b"\0"):
        if line:
            head, _, name = line.partition(b"\t")
            mode, kind, identity = head.decode().split()
            path = decode(name)
            if kind == "commit":
                raise SourceError(
                    f"{repository.address} has a Git submodule at {path}; submodules are not supported, "
                    "deploy from a folder that holds its files (source.path)"
                )
            if travels(path):
                found.append((path, mode, identity))
    blobs = _blobs(repository, {identity for _, _, identity in found})
    contents = {path: blobs[identity] for path, _, identity in found}
    entries = [_entry(path, mode, contents[path], modified, repository) for path, mode, _ in found]
    return make_tree("git", repository.address, commit, entries, contents.__getitem__, subfolder)


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


def _is_http(url: str) -> bool:
    return url.startswith(("http://", "https://"))
