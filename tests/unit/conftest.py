"""Ansible's importer, and an https server on loopback for what is fetched for real."""

from __future__ import annotations

import base64
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pki
import pytest
from ansible.plugins.loader import init_plugin_loader

# Before anything imports the collection: templates find its filters by Ansible's importer alone.
init_plugin_loader()


class Loopback:
    """The server: what it has, what it was asked for, and with which credentials.

    files: contents by path. redirects: addresses by path. answer: takes a handler that has passed
    the password's check, in the place of files and redirects.
    """

    def __init__(self, certificate, context, user, password):
        self.certificate = certificate
        self.files, self.redirects, self.asked, self.authorizations = {}, {}, [], []
        self.answer = self.answer_file
        self.expected = None
        if user:
            self.expected = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        loopback = self

        class Handler(BaseHTTPRequestHandler):
            """Checks the password, notes the request, and leaves the rest to the server."""

            def do_GET(self):
                loopback.serve(self)

            def do_HEAD(self):
                loopback.serve(self)

            def do_POST(self):
                loopback.serve(self)

            def log_message(self, *_arguments):
                """Keep the tests' output to what pytest says."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        if context is not None:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}).start()

    def serve(self, handler):
        """Answer one request."""
        given = handler.headers.get("Authorization")
        self.authorizations.append(given)
        if self.expected is not None and given != self.expected:
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", 'Basic realm="loopback"')
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        self.asked.append(handler.path)
        self.answer(handler)

    def answer_file(self, handler):
        """Answer with a file, a redirect or 404."""
        path = handler.path.partition("?")[0]
        content = self.files.get(path, b"")
        known = path in self.files or path in self.redirects
        handler.send_response(302 if path in self.redirects else 200 if known else 404)
        if path in self.redirects:
            handler.send_header("Location", self.redirects[path])
        handler.send_header("Content-Type", "text/html" if path.endswith("/") else "application/octet-stream")
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        if handler.command != "HEAD":
            handler.wfile.write(content)

    def close(self):
        """Stop."""
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory):
    """The certificate of all loopback servers of a session, with its key."""
    return pki.make_root("127.0.0.1").write(tmp_path_factory.mktemp("loopback"), "loopback")


@pytest.fixture
def loopback(certificate):
    """Make servers, with user and password or without, that stop with the test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    servers = []

    def make(user="", password="", *, tls=True):
        servers.append(Loopback(certificate[0], context if tls else None, user, password))
        return servers[-1]

    yield make
    for server in servers:
        server.close()
