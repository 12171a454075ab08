# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Git on the controller: how it is called, and how a repository is fetched into its cache."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from ansible_collections.webstack.python.plugins.module_utils._redact import (
    conceal,
    redact,
    without_credentials,
)
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError
from ansible_collections.webstack.python.plugins.plugin_utils._url import SCP_LIKE

# The user beside a token; a server that looks at it says which it wants.
TOKEN_USER = "x-token-auth"
_SHOWN_LINES = 12
# Left over from a hook or another tool, these would turn every call to a repository not meant.
_FOREIGN = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE")
# These would write down what a call hands over.
_TELLING = re.compile(r"GIT_TRACE\w*|GIT_CURL_VERBOSE")
# Credentials go through the environment: arguments are public on the controller.
_HELPER = '!f() { printf \'username=%s\\npassword=%s\\n\' "$WEBSTACK_GIT_USER" "$WEBSTACK_GIT_PASSWORD"; }; f'


class GitError(SourceError):
    """A call to Git failed; the text ends with Git's own last lines."""


class GitMissing(SourceError):
    """The controller has no git."""


def git(*arguments: str, typed: bytes = b"", more: Mapping[str, str] | None = None) -> bytes:
    """Run git, which never asks for anything, and return what it printed.

    typed: bytes for its standard input. more: more environment. Raises GitError, GitMissing.
    """
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in _FOREIGN and not _TELLING.fullmatch(name)
    }
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
    ca_bundle: a file of certificates to trust, '' for the system's. token: the password of an
    https URL. deploy_key: the text of the private key for an ssh URL. scratch: the folder that
    holds the key while Git fetches; '' is that for temporary files.
    """

    url: str = field(repr=False)
    cache: Path
    ca_bundle: str = ""
    token: str = field(default="", repr=False)
    deploy_key: str = field(default="", repr=False)
    scratch: str = ""

    @property
    def directory(self) -> Path:
        """The cache of this repository; a new password keeps it."""
        name = hashlib.sha256(self.address.encode()).hexdigest()
        return self.cache / f"{name}.git"

    @property
    def address(self) -> str:
        """The URL without credentials, that may be shown."""
        return without_credentials(self.url) if is_http(self.url) else redact(self.url)

    def run(self, *arguments: str, typed: bytes = b"") -> bytes:
        """Run git in the cache. Raises GitError, GitMissing."""
        return git(f"--git-dir={self.directory}", *arguments, typed=typed)

    def fetch(self, *refspecs: str) -> None:
        """Fetch from the repository. Raises GitError, GitMissing; SourceError for a password in ssh."""
        target = self.address if is_http(self.url) else self.url
        command = ("fetch", "--quiet", "--prune", "--no-write-fetch-head", "--", target)
        more = {"GIT_SSL_CAINFO": self.ca_bundle} if self.ca_bundle else {}
        with self._access() as (options, secrets):
            try:
                git(f"--git-dir={self.directory}", *options, *command, *refspecs, more={**more, **secrets})
            except GitError as error:
                raise GitError(conceal(str(error), *self._secrets())) from None

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

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep the forks of a run, and other runs, out of the cache; make it where there is none."""
        self.cache.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self.directory.with_suffix(".lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            git("init", "--quiet", "--bare", str(self.directory))
            yield

    def submodule(self, url: str) -> Repository:
        """Return the repository of a submodule, with this one's credentials where the host is the same.

        Raises SourceError for an address that a remote repository may not name.
        """
        named, own = url, _place(self.url)
        relative = url.startswith(("./", "../"))
        if relative:
            url = _relative(self.url, url)
        if own is not None and (_place(url) is None or (relative and _place(url) != own)):
            raise SourceError(f"a remote repository may not name {redact(named)}; write an https or ssh URL")
        if _place(url) != own:
            return replace(self, url=url, token="", deploy_key="")
        userinfo = urlsplit(self.url).netloc.rpartition("@")[0] if is_http(self.url) else ""
        if userinfo and "@" not in urlsplit(url).netloc:
            url = url.replace("https://", f"https://{userinfo}@", 1)
        return replace(self, url=url)

    def _login(self) -> tuple[str, str] | None:
        """Return user and password for an https URL, None where the manifest has none."""
        if not is_http(self.url):
            return None
        parts = urlsplit(self.url)
        if self.token:
            return unquote(parts.username or "") or TOKEN_USER, self.token.strip()
        if parts.username is None:
            return None
        return unquote(parts.username), unquote(parts.password or "")

    def _secrets(self) -> list[str]:
        login = self._login()
        if login is None:
            return []
        user, password = login
        # A token may be all there is in the URL, as its user.
        plain = [password] if password else [user]
        basic = base64.b64encode(f"{user}:{password}".encode()).decode()
        return [*plain, *(quote(text, safe="") for text in plain), basic]

    @contextlib.contextmanager
    def _access(self) -> Iterator[tuple[list[str], dict[str, str]]]:
        """Give the options and the environment by which Git gets in; a key file is gone afterwards."""
        login = self._login()
        if login is not None:
            # For this host alone: a redirect must not carry them to another.
            place = f"credential.https://{_place(self.url)}.helper"
            yield (
                ["-c", "credential.helper=", "-c", f"{place}={_HELPER}"],
                {"WEBSTACK_GIT_USER": login[0], "WEBSTACK_GIT_PASSWORD": login[1]},
            )
            return
        if self.url.startswith("ssh://") and urlsplit(self.url).password is not None:
            raise SourceError(
                f"{self.address} holds a password, which would be public on the controller; "
                "remove it, and use source.deploy_key"
            )
        if not self.deploy_key or _place(self.url) is None:
            yield [], {}
            return
        with tempfile.TemporaryDirectory(prefix="webstack-key-", dir=self.scratch or None) as folder:
            key = Path(folder) / "key"
            key.touch(0o600)
            # Editors of other systems end lines in two characters, which ssh does not read.
            key.write_text("\n".join(self.deploy_key.split("\r\n")).strip() + "\n", encoding="utf-8")
            own = f"-i {shlex.quote(str(key))} -o IdentitiesOnly=yes -o IdentityAgent=none"
            ssh = os.environ.get("GIT_SSH_COMMAND", "ssh")
            yield [], {"GIT_SSH_COMMAND": f"{ssh} -o BatchMode=yes {own}"}


def is_http(url: str) -> bool:
    """Tell whether a repository is fetched by http or https."""
    return url.startswith(("http://", "https://"))


def _place(url: str) -> str | None:
    """Return host and port of a remote repository, None for one on the controller."""
    if url.startswith("file://"):
        return None
    if "://" in url:
        return urlsplit(url).netloc.rpartition("@")[2]
    return url.partition(":")[0].rpartition("@")[2] if SCP_LIKE.fullmatch(url) else None


def _relative(base: str, url: str) -> str:
    """Return the address that a submodule names by its way from the repository around it."""
    base, joint = base.rstrip("/"), "/"
    while url.startswith(("./", "../")):
        step, _, url = url.partition("/")
        if step == "..":
            head, joint, _ = base.rpartition("/")
            if not joint:
                head, joint, _ = base.rpartition(":")
            base = head
    return f"{base}{joint}{url}"
