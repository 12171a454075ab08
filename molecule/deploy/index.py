"""A package index with a password, for the host's own processes: one distribution of its own, else PyPI's.

The first line of the standard input is USER:PASSWORD; it serves until the input ends.
"""

from __future__ import annotations

import base64
import http.server
import io
import sys
import threading
import zipfile

ADDRESS = ("127.0.0.1", 8900)
NAME, VERSION = "webstack_private", "1.0"
WHEEL = f"{NAME}-{VERSION}-py3-none-any.whl"


def wheel() -> bytes:
    """Return the distribution, an empty module."""
    info = f"{NAME}-{VERSION}.dist-info"
    files = {
        f"{NAME}.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {NAME}\nVersion: {VERSION}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "".join(
            f"{name},,\n" for name in (f"{NAME}.py", f"{info}/METADATA", f"{info}/RECORD")
        ),
    }
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return packed.getvalue()


class Index(http.server.BaseHTTPRequestHandler):
    """Answers who knows the password."""

    expected = ""

    def do_HEAD(self) -> None:
        """Answer as to GET, without the body."""
        self.do_GET()

    def do_GET(self) -> None:
        """Serve the distribution's page, its wheel, or a redirect to PyPI."""
        if self.headers["Authorization"] != self.expected:
            self.reply(401, b"", ("WWW-Authenticate", 'Basic realm="index"'))
        elif self.path.endswith(WHEEL):
            self.reply(200, wheel(), ("Content-Type", "application/zip"))
        elif self.path == "/simple/webstack-private/":
            page = f'<!DOCTYPE html><a href="/files/{WHEEL}">{WHEEL}</a>'.encode()
            self.reply(200, page, ("Content-Type", "text/html"))
        else:
            self.reply(302, b"", ("Location", f"https://pypi.org{self.path}"))

    def reply(self, status: int, body: bytes, header: tuple[str, str]) -> None:
        """Send an answer."""
        self.send_response(status)
        self.send_header(*header)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


if __name__ == "__main__":
    Index.expected = f"Basic {base64.b64encode(sys.stdin.readline().strip().encode()).decode()}"
    server = http.server.ThreadingHTTPServer(ADDRESS, Index)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("serving", flush=True)
    sys.stdin.read()
