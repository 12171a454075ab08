# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Certificates of an ACME authority, by Debian's certbot: what it has, what it is to ask for.

    /etc/letsencrypt/renewal/webstack-<site>.conf         how certbot renews a site's certificate
    /etc/letsencrypt/renewal-hooks/deploy/webstack        lets nginx take up what was renewed
    /var/lib/webstack/acme/                               where the authority looks, by way of nginx
    /etc/systemd/system/certbot.service.d/webstack.conf   lets the renewals know a root of one's own

Debian's certbot.timer renews twice a day what is due. Lineages of other names are not touched.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils import _systemd
from ansible_collections.webstack.python.plugins.module_utils._certificates import (
    CHAIN,
    Store,
    has_ended,
    is_complete,
    names_of,
)
from ansible_collections.webstack.python.plugins.module_utils._files import (
    MARKER,
    read_text,
    write_text,
)
from ansible_collections.webstack.python.plugins.module_utils._systemd import run

BINARY = "/usr/bin/certbot"
TIMER = "certbot.timer"
RENEWAL = "certbot.service"
PREFIX = "webstack-"
PATIENCE = 300.0  # seconds that an authority may take with one certificate
SETTING = re.compile(r"^(server|key_type)\s*=\s*(\S+)\s*$", re.MULTILINE)
OTHERS = re.compile(r"^\s*(authenticator|installer|pre-hook|post-hook)\s*=", re.MULTILINE)
FAILED_NAME = re.compile(r"^\s*Domain:\s*(\S+)", re.MULTILINE)
# What certbot says to whoever sits before it.
CHATTER = re.compile(
    r"^(Saving debug log to|Ask for help or search|See the logfile|Requesting a certificate|- - -|Hint:"
    r"|AttributeError: can't set attribute)"
)
# In certbot's log alone where josepy's errors trip over Python 3.11, as in Debian 12.
PROBLEM = re.compile(r"^acme\.messages\.Error: (.+)$", re.MULTILINE)
SYSTEM_ROOTS = Path("etc/ssl/certs/ca-certificates.crt")
HOOK = f"""\
#!/bin/sh
# {MARKER}: nginx takes up a certificate that was renewed.
case "$RENEWED_LINEAGE" in
*/{PREFIX}*) nginx -t -q && systemctl reload nginx.service ;;
esac
"""
DROP_IN = """\
# {marker}
[Service]
ExecStartPre=/bin/sh -c 'cat /{system} {root} > {bundle}'
Environment=REQUESTS_CA_BUNDLE={bundle}
"""


class Refused(Exception):
    """The authority, or certbot, does not do what is asked; the text is what it says."""


@dataclass(frozen=True)
class Authority:
    """Whom to ask. root: certificates in PEM that its address is trusted by, beside the system's."""

    directory: str
    key_type: str = "ecdsa"
    email: str = ""
    root: str = ""
    key_id: str = ""
    hmac_key: str = ""


@dataclass(frozen=True)
class Wanted:
    """The certificate of one site."""

    site: str
    domains: Sequence[str]

    @property
    def names(self) -> set[str]:
        """The names as a certificate has them."""
        return {domain.lower() for domain in self.domains}


