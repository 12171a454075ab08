"""The proxies, and a client on a host of its own."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import harness
import pytest
from sites import another, beside
from turns import take_turns

pytest_plugins = ["attacks"]

# The app answers as the query says: status=404, header=Set-Cookie:a=b (several), wait=0.5, size=1000,
# environ=HTTP_AUTHORIZATION.
AS_ASKED = '''
import time
from urllib.parse import parse_qs

plain = app


def app(environ, start_response):
    """Answer as the query says."""
    asked = parse_qs(environ.get("QUERY_STRING", ""))
    time.sleep(float(asked.get("wait", ["0"])[0]))

    def start(status, headers):
        more = [tuple(header.split(":", 1)) for header in asked.get("header", [])]
        code = asked.get("status", [status.split()[0]])[0]
        return start_response(status if status.startswith(code) else f"{code} As asked", [*headers, *more])

    body = plain(environ, start)
    if "environ" in asked:
        return [str(environ.get(asked["environ"][0])).encode()]
    return [b"x" * int(asked["size"][0])] if "size" in asked else body
'''


# A client of WebSocket: one short word there, one short text back.
WEBSOCKET = """
import base64, os, socket, sys
proxy, domain, path = sys.argv[1:]
connection = socket.create_connection((proxy, 80), timeout=10)
key = base64.b64encode(os.urandom(16)).decode()
connection.sendall(
    f"GET {path} HTTP/1.1\\r\\nHost: {domain}\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\n"
    f"Sec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: {key}\\r\\n\\r\\n".encode()
)
stream = connection.makefile("rb")
print(stream.readline().split()[1].decode())
while stream.readline().strip():
    pass
connection.sendall(b"\\x81\\x85" + bytes(4) + b"hello")
opcode, length = stream.read(2)
print(stream.read(length).decode())
"""

NAMES = ("alpha.test", "www.alpha.test")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each file to one host."""
    take_turns(config, items, lambda item: item.path)


def names(*endings: str) -> list[str]:
    """Return the hosts whose names end so."""
    return [name for name in harness.host_names() if name.endswith(endings)]


@dataclasses.dataclass
class Client:
    """Who asks, on another host than the proxy."""

    host: harness.Host
    proxy: harness.Host

    def sh(self, command: str) -> str:
        """Run a shell command and return what it printed."""
        return self.host.sh(command)

    def address(self) -> str:
        """Return the client's address as the proxy sees it."""
        return self.host.sh(f"getent ahostsv4 {self.host.name} | awk 'NR==1 {{print $1}}'")

    def of_proxy(self) -> str:
        """Return the proxy's address."""
        return self.host.sh(f"getent ahostsv4 {self.proxy.name} | awk 'NR==1 {{print $1}}'")

    def command(self, path: str = "/", options: str = "", domain: str = "alpha.test", port: int = 80) -> str:
        """Return the command by which a path is fetched."""
        scheme = "https" if port == 443 else "http"
        where = f"--resolve {domain}:{port}:{self.of_proxy()}"
        return f"curl -sS --max-time 20 {where} {options} '{scheme}://{domain}:{port}{path}'"

    def get(self, path: str = "/", options: str = "", domain: str = "alpha.test", port: int = 80) -> str:
        """Fetch a path and return what curl prints. options: further ones of curl."""
        return self.sh(self.command(path, options, domain, port))

    def status(self, path: str = "/", options: str = "", domain: str = "alpha.test", port: int = 80) -> int:
        """Return the status that a path is answered with."""
        return int(self.get(path, f"-o /dev/null -w '%{{http_code}}' {options}", domain, port))

    def gets_no_answer(self, domain: str) -> bool:
        """Tell whether the proxy closes the connection of who asks for this name."""
        curl = self.host.ti.run(self.command(domain=domain))
        return curl.rc in (52, 56) and curl.stdout == ""

    def refuses(self, port: int) -> bool:
        """Tell whether the proxy refuses connections to this port."""
        return bool(self.host.ti.run(self.command(port=port)).rc == 7)

    def converse(self, path: str, domain: str = "alpha.test") -> list[str]:
        """Say hello by a WebSocket; return the status and what is answered."""
        script = shlex.quote(WEBSOCKET)
        return self.sh(f"python3 -c {script} {self.of_proxy()} {domain} {path}").split("\n")

    def headers(self, path: str = "/", options: str = "", domain: str = "alpha.test") -> dict[str, str]:
        """Return an answer's headers by their names in lower case; a name that comes twice has both."""
        lines = self.get(path, f"-o /dev/null -D - {options}", domain).splitlines()
        found: dict[str, str] = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            if name:
                key = name.strip().lower()
                found[key] = f"{found[key]}, {value.strip()}" if key in found else value.strip()
        return found


@dataclasses.dataclass
class Front:
    """The app `alpha` behind a proxy, which the tests serve in one way or another."""

    host: harness.Host
    folder: Path

    def deploy(
        self,
        variables: Mapping[str, Any] | None = None,
        options: Sequence[str] = (),
        sites: Mapping[str, Mapping[str, Any]] | None = None,
        **keys: Any,
    ) -> harness.Run:
        """Run site.yml with the app's section `nginx` having these keys.

        variables: of the host. options: of ansible-playbook. sites: keys of further sites of the same app by
        their names; the domain of each is NAME.test.
        """
        others = beside(*(another(name, **own) for name, own in sites.items())) if sites else {}
        return self.host.deploy([self.entry(**keys)], *options, **others, **(variables or {}))

    def entry(self, **keys: Any) -> dict[str, Any]:
        """Return the manifest's entry."""
        app = harness.entry("alpha", harness.write_app(self.folder / "alpha", coda=AS_ASKED))
        app["nginx"].update(keys)
        return app

    def log(self, site: str = "alpha") -> str:
        """Return a site's access log with all that was asked until now.

        Workers keep lines for a second, and write them when they end; so they are made to.
        """
        workers = self.host.sh("pgrep -P $(cat /run/nginx.pid)").split()
        self.host.sh("systemctl reload nginx")
        running = f"ls -d {' '.join(f'/proc/{pid}' for pid in workers)} 2>/dev/null"
        self.host.sh(f"timeout 20 sh -c 'while {running}; do sleep 0.1; done'")
        return self.host.sh(f"cat /var/log/nginx/{site}.access.log")


@pytest.fixture(
    scope="session",
    # They share the client, and an attack on one would be felt by the other one.
    params=[
        pytest.param(name, marks=pytest.mark.xdist_group("client"))
        for name in names("-debian12", "-debian13")
    ],
)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> harness.Host:
    """A proxy that runs the app, too."""
    return harness.Host(request.param, tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="session")
def client(host: harness.Host, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Who asks the proxy, and knows its names."""
    (name,) = names("-client")
    client = Client(harness.Host(name, tmp_path_factory.mktemp("client")), host)
    client.sh("sed '/alpha.test/d' /etc/hosts > /root/hosts && cat /root/hosts > /etc/hosts")
    client.sh(f"echo '{client.of_proxy()} {' '.join(NAMES)}' >> /etc/hosts")
    return client


@pytest.fixture(scope="session")
def front(host: harness.Host, tmp_path_factory: pytest.TempPathFactory) -> Front:
    """The app on the proxy."""
    return Front(host, tmp_path_factory.mktemp("apps"))
