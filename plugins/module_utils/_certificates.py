# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that nginx is given, on the host.

    /var/lib/webstack/tls/<site>/<digest>/    fullchain.pem and privkey.pem, never changed once they are there
    /etc/letsencrypt/live/webstack-<site>/    the same of certbot, which renews them in this place

A folder's digest is over what was asked for. One with a self-signed certificate has the day that it
was made in its name, too, as it is followed by another one before it ends.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._files import read_text, write_text
from ansible_collections.webstack.python.plugins.module_utils._systemd import run

CHAIN, KEY = "fullchain.pem", "privkey.pem"
DAYS = 825  # the most that Apple's clients take of a certificate that no public authority has issued
RENEW_DAYS = 60  # a run replaces one that has less before it
DAY = 86400  # seconds
CLOCK = 0.05  # seconds that the start of a process may be off
OPENSSL = """\
[req]
distinguished_name = subject
x509_extensions = extensions
prompt = no
[subject]
CN = {subject}
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
subjectAltName = {names}
"""
NAME = re.compile(r"DNS:([^\s,]+)")
SUBJECT_LENGTH = 64  # RFC 5280, ub-common-name


class CertificateError(Exception):
    """A certificate cannot be made; the text says why."""


@dataclass(frozen=True)
class Request:
    """What a site is to be served with.

    domains: none where it answers every name. acme: an authority is asked; until it has answered, a
    self-signed one stands in. certificate, key: text in PEM; None for one that is made here.
    """

    name: str
    domains: Sequence[str]
    acme: bool = False
    certificate: str | None = None
    key: str | None = None

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> Request:
        """Read an entry of the module's option."""
        return cls(value["name"], value["domains"], value["acme"], value["certificate"], value["key"])


@dataclass(frozen=True)
class Store:
    """Where certificates are, below a root directory, which is / on a real host."""

    root: Path = Path("/")

    @property
    def own(self) -> Path:
        """The folder of what the collection itself puts down."""
        return self.root / "var/lib/webstack/tls"

    def issued(self, site: str) -> Path:
        """Return where certbot keeps a site's certificate up to date."""
        return self.root / "etc/letsencrypt/live" / f"webstack-{site}"

    def renewal(self, site: str) -> Path:
        """Return the file by which certbot renews it."""
        return self.root / "etc/letsencrypt/renewal" / f"webstack-{site}.conf"

    @property
    def webroot(self) -> Path:
        """Where certbot puts the answers that an authority asks nginx for."""
        return self.root / "var/lib/webstack/acme"

    def sites(self) -> list[str]:
        """Return the sites that an authority has issued a certificate for."""
        found = (
            path.name.removeprefix(self.issued("").name) for path in self.issued("").parent.glob("webstack-*")
        )
        return sorted(site for site in found if self.is_renewed(site))

    def is_renewed(self, site: str) -> bool:
        """Tell whether a site's certificate is there, and is neither a killed run's nor somebody else's."""
        settings = read_text(self.renewal(site)) or ""
        return str(self.webroot) in settings and is_complete(self.issued(site))

    def find(self, request: Request) -> Path | None:
        """Return the folder that nginx is to use for a site, None where it is still to be made."""
        if self.has_issued(request):
            return self.issued(request.name)
        if request.certificate is not None:
            folder = self.own / request.name / _digest(request.certificate, request.key)
            return folder if is_complete(folder) else None
        made = sorted((self.own / request.name).glob(f"{_digest(*_names(request))}-*"))
        usable = [folder for folder in made if is_complete(folder) and _lasts(folder / CHAIN, RENEW_DAYS)]
        return usable[-1] if usable else None

    def has_issued(self, request: Request) -> bool:
        """Tell whether an authority is to be asked, and has answered."""
        return request.acme and self.is_renewed(request.name)

    def make(self, request: Request) -> Path:
        """Put a site's certificate and key down, return their folder. Raises CertificateError, OSError."""
        site = self.own / request.name
        for folder in (self.own, site):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=site) as name:
            folder = Path(name) / "made"
            folder.mkdir(mode=0o700)
            if request.certificate is None:
                today = f"{datetime.datetime.now(datetime.timezone.utc):%Y%m%d}"
                place = site / f"{_digest(*_names(request))}-{today}"
                _sign(folder, _names(request))
            else:
                place = site / _digest(request.certificate, request.key)
                _write(folder / CHAIN, request.certificate)
                _write(folder / KEY, request.key or "")
            if place.exists():
                # Not complete, or find would have found it.
                shutil.rmtree(place)
            folder.rename(place)
        return place

    def unused(self, used: Collection[Path]) -> Iterator[Path]:
        """Yield the folders that no site uses, the outermost of them."""
        for site in sorted(self.own.glob("*")):
            folders = sorted(site.iterdir())
            if any(folder in used for folder in folders):
                yield from (folder for folder in folders if folder not in used)
            else:
                yield site


def is_complete(folder: Path) -> bool:
    """Tell whether a folder has both files."""
    return (folder / CHAIN).is_file() and (folder / KEY).is_file()