@dataclass(frozen=True)
class Certbot:
    """certbot's files below a root directory, which is / on a real host."""

    base: Path = Path("/")

    @property
    def folder(self) -> Path:
        """What certbot keeps."""
        return self.base / "etc/letsencrypt"

    @property
    def log(self) -> Path:
        """What certbot writes down of each run."""
        return self.base / "var/log/letsencrypt/letsencrypt.log"

    @property
    def hook(self) -> Path:
        """What runs after a renewal."""
        return self.folder / "renewal-hooks/deploy/webstack"

    @property
    def drop_in(self) -> Path:
        """What is added to the unit that renews."""
        return self.base / "etc/systemd/system/certbot.service.d/webstack.conf"

    @property
    def state(self) -> Path:
        """The collection's own folder."""
        return self.base / "var/lib/webstack"

    @property
    def webroot(self) -> Path:
        """Where certbot puts the answers that an authority asks nginx for."""
        return Store(self.base).webroot

    @property
    def root(self) -> Path:
        """The authority's own root."""
        return self.state / "acme-root.pem"

    @property
    def bundle(self) -> Path:
        """The system's roots with the authority's own."""
        return self.state / "acme-roots.pem"

    # What there is.

    def lineages(self) -> list[str]:
        """Return the sites that certbot has a certificate for, or what a killed run left of one."""
        found = {
            path.name.removesuffix(".conf")
            for folder in ("renewal", "live", "archive")
            for path in (self.folder / folder).glob(f"{PREFIX}*")
        }
        sites = {name.removeprefix(PREFIX) for name in found}
        # What others name after a domain has a dot, which no site's name has.
        return sorted(site for site in sites if "." not in site and self._is_ours(site))

    def _is_ours(self, site: str) -> bool:
        """Tell whether a lineage is not one that somebody else has made under such a name."""
        return not self._settings(site) or str(self.webroot) in self._text(site)

    def wanting(self, wanted: Sequence[Wanted], authority: Authority) -> list[Wanted]:
        """Return what is not there as it is wanted: never issued, for other names, by another authority."""
        return [certificate for certificate in wanted if not self._is_as(certificate, authority)]

    def unwanted(self, wanted: Sequence[Wanted]) -> list[str]:
        """Return the sites that are to have no certificate of an authority any more."""
        sites = {certificate.site for certificate in wanted}
        return [site for site in self.lineages() if site not in sites]

    def _is_as(self, wanted: Wanted, authority: Authority) -> bool:
        asked = {"server": authority.directory, "key_type": authority.key_type}
        return self._settings(wanted.site) == asked and self._good_names(wanted.site) == wanted.names

    def _good_names(self, site: str) -> set[str]:
        """Return the names that a site's certificate is good for now."""
        live = self._live(site)
        return names_of(live / CHAIN) if is_complete(live) and not has_ended(live / CHAIN) else set()

    def names(self, site: str) -> set[str]:
        """Return the names that a site's certificate is for."""
        return names_of(self._live(site) / CHAIN)

    def _settings(self, site: str) -> dict[str, str]:
        """Return whom a certificate was asked of, and for which key; nothing where a run was killed."""
        return dict(SETTING.findall(self._text(site)))

    def _text(self, site: str) -> str:
        return read_text(self._renewal(site)) or ""

    def _renewal(self, site: str) -> Path:
        return Store(self.base).renewal(site)

    def _live(self, site: str) -> Path:
        return Store(self.base).issued(site)

    def others(self) -> Iterator[str]:
        """Say what on the host is not as Debian's certbot needs it to serve the collection too."""
        binary = self.base / BINARY.lstrip("/")
        if os.path.lexists(binary) and run("dpkg-query", "--search", BINARY).status != 0:
            yield f"{BINARY} is not of Debian's package, whose timer renews; remove it, or use files"
        options = self.folder / "cli.ini"
        for name in dict.fromkeys(OTHERS.findall(read_text(options) or "")):
            yield f"{options} sets {name} for every certificate; move it to the renewal files that need it"

    # What is to be there for all of them.

    def files(self, authority: Authority) -> dict[Path, str | None]:
        """Return the texts that the renewals need; None for what is not to be there."""
        drop_in = DROP_IN.format(marker=MARKER, system=SYSTEM_ROOTS, root=self.root, bundle=self.bundle)
        return {
            self.hook: HOOK,
            self.root: authority.root or None,
            self.drop_in: drop_in if authority.root else None,
        }

    def differing(self, authority: Authority) -> dict[Path, str | None]:
        """Return those of the files that are not as they are to be."""
        return {path: text for path, text in self.files(authority).items() if read_text(path) != text}

    def renews(self) -> bool:
        """Tell whether the timer runs: one that is installed while no service may start does not."""
        timer = _systemd.show(TIMER, "ActiveState", "UnitFileState")
        return timer == {"ActiveState": "active", "UnitFileState": "enabled"}

    def set_up(self, authority: Authority, *, forget: bool) -> bool:
        """Bring what the renewals need to what it is to be, and tell whether anything changed.

        forget: remove what only the certificates of another authority need.
        """
        self._make_webroot()
        differing = self.differing(authority)
        changed = {path: text for path, text in differing.items() if text is not None or forget}
        renews = self.renews()
        for path, text in changed.items():
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                mode = 0o755 if path == self.hook else 0o644
                write_text(path, text, mode=mode, uid=os.geteuid(), gid=os.getegid())
        self._reread()
        if not renews:
            _systemd.systemctl("enable", "--now", TIMER)
        return bool(changed) or not renews

    def _reread(self) -> None:
        """Let systemd know the unit as it is, also where a run was killed before that."""
        if _systemd.show(RENEWAL, "NeedDaemonReload")["NeedDaemonReload"] == "yes":
            _systemd.daemon_reload()

    def _make_webroot(self) -> None:
        """Make the folder that nginx shows the authority, whatever the umask."""
        for folder in (self.state, self.webroot):
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o755)

    # What changes it.

    def issue(self, wanted: Wanted, authority: Authority) -> list[str]:
        """Have a certificate issued, and return what the authority says of names that it leaves out.

        A name that the authority does not find costs the others nothing. Raises Refused.
        """
        self._make_room(wanted.site)
        status, said = self._ask(wanted, authority)
        if status == 0:
            self._confirm(wanted, authority, said)
            return []
        failed = {name.lower() for name in FAILED_NAME.findall(said)}
        rest = Wanted(wanted.site, sorted(wanted.names - failed))
        if not failed or not rest.names:
            raise Refused(essence(said))
        if self._is_as(rest, authority):
            # Issued by an earlier run; an authority counts how often it is asked for the same.
            raise Refused(essence(said))
        if self._good_names(wanted.site) & wanted.names - rest.names:
            # It would take a name away that visitors come by.
            raise Refused(essence(said))
        status, again = self._ask(rest, authority)
        if status != 0:
            raise Refused(essence(again))
        self._confirm(rest, authority, again)
        return [essence(said)]

    def _make_room(self, site: str) -> None:
        """Remove what a run left that was killed while certbot worked: it would make another name of it.

        Raises Refused where there is something of somebody else's.
        """
        if not self._is_ours(site):
            raise Refused(
                f"{self._renewal(site)} belongs to somebody else; remove it, or give the app another name"
            )
        if not self._settings(site) or not is_complete(self._live(site)):
            self._clear(site)

    def _clear(self, site: str) -> None:
        self._renewal(site).unlink(missing_ok=True)
        for folder in (self._live(site), self.folder / "archive" / f"{PREFIX}{site}"):
            shutil.rmtree(folder, ignore_errors=True)

    def _confirm(self, wanted: Wanted, authority: Authority, said: str) -> None:
        if not self._is_as(wanted, authority):
            raise Refused(f"certbot ended well, but {self._live(wanted.site)} is not so: {essence(said)}")

    def _ask(self, wanted: Wanted, authority: Authority) -> tuple[int, str]:
        names = [word for domain in wanted.domains for word in ("-d", domain)]
        with tempfile.TemporaryDirectory(prefix="webstack-acme-") as folder:
            # The key of an account is no argument, which other users could read.
            config = Path(folder) / "certbot.ini"
            write_text(config, _config(authority), 0o600, os.geteuid(), os.getegid())
            logged = self.log.stat().st_size if self.log.exists() else 0
            done = run(
                *("env", *self._environment(authority)),
                *(BINARY, "certonly", "--config", str(config), "--non-interactive", "--agree-tos"),
                *("--webroot", "--webroot-path", str(self.webroot)),
                *("--cert-name", f"{PREFIX}{wanted.site}", "--force-renewal", "--renew-with-new-domains"),
                # What is asked of an authority for tests is meant so.
                "--break-my-certs",
                *names,
                timeout=PATIENCE,
            )
        log = self.log.read_bytes()[logged:] if self.log.exists() else b""
        problems = dict.fromkeys(PROBLEM.findall(log.decode("utf-8", "replace")))
        return done.status, "\n".join([done.output, *problems])

    def _environment(self, authority: Authority) -> list[str]:
        """Return what lets certbot trust an authority's own root."""
        if not authority.root:
            return []
        system = read_text(self.base / SYSTEM_ROOTS) or ""
        write_text(self.bundle, system + authority.root, 0o644, os.geteuid(), os.getegid())
        return [f"REQUESTS_CA_BUNDLE={self.bundle}"]

    def delete(self, site: str) -> None:
        """Forget a site's certificate, and renew it no more. Raises Refused."""
        if self._settings(site):
            name = f"{PREFIX}{site}"
            done = run(BINARY, "delete", "--non-interactive", "--cert-name", name, timeout=PATIENCE)
            if done.status != 0:
                raise Refused(essence(done.output))
        self._clear(site)

    def tear_down(self) -> bool:
        """Remove what the renewals needed, and tell whether anything was there."""
        there = self.hook.exists()
        for path in (self.drop_in, self.root, self.bundle):
            path.unlink(missing_ok=True)
        self._reread()
        shutil.rmtree(self.webroot, ignore_errors=True)
        # It tells the next run that there is something to remove.
        self.hook.unlink(missing_ok=True)
        return there


def essence(said: str) -> str:
    """Return what certbot has said without what it says each time."""
    lines = [line.rstrip() for line in said.splitlines()]
    return "\n".join(line for line in lines if line and not CHATTER.match(line))


def _config(authority: Authority) -> str:
    """Return certbot's options as its file has them."""
    return "".join(f"{key} = {value}\n" for key, value in _settings(authority))


def _settings(authority: Authority) -> Iterator[tuple[str, str]]:
    yield "server", authority.directory
    yield "key-type", authority.key_type
    if authority.email:
        yield "email", authority.email
    else:
        yield "register-unsafely-without-email", "true"
    if authority.key_id:
        yield "eab-kid", authority.key_id
        yield "eab-hmac-key", authority.hmac_key
