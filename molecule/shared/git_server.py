"""Repositories, and a server on the controller's loopback, by HTTPS and with a password: git-http-backend."""

from __future__ import annotations

import base64
import contextlib
import http.server
import os
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pki

BACKEND = Path(subprocess.check_output(["git", "--exec-path"], text=True).strip()) / "git-http-backend"


def publish(work: Path, bare: Path) -> None:
    """Commit all that is in a folder to the branch main, and make a bare repository of it."""
    git = ["git", "-C", str(work), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    commands = (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"])
    for command in (*commands, ["clone", "-q", "--bare", ".", str(bare)]):
        subprocess.run([*git, *command], check=True)


class Backend(http.server.BaseHTTPRequestHandler):
    """Hands requests to git-http-backend, as a web server does by CGI."""

    root: Path
    expected: str

    def do_GET(self) -> None:
        """Answer a request of Git's."""
        self.handle_git()

    def do_POST(self) -> None:
        """Answer a request of Git's that has a body."""
        self.handle_git()

    def handle_git(self) -> None:
        """Hand a request on, and the answer back."""
        if self.headers["Authorization"] != self.expected:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            [BACKEND],
            check=True,
            capture_output=True,
            input=self.body(),
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "REMOTE_USER": "deploy",
                "REMOTE_ADDR": "127.0.0.1",
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines())
        self.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        """Read the request's body, in one piece or in chunks."""
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        return body

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serving(repositories: Path, folder: Path, user: str, password: str) -> Iterator[tuple[str, Path]]:
    """Serve the repositories of a folder; gives the address, without a slash, and the certificate."""
    public, private = pki.make_root("localhost").write(folder, "git")
    credentials = base64.b64encode(f"{user}:{password}".encode()).decode()
    handler = type("Handler", (Backend,), {"root": repositories, "expected": f"Basic {credentials}"})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(public, private)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://localhost:{server.server_port}", public
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
