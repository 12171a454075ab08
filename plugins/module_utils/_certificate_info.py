# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates that nginx shows, as they lie on the host."""

from __future__ import annotations

import email.utils
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._certbot import PREFIX, RENEWAL, TIMER
from ansible_collections.webstack.python.plugins.module_utils._certificates import (
    NAME,
    Store,
    covers,
    was_renewed,
)
from ansible_collections.webstack.python.plugins.module_utils._systemd import run

SITES = Path("etc/nginx/webstack/sites")
SHOWN = re.compile(r"^\s*ssl_(certificate|certificate_key)\s+\"?([^\s;\"]+)\"?;", re.MULTILINE)
CHALLENGE = "/.well-known/acme-challenge/"
SERVER_NAME = re.compile(r"^\s*server_name ([^;]+);", re.MULTILINE)
OURS = "include /etc/nginx/webstack/include/tls.conf;"  # others may be in the raw directives of a site
REDIRECT = "return 308 https://"
LINE = re.compile(r"^(issuer|notBefore|notAfter)=(.*)$", re.MULTILINE)
OPTIONS = ("-issuer", "-startdate", "-enddate", "-ext", "subjectAltName", "-nameopt", "oneline,-esc_msb,utf8")


@dataclass(frozen=True)
class Shown:
    """One site's certificate.

    kind: acme, self_signed, stand-in (until an authority has issued one) or files. begins, ends: in UTC,
    as ISO 8601. trouble: why nothing is known of it, or why visitors do not get it or the next one.
    lacking: the site's names that it is not for.
    """

    site: str
    kind: str
    names: tuple[str, ...] = ()
    issuer: str = ""
    begins: str = ""
    ends: str = ""
    trouble: str = ""
    lacking: tuple[str, ...] = ()


def shown(root: Path = Path("/"), since: float = 0) -> list[Shown]:
    """Return the certificates of the collection's sites, by site.

    since: when nginx read them, in seconds since the epoch; 0 where it does not run.
    """
    store = Store(root)
    renewals = _renewals() if store.sites() else ""
    result = []
    for site, files, text in _sites(root):
        path = root / files["certificate"].lstrip("/")
        certificate = _shown(store, site, path, CHALLENGE in text)
        served = [name for name in _server_names(text) if not covers(certificate.names, name)]
        trouble = certificate.trouble or _unread(path, since)
        if certificate.kind == "acme":
            trouble = trouble or renewals
        result.append(
            replace(certificate, trouble=trouble, lacking=tuple(served if certificate.ends else ()))
        )
    return result


def _renewals() -> str:
    if _systemd.show(RENEWAL, "Result")["Result"] not in ("", "success"):
        return f"renewals on this host failed: journalctl -u {RENEWAL}"
    if _systemd.show(TIMER, "ActiveState")["ActiveState"] != "active":
        return f"nothing renews on this host: {TIMER} does not run; run site.yml again"
    return ""


def _server_names(text: str) -> Iterator[str]:
    """Yield the host names of a site's configuration, none where it answers every name."""
    found = SERVER_NAME.search(text)
    yield from (name.strip('"') for name in found[1].split() if name != "_") if found else ()


def _unread(path: Path, since: float) -> str:
    """Say that nginx shows an earlier certificate, as a reload after its renewal failed."""
    newer = bool(since) and path.exists() and was_renewed([path], since)
    return "nginx shows an earlier one: see nginx -t, then run site.yml again" if newer else ""


def by_tls(root: Path = Path("/")) -> dict[str, dict[str, Any]]:
    """Return the sites that nginx serves by TLS as the collection has it, as far as their files are there.

    Each with `certificate` and `key`, the files as its configuration names them, and `redirected`,
    whether those who come without TLS are led there.
    """
    return {
        site: {
            "certificate": files["certificate"],
            "key": files["certificate_key"],
            "redirected": REDIRECT in text,
        }
        for site, files, text in _sites(root)
        if OURS in text and all((root / file.lstrip("/")).is_file() for file in files.values())
    }


def _sites(root: Path) -> Iterator[tuple[str, dict[str, str], str]]:
    """Yield each site that is served by TLS, its files, and its configuration."""
    for config in sorted((root / SITES).glob("*.conf")):
        text = config.read_text(encoding="utf-8", errors="replace")
        files = dict(SHOWN.findall(text))
        if len(files) == 2:
            yield config.stem, files, text


def _kind(store: Store, path: Path, asked: bool) -> str:
    folder = path.parent.resolve()
    if folder.name.startswith(PREFIX):
        return "acme"
    if asked:
        return "stand-in"
    made = store.own.resolve() in folder.parents and "-" in folder.name
    return "self_signed" if made else "files"


def _shown(store: Store, site: str, path: Path, asked: bool) -> Shown:
    kind = _kind(store, path, asked)
    done = run("openssl", "x509", "-in", str(path), "-noout", *OPTIONS)
    lines = dict(LINE.findall(done.output))
    if done.status != 0 or len(lines) < 3:
        return Shown(site, kind, trouble=f"{path} cannot be read as a certificate")
    return Shown(
        site,
        kind,
        tuple(NAME.findall(done.output)),
        lines["issuer"].strip(),
        _iso(lines["notBefore"]),
        _iso(lines["notAfter"]),
    )


def _iso(text: str) -> str:
    """Read a date as openssl prints it, such as 'Feb 13 18:00:09 2027 GMT'."""
    month, day, clock, year, _zone = text.split()
    return email.utils.parsedate_to_datetime(f"{day} {month} {year} {clock} +0000").isoformat()
