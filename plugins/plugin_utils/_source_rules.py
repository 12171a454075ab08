# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the keys of `source` must fulfil, each by itself and all together."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from ansible_collections.webstack.python.plugins.plugin_utils import _rules, _url
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Rule
from ansible_collections.webstack.python.plugins.plugin_utils._url import CHECKSUM, PIN, SCP_LIKE, is_url

Problems = Iterator[str]

KINDS = ("path", "git", "archive", "package")
# The keys that belong to some kinds alone, and how a message speaks of each.
BELONGING = {
    "ref": ("a ref", ("git",)),
    "submodules": ("submodules", ("git",)),
    "token": ("a token", ("git",)),
    "deploy_key": ("a deploy_key", ("git",)),
    "subfolder": ("a subfolder", ("git", "archive")),
    "checksum": ("a checksum", ("archive",)),
}
REFERENCE = re.compile(r"(?!-)(?!.*\.\.)[^\s~^:?*\[\\\x00-\x1f\x7f]+")
GIT_PATH = re.compile(r"\.{0,2}(/[\w.@+,=~:-]+)+/?")
TOKEN = re.compile(r"[!-~]+")
PRIVATE_KEY = re.compile(
    r"\s*-----BEGIN ([A-Z]+ )*PRIVATE KEY-----\s.+\s-----END ([A-Z]+ )*PRIVATE KEY-----\s*", re.DOTALL
)

USE_SOURCE = 'name the code, such as {path: "{{ inventory_dir }}/../shop"}'
USE_GIT = "write an https, ssh or file URL, user@host:path, or a path that starts with / or ."
USE_FOLDER = "name a folder on the controller"
USE_REFERENCE = "name a branch, a tag or a commit"
USE_TOKEN = "write it as one word"
USE_DEPLOY_KEY = "give the text of a private key, from its BEGIN to its END line"
USE_SUBFOLDER = "name a folder of the source, such as backend"
USE_ARCHIVE = "write an https URL, or name a file on the controller"
USE_PACKAGE = "write NAME==VERSION, such as shop==1.4.0"
USE_CHECKSUM = 'write "sha256:" and 64 hex digits'


def rules(base: str | None = None) -> dict[str, Rule]:
    """Return the rules by dotted path.

    base: where relative paths start on the controller; None leaves open whether they exist.
    """
    return {
        "source": Rule(USE_SOURCE, combination),
        "source.path": Rule(USE_FOLDER) if base is None else Rule(USE_FOLDER, folder(base)),
        "source.git": Rule(USE_GIT, git_url, secret=True),
        "source.ref": Rule(USE_REFERENCE, _rules.matches(REFERENCE, "cannot name a commit", USE_REFERENCE)),
        "source.token": Rule(USE_TOKEN, token, secret=True),
        "source.deploy_key": Rule(USE_DEPLOY_KEY, deploy_key, secret=True),
        "source.subfolder": Rule(USE_SUBFOLDER, subfolder),
        "source.archive": Rule(USE_ARCHIVE, archive(base), secret=True),
        "source.package": Rule(
            USE_PACKAGE, _rules.matches(PIN, "does not name one version of a package", USE_PACKAGE)
        ),
        "source.checksum": Rule(
            USE_CHECKSUM, _rules.matches(CHECKSUM, "is not a SHA-256 checksum", USE_CHECKSUM)
        ),
    }


def combination(value: Mapping[str, Any]) -> Problems:
    """Exactly one kind of source, and the keys that mean something with it."""
    kinds = [key for key in KINDS if key in value]
    if not kinds:
        yield f"names no source; add {_listed(KINDS, 'or')}"
    elif len(kinds) > 1:
        words = f"has both {_listed(kinds, 'and')}" if len(kinds) == 2 else f"has {_listed(kinds, 'and')}"
        yield f"{words}; keep one of them"
    else:
        for key, (phrase, owners) in BELONGING.items():
            if key in value and kinds[0] not in owners:
                meant = _listed(owners, "or")
                yield f"has {phrase} without {meant}; remove {key}, or use {meant}"
        yield from _credentials(value)
        if is_url(value.get("archive") or "") and "checksum" not in value:
            yield f"has an archive to fetch without a checksum; {USE_CHECKSUM} as checksum"


