# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate and its key that are on the host already, judged before nginx gets them."""

from __future__ import annotations

import os
import re
import shutil
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._certificates import covers, has_ended, names_of
from ansible_collections.webstack.python.plugins.module_utils._systemd import run

PATH = "/usr/bin:/usr/sbin"
ISSUER = re.compile(r"^ +Issuer: (.*)$", re.MULTILINE)
SUBJECT = re.compile(r"^ +Subject: (.*)$", re.MULTILINE)
BEGINS = re.compile(r"^notBefore=(.*)$", re.MULTILINE)
# OpenSSL's words for the key of another certificate: of the same kind of key, or of another kind.
OF_ANOTHER = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
USE_PEM = "write it in PEM, with the server's own certificate first"


class Encrypted(Exception):
    """The key wants a password."""


@dataclass(frozen=True)
class Files:
    """What an entry names. label: how messages name the entry's key."""

    label: str
    certificate: Path
    key: Path
    domains: Sequence[str]

    def findings(self) -> list[str]:
        """Return all that is wrong with the files, worded for the user."""
        missing = [f"{self.label}.{part}: {text}" for part, text in self._missing()]
        return missing or [f"{self.label}.{part}: {text}" for part, text in self._wrong()]

    def _missing(self) -> Iterator[tuple[str, str]]:
        for part, path in (("certificate", self.certificate), ("key", self.key)):
            if not path.is_file():
                yield part, f"there is no file {path} on this host; put it there, or name another"
        if self.key.is_file() and os.stat(self.key).st_mode & 0o044:
            yield "key", f"{self.key} can be read by others than its owner; take that right away (chmod 600)"
        if self.key.is_file() and os.stat(self.key).st_uid != os.geteuid():
            yield (
                "key",
                f"{self.key} does not belong to root, who alone may read it; change that (chown root)",
            )

    def _wrong(self) -> Iterator[tuple[str, str]]:
        if problem := self._pair():
            yield problem
            return
        if not shutil.which("openssl", path=PATH):
            # It is installed before the certificate is used, and all of it is judged then.
            return
        if has_ended(self.certificate):
            yield "certificate", f"{self.certificate} has ended; renew it"
        said = run("openssl", "x509", "-in", str(self.certificate), "-noout", "-startdate", "-purpose").output
        if (begins := BEGINS.search(said)) and ssl.cert_time_to_seconds(begins[1]) > time.time():
            yield "certificate", f"{self.certificate} is not valid yet; take another until then"
        if "SSL server : No" in said:
            yield "certificate", f"{self.certificate} is not for servers; have one issued for TLS servers"
        yield from (("certificate", f"{self.certificate}: {problem}") for problem in self._chain())
        names = names_of(self.certificate)
        uncovered = [domain for domain in self.domains if not covers(names, domain)]
        if uncovered:
            found = f"is for {', '.join(sorted(names))}" if names else "names no host"
            lacking = ", ".join(uncovered)
            yield (
                "certificate",
                f"{self.certificate} {found}, not for {lacking}; have one issued for all domains",
            )

    def _chain(self) -> Iterator[str]:
        """Hold each certificate against the one after it."""
        said = run("openssl", "storeutl", "-certs", "-noout", "-text", str(self.certificate)).output
        issuers, subjects = ISSUER.findall(said), SUBJECT.findall(said)
        for number, (issuer, subject) in enumerate(zip(issuers, subjects[1:], strict=False), 1):
            if issuer != subject:
                yield f"its certificate {number + 1} did not issue certificate {number}; {USE_PEM}"

    def _pair(self) -> tuple[str, str] | None:
        """Let OpenSSL load both, as nginx will."""
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(self.certificate, self.key, _no_password)
        except Encrypted:
            return "key", f"{self.key} is encrypted; decrypt it with openssl pkey, as nginx starts by itself"
        except ssl.SSLError as error:
            if error.reason in OF_ANOTHER:
                return "key", f"{self.key} belongs to another certificate; name the key of this one"
            return "certificate", f"OpenSSL cannot load it with its key: {error.reason or error}; {USE_PEM}"
        return None


def _no_password() -> str:
    raise Encrypted
