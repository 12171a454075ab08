"""The proxies, and the authority that looks at them from a host of its own."""

from __future__ import annotations

import dataclasses
import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import harness
import pki
import pytest
from turns import take_turns

HTTPS = 443
DIRECTORY = "https://{name}:{port}/dir"
ROOTS = "/etc/ca/issued.pem"
OWN_CERTIFICATE, OWN_KEY = "/root/own.pem", "/root/own.key"
# What each release's nginx and OpenSSL do in their own way.
ON_EVERY_HOST = ("test_profiles.py",)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each file to one host, but for those that look at what the hosts differ in."""
    take_turns(config, items, lambda item: None if item.path.name in ON_EVERY_HOST else item.path)


def names(*endings: str) -> list[str]:
    """Return the hosts whose names end so."""
    return [name for name in harness.host_names() if name.endswith(endings)]


@dataclasses.dataclass
class Authority:
    """Pebble, its DNS, and a visitor who trusts what it issues."""

    host: harness.Host

    def directory(self, port: int = 14000) -> str:
        """Return the URL of its directory."""
        return DIRECTORY.format(name=self.host.name, port=port)

    @property
    def without_nonces(self) -> str:
        """The directory of one that takes no nonce for a good one."""
        return self.directory(14100)

    @property
    def with_binding(self) -> str:
        """The directory of one that makes no account without a binding to another one; see prepare.yml."""
        return self.directory(14200)

    @property
    def root(self) -> str:
        """The root by which its own address is trusted."""
        return self.host.sh("cat /etc/ca/root.pem") + "\n"

    def variables(self, **more: Any) -> dict[str, Any]:
        """Return what the inventory says of it."""
        return {"nginx_acme_directory": self.directory(), "nginx_acme_root": self.root, **more}

    def know(self, proxy: harness.Host, *domains: str) -> None:
        """Let the DNS lead names to a proxy."""
        address = self.address(proxy)
        for domain in domains:
            self._tell("clear-a", {"host": domain})
            self._tell("add-a", {"host": domain, "addresses": [address]})

    def forget(self, *domains: str) -> None:
        """Let the DNS know names no more."""
        for domain in domains:
            self._tell("clear-a", {"host": domain})

    def _tell(self, what: str, value: dict[str, Any]) -> None:
        text = shlex.quote(json.dumps(value))
        self.host.sh(f"curl -sSf -X POST -d {text} http://127.0.0.1:8055/{what}")

    def address(self, proxy: harness.Host) -> str:
        """Return a proxy's address as this host knows it."""
        return self.host.sh(f"getent ahostsv4 {proxy.name} | awk 'NR==1 {{print $1}}'")

    def open(self) -> None:
        """Let the proxies reach it."""
        self.host.sh("systemctl start door.socket")

    def close(self) -> None:
        """Let nobody reach it."""
        self.host.sh("systemctl stop door.socket door.service")

    def wait(self) -> None:
        """Return when it answers; it has a root of its own since it was started."""
        url = f"https://{self.host.name}:15000/roots/0"
        local = f"--connect-to {self.host.name}:15000:127.0.0.1:15000 --cacert /etc/ca/root.pem"
        self.host.sh(f"timeout 20 sh -c 'until curl -sSf {local} {url} > {ROOTS}; do sleep 0.2; done' 2>&1")

    # As a visitor who trusts it.

    def visit(self, proxy: harness.Host, domain: str, path: str = "/", options: str = "") -> str:
        """Fetch a path by HTTPS; raises AssertionError where the certificate is not to be trusted."""
        where = f"--resolve {domain}:{HTTPS}:{self.address(proxy)} --cacert {ROOTS}"
        return self.host.sh(f"curl -sS --max-time 10 {where} {options} https://{domain}{path}")

    def shown(self, proxy: harness.Host, domain: str) -> str:
        """Return the fingerprint of the certificate that a proxy shows for a name."""
        connect = f"openssl s_client -connect {self.address(proxy)}:{HTTPS} -servername {domain} </dev/null"
        return self.host.sh(f"{connect} 2>/dev/null | openssl x509 -noout -fingerprint -sha256")


@dataclasses.dataclass
class Front:
    """An app on a proxy, whose certificate the tests change."""

    host: harness.Host
    folder: Path
    authority: Authority

    def deploy(
        self, tls: object, *domains: str, options: Sequence[str] = (), **variables: Any
    ) -> harness.Run:
        """Run site.yml with the app served in this way. options: of ansible-playbook."""
        app = self.entry(tls, domains or ["alpha.test"])
        return self.host.deploy([app], *options, **self.authority.variables(**variables))

    def entry(self, tls: object, domains: Sequence[str]) -> dict[str, Any]:
        """Return the manifest's entry."""
        app = harness.entry("alpha", harness.write_app(self.folder / "alpha"))
        app["nginx"].update(tls=tls, domains=list(domains))
        return app

    def remove(self) -> harness.Run:
        """Run site.yml with the app absent."""
        return self.host.deploy([{"name": "alpha", "state": "absent"}], **self.authority.variables())

    def status(self) -> dict[str, Any]:
        """Return what the playbook `status` says of the app's certificate."""
        report = self.folder / "certificates.json"
        variables = {"certificates_json": str(report)}
        self.host.play(variables, playbook=harness.ROOT / "playbooks/status.yml").succeeded()
        (row,) = json.loads(report.read_text())
        return dict(row)

    def put(self, pair: pki.Pair) -> dict[str, object]:
        """Write a certificate and its key on the proxy; return what the manifest says of them."""
        files = {OWN_CERTIFICATE: pair.pem, OWN_KEY: pair.key}
        for path, text in files.items():
            # A file that is there already would keep its mode.
            self.host.sh(f"umask 077; rm -f {path}; cat > {path} <<'END'\n{text}END")
        return {"certificate": OWN_CERTIFICATE, "key": OWN_KEY, "on_host": True}


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """The authority, running."""
    (name,) = names("-ca")
    authority = Authority(harness.Host(name, tmp_path_factory.mktemp("ca")))
    authority.wait()
    return authority


@pytest.fixture(
    scope="session",
    # With pytest-xdist, one worker has all tests: the hosts share the names that the authority looks for.
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group("authority"))
        for name in names("-debian12", "-debian13")
    ],
)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> harness.Host:
    """A proxy."""
    return harness.Host(request.param, tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="session")
def front(host: harness.Host, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Front:
    """The app on a proxy, without TLS at first; tests go on from where others end."""
    front = Front(host, tmp_path_factory.mktemp("apps"), authority)
    front.deploy("off").succeeded()
    return front