def has_ended(certificate: Path) -> bool:
    """Tell whether a certificate is of no use any more."""
    return not _lasts(certificate, 0)


def was_renewed(files: Iterable[Path], since: float) -> bool:
    """Tell whether one of the files, or its link, has changed after nginx had read it, at `since`."""
    return any(max(path.stat().st_mtime, path.lstat().st_mtime) > since + CLOCK for path in files)


def names_of(certificate: Path) -> set[str]:
    """Return the host names that a certificate is for; none where openssl cannot read it."""
    done = run("openssl", "x509", "-in", str(certificate), "-noout", "-ext", "subjectAltName")
    return {name.lower() for name in NAME.findall(done.output)}


def covers(names: Collection[str], domain: str) -> bool:
    """Tell whether one of a certificate's names, in lower case, is for a domain, also one with *."""
    domain = domain.lower()
    parent = domain.partition(".")[2]
    return domain in names or (not domain.startswith("*.") and f"*.{parent}" in names)


def _names(request: Request) -> list[str]:
    return [domain.lower() for domain in request.domains] or [socket.gethostname()]


def _digest(*parts: str | None) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def _write(path: Path, text: str) -> None:
    # A certificate is no secret; its folder is root's alone all the same.
    write_text(path, text.rstrip() + "\n", mode=0o600, uid=os.geteuid(), gid=os.getegid())


def _lasts(certificate: Path, days: int) -> bool:
    """Tell whether a certificate is still good in so many days."""
    done = run("openssl", "x509", "-in", str(certificate), "-noout", "-checkend", str(days * DAY))
    return done.status == 0


def _sign(folder: Path, names: Sequence[str]) -> None:
    """Make a key, and a certificate that is signed with it. Raises CertificateError."""
    short = [name for name in names if len(name) <= SUBJECT_LENGTH] or ["webstack.python"]
    config = folder / "openssl.cnf"
    alternatives = ", ".join(f"DNS:{name}" for name in names)
    _write(config, OPENSSL.format(subject=short[0], names=alternatives))
    done = run(
        *("openssl", "req", "-x509", "-config", str(config), "-days", str(DAYS), "-noenc"),
        *("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
        *("-keyout", str(folder / KEY), "-out", str(folder / CHAIN)),
    )
    config.unlink()
    for path in folder.iterdir():
        path.chmod(0o600)
    if done.status != 0 or not is_complete(folder):
        raise CertificateError(f"openssl cannot make a self-signed certificate: {done.output.strip()}")


def _shown(request: Request, files: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the files that a site's visitors were shown, under this name of the site or another one."""
    if request.name in files:
        return files[request.name]
    for own in files.values():
        path = Path(own["certificate"])
        names = names_of(path)
        if all(covers(names, domain) for domain in request.domains) and not has_ended(path):
            return own
    return None


@dataclass(frozen=True)
class Certificates:
    """The certificates that nginx's tree is to link to. live: the links that it has now."""

    store: Store
    requests: Sequence[Request]
    live: Mapping[str, str] = field(default_factory=dict)

    def links(self) -> dict[str, str]:
        """Return the tree's links to what is there."""
        found = {request.name: self._find(request) for request in self.requests}
        return {f"tls/{name}": str(folder) for name, folder in found.items() if folder}

    def missing(self) -> list[Request]:
        """Return what is still to be made."""
        return [request for request in self.requests if self._find(request) is None]

    def _find(self, request: Request) -> Path | None:
        """Return a site's folder. Until an authority has answered, visitors get what they had."""
        live = Path(self.live.get(f"tls/{request.name}", "/"))
        if self._waits(request) and is_complete(live) and live != self.store.issued(request.name):
            return live
        return self.store.find(request)

    def _waits(self, request: Request) -> bool:
        return request.acme and not self.store.has_issued(request)

    def adopted(self, files: Mapping[str, Mapping[str, Any]]) -> Certificates:
        """Return the same, where a site keeps a copy of what its visitors had until an authority answers.

        They had files of the host, a certificate that certbot does not renew any more, or one of a site
        that had the same names. files: those of nginx's sites, as by_tls returns them. Raises
        CertificateError, OSError.
        """
        live = dict(self.live)
        for request in self.requests:
            link = f"tls/{request.name}"
            lost = live.get(link) in (None, str(self.store.issued(request.name)))
            if self._waits(request) and lost and (own := _shown(request, files)):
                texts = [Path(own[part]).read_text(encoding="utf-8") for part in ("certificate", "key")]
                copy = replace(request, acme=False, certificate=texts[0], key=texts[1])
                live[link] = str(self.store.find(copy) or self.store.make(copy))
        return replace(self, live=live)

    def prune(self, used: Collection[str]) -> list[Path]:
        """Remove what no site uses, and return it. used: the targets of the tree's links."""
        unused = self.unused(used)
        for folder in unused:
            shutil.rmtree(folder)
        return unused

    def unused(self, used: Collection[str]) -> list[Path]:
        """Return what no site uses. used: the targets of the tree's links."""
        return list(self.store.unused({Path(target) for target in used}))