def _credentials(value: Mapping[str, Any]) -> Problems:
    """A token is for https, a key is for ssh, and one password is enough."""
    git = value.get("git") or ""
    if "token" in value and git:
        if not git.startswith("https://"):
            yield "has a token, which only an https URL takes; remove token, or write git as an https URL"
        elif _url.is_strict(git) and urlsplit(git).password is not None:
            yield "has a token and a password in git; remove the password from the URL"
    if "deploy_key" in value and git and not (git.startswith("ssh://") or SCP_LIKE.fullmatch(git)):
        yield "has a deploy_key, which only ssh takes; remove deploy_key, or write git as user@host:path"


def _listed(words: tuple[str, ...] | list[str], joint: str) -> str:
    return f"{', '.join(words[:-1])} {joint} {words[-1]}" if len(words) > 1 else words[0]


def folder(base: str) -> Callable[[str], Problems]:
    """Make the rule that a folder is there on the controller; base: where a relative path starts."""

    def rule(value: str) -> Problems:
        if not value or not os.path.isdir(os.path.join(base, os.path.expanduser(value))):
            yield f"{value!r} is not a folder{_start(value, base)}; {USE_FOLDER}"

    return rule


def archive(base: str | None) -> Callable[[str], Problems]:
    """Make the rule for an archive; its URL may hold a password. base: as in rules."""

    def rule(value: str) -> Problems:
        if is_url(value):
            if not _url.has_scheme(value, "https"):
                yield f"is not fetched safely; {USE_ARCHIVE}"
            elif not _url.is_strict(value):
                yield f"is not a proper URL; {_url.ENCODE}"
        elif base is not None and not os.path.isfile(os.path.join(base, os.path.expanduser(value))):
            # Without its scheme, a URL with a password looks like a path.
            shown = "" if {"@", ":"} & set(value) else f"{value!r} "
            yield f"{shown}is not a file{_start(value, base)}; {USE_ARCHIVE}"

    return rule


def _start(value: str, base: str) -> str:
    return f" from {base}" if value and not os.path.isabs(value) else ""


def subfolder(value: str) -> Problems:
    """A path inside the source."""
    if not _rules.is_inside(value.removesuffix("/")):
        yield f"{value!r} is not a folder inside the source; {USE_SUBFOLDER}"


def git_url(value: str) -> Problems:
    """A repository by a transport that proves whom it talks to; the URL may hold a password."""
    if not _url.has_scheme(value, "https", "ssh", "file"):
        if not (SCP_LIKE.fullmatch(value) or GIT_PATH.fullmatch(value)):
            yield f"is not a repository that is fetched safely; {USE_GIT}"
    elif not _url.is_strict(value):
        yield f"is not a proper URL; {_url.ENCODE}, or use source.token"
    elif value.startswith("ssh://") and urlsplit(value).password is not None:
        yield "holds a password, which ssh does not take; remove it, use deploy_key"


def token(value: str) -> Problems:
    """A token's text; a file that it was read from may end with an empty line."""
    if not TOKEN.fullmatch(value.strip()):
        yield f"is empty, or holds a space or a sign that no token has; {USE_TOKEN}"


def deploy_key(value: str) -> Problems:
    """A private key that can be read without asking for a passphrase."""
    if not PRIVATE_KEY.fullmatch(value):
        yield f"is not a private key; {USE_DEPLOY_KEY}"
    elif _is_encrypted(value):
        yield "has a passphrase, which nobody could type; give a key without one, kept in a vault"


def _is_encrypted(key: str) -> bool:
    """Tell whether a key has a passphrase, from the header of either format."""
    lines = key.split()
    with contextlib.suppress(ValueError):
        # OpenSSH's own format names the cipher first, none for a plain key.
        head = base64.b64decode(lines[lines.index("KEY-----") + 1][:60], validate=True)
        if head.startswith(b"openssh-key-v1\0"):
            return not head[15:].startswith(b"\0\0\0\4none")
    return "ENCRYPTED" in lines or "4,ENCRYPTED" in lines
