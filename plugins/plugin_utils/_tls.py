# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The key `tls` of a site: what it may say, and what it comes to."""

from __future__ import annotations

import datetime
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _rules
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between, Entry
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule, kind

Problems = Iterator[str]

OFF, SELF_SIGNED, ACME = MODES = ("off", "self_signed", "acme")
PARTS = ("certificate", "key")
PEM = "-----BEGIN "
VAULT = "$ANSIBLE_VAULT"
PATH_LENGTH = 150  # characters; the shortest key in base64 has more
USE_TLS = "write off, self_signed, acme, or {certificate: …, key: …}"
USE_PART = "name a file on the controller, or give its text"
USE_LOOKUP = """write "{{ lookup('ansible.builtin.file', …) }}" with its path, so that Ansible decrypts it"""


@dataclass(frozen=True)
class Tls:
    """What a site's key says.

    mode: off, self_signed, acme, files (of the controller) or host (files that are there already).
    certificate, key: text in PEM, a path on the controller or, for host, one on the proxy.
    """

    mode: str = OFF
    certificate: str = ""
    key: str = ""


def read(value: object) -> Tls:
    """Read a value that breaks no rule; None stands for off."""
    if isinstance(value, Mapping):
        mode = "host" if value.get("on_host") else "files"
        return Tls(mode, value["certificate"], value["key"])
    return Tls(value if isinstance(value, str) else OFF)


def rule() -> Rule:
    """Return the rule of the key."""
    return Rule(USE_TLS, problems, secret=True)


def problems(value: object) -> Problems:
    """A mode, or a certificate with its key; no message holds a text."""
    if isinstance(value, Mapping):
        yield from _mapping_problems(value)
    elif value is None:
        yield f"is empty; {USE_TLS}"
    elif value is not False and value not in MODES:
        yield f"{_shown(value)} is not known; {USE_TLS}"


def _shown(value: object) -> str:
    return repr(value) if isinstance(value, str) and _may_be_path(value) else kind(value)


def _may_be_path(value: str) -> bool:
    """Tell whether a text can be named in a message: a key in another form than PEM cannot."""
    return value.isprintable() and len(value) <= PATH_LENGTH


def _mapping_problems(value: Mapping[Any, object]) -> Problems:
    for key in value:
        if key not in (*PARTS, "on_host"):
            yield f"{key}: unknown key; the known ones are certificate, key, on_host"
    for part in PARTS:
        item = value.get(part)
        if part not in value:
            yield f"{part} is missing; {USE_PART}"
        elif not isinstance(item, str):
            yield f"{part} must be text, not {kind(item)}; {USE_PART}"
        elif value.get("on_host") is True:
            yield from (f"{part}: {problem}" for problem in _on_host(item))
    if not isinstance(value.get("on_host", False), bool):
        found = kind(value["on_host"])
        yield f"on_host must be true or false, not {found}; write true or false without quotes"


def _on_host(value: str) -> Problems:
    if PEM in value or not _may_be_path(value):
        yield "is a text, not a file on the host; remove on_host, or name the file"
    else:
        yield from _rules.absolute_path(value)


def between(prefix: str, base: str | None, now: datetime.datetime, default: object = None) -> Between:
    """Make the judgement of each entry's key with the entry's domains.

    prefix: where the list keeps both keys. base: the folder on the controller where relative paths
    start; None leaves files unread. default: the mode of an entry that has no such key.
    """

    def judgement(entries: list[Entry]) -> Iterator[tuple[Entry, Finding]]:
        for entry in entries:
            value = entry.get(f"{prefix}tls", default)
            if not entry.present or value is None or list(problems(value)):
                continue
            tls = read(value)
            domains = [*entry.get(f"{prefix}domains", []), *entry.get(f"{prefix}redirects", [])]
            if tls.mode != OFF:
                yield from ((entry, Finding(f"{prefix}tls", problem)) for problem in _addresses(domains))
            if tls.mode == ACME:
                yield from ((entry, Finding(f"{prefix}tls", problem)) for problem in _acme(domains))
            elif tls.mode == "files" and base is not None:
                found = files_findings(tls, domains, base, now)
                yield from (
                    (entry, Finding(f"{prefix}tls.{finding.key}", finding.problem)) for finding in found
                )

    return judgement


def _addresses(domains: Sequence[str]) -> Problems:
    """A handshake names a host and no address, so Nginx could not tell for which site it is."""
    for domain in domains:
        if domain.replace(".", "").isdigit():
            yield f"{domain} is an address, and certificates are for host names; write those, or no domains"


def _acme(domains: Sequence[str]) -> Problems:
    """An authority looks at each name over HTTP, which asks for names."""
    if not domains:
        yield "acme needs names to ask a certificate for; write the app's domains"
    for domain in domains:
        if domain.startswith("*."):
            yield f"acme proves a name over HTTP, which {domain} cannot be; write each name, or use files"


def files_findings(tls: Tls, domains: Sequence[str], base: str, now: datetime.datetime) -> Iterator[Finding]:
    """Yield what is wrong with a certificate and a key of the controller."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _certificate

    texts = {}
    for part, value in (("certificate", tls.certificate), ("key", tls.key)):
        try:
            texts[part] = text_of(value, base)
        except FileProblem as problem:
            yield Finding(part, str(problem))
    if len(texts) == len(PARTS):
        yield from _certificate.findings(texts["certificate"], texts["key"], domains, now)


class FileProblem(Exception):
    """A file of the controller cannot be had; the text says why, with the remedy."""


def text_of(value: str, base: str) -> str:
    """Return a text in PEM: the value itself, or what the file has that it names. Raises FileProblem."""
    if PEM in value:
        # Texts that come by a template each lose their last line end, which OpenSSL asks for.
        return _trimmed(value.replace("----------BEGIN ", "-----\n-----BEGIN "))
    if not _may_be_path(value):
        raise FileProblem(f"is neither a text in PEM nor the name of a file; {USE_PART}")
    path = Path(base) / os.path.expanduser(value)
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise FileProblem(f"there is no file {path} on the controller; {USE_PART}") from None
    except UnicodeDecodeError:
        raise FileProblem(f"{path} is not in PEM; convert it with openssl") from None
    except OSError as error:
        raise FileProblem(f"{path} cannot be read: {error.strerror}; see to its permissions") from None
    if text.startswith(VAULT):
        raise FileProblem(f"{path} is encrypted by Ansible Vault; {USE_LOOKUP}")
    return _trimmed(text)


def _trimmed(text: str) -> str:
    """Return a text without what copying may have left at the ends of its lines."""
    return "".join(f"{line.strip()}\n" for line in text.strip().splitlines())
