"""How an ASGI worker of an instance stops: Gunicorn's own worker with what gunicorn.conf.py adds to it."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import os
import socket
import time
import types
from pathlib import Path

import pytest
from gunicorn.config import Config

PART = Path(__file__).parents[3] / "roles/gunicorn/templates/asgi.py"
GET = b"GET / HTTP/1.1\r\nHost: shop\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: shop\r\nContent-Length: 2\r\n\r\nhi"
EVENTS = b"GET /events HTTP/1.1\r\nHost: shop\r\n\r\n"
UPGRADE = (
    b"GET /chat HTTP/1.1\r\nHost: shop\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + base64.b64encode(b"x" * 16) + b"\r\n\r\n"
)
LINGER = 0.3


def config():
    """Run the part of gunicorn.conf.py that is an ASGI app's, and return its names."""
    names = {"worker_class": "asgi"}
    exec(compile(PART.read_text(encoding="utf-8"), str(PART), "exec"), names)
    return names


class App:
    """An ASGI app that waits where it is told to. gone: whether it has seen its WebSocket close."""

    def __init__(self):
        self.go_on = asyncio.Event()
        self.gone = False
        self.ended = False

    async def __call__(self, scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                self.ended = kind == "lifespan.shutdown"
                await send({"type": f"{kind}.complete"})
                if self.ended:
                    return
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await self.go_on.wait()
            await send({"type": "websocket.send", "text": "late"})
            self.gone = (await receive())["type"] == "websocket.disconnect"
        elif scope["path"] == "/events":
            await self.answer(send, b"text/event-stream", b"data: 1\n\n", more=True)
            await asyncio.Event().wait()
        else:
            if scope["path"] == "/slow":
                await self.go_on.wait()
            await self.answer(send, b"text/plain", b"well")

    async def answer(self, send, kind, text, more=False):
        headers = [(b"content-type", kind)]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": text, "more_body": more})


class Served:
    """A worker that serves the app on a unix socket, which the test holds too."""

    def __init__(self, path, graceful_timeout=30):
        self.names = config()
        self.names["LINGER"] = LINGER
        self.app = App()
        settings = Config()
        for name, value in {"graceful_timeout": graceful_timeout, "keepalive": 75}.items():
            settings.set(name, value)
        self.path = str(path)
        self.public = socket.socket(socket.AF_UNIX)
        self.public.bind(self.path)
        self.public.listen(50)
        self.public.setblocking(False)
        self.listener = self.public.dup()
        log = logging.getLogger("worker")
        log.access_log_enabled = False
        self.worker = self.names["DrainingWorker"](
            0,
            os.getppid(),
            [types.SimpleNamespace(sock=self.listener)],
            types.SimpleNamespace(wsgi=lambda: self.app, callable=self.app),
            30,
            settings,
            log,
        )
        self.writers = []

    async def __aenter__(self):
        self.worker.loop = asyncio.get_running_loop()
        self.worker.load_wsgi()
        self.worker.asgi = self.worker.front = self.names["Front"](self.worker.asgi, lambda _peer: True)
        self.task = asyncio.create_task(self.worker._serve())
        while not self.worker.servers:
            await asyncio.sleep(0.01)
        return self

    async def __aexit__(self, *_error):
        for writer in self.writers:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
        self.worker._quick_shutdown, self.worker.alive = True, False
        with contextlib.suppress(asyncio.CancelledError):
            await self.task
        self.public.close()
        self.listener.close()
        self.worker.tmp.close()

    async def connect(self):
        reader, writer = await asyncio.open_unix_connection(self.path)
        self.writers.append(writer)
        return reader, writer

    def stop(self):
        """Do what the signal TERM does, and return when it was."""
        self.worker.handle_exit_signal()
        return time.monotonic()


async def ask(reader, writer, request):
    """Send a request and return the head of the answer, in small letters; its body is read, too."""
    writer.write(request)
    return await read_answer(reader)


async def read_answer(reader):
    head = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 5)).lower()
    if b"chunked" in head:
        while await reader.readuntil(b"\r\n") != b"0\r\n":
            await reader.readuntil(b"\r\n")
        await reader.readuntil(b"\r\n")
    return head


def run(test, path, **options):
    async def served():
        async with Served(path, **options) as server:
            await test(server)

    asyncio.run(served())


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return "http.sock"  # a short name: a unix socket's has at most 107 characters


def test_kept_connection_is_answered_once_more_and_told_to_close(path):
    async def test(server):
        connection = await server.connect()
        assert b"connection: close" not in await ask(*connection, GET)
        server.stop()
        await asyncio.sleep(LINGER / 2)
        assert b"connection: close" in await ask(*connection, POST)

    run(test, path)


def test_connection_said_to_be_kept_stays_open_for_a_while(path):
    async def test(server):
        reader, writer = await server.connect()
        # The answer is written before the worker has seen the signal, which is handled right after.
        writer.write(GET)
        head = await read_answer(reader)
        stopped = server.stop()
        assert b"connection: close" not in head
        await asyncio.wait_for(server.task, 5)
        # What is open is closed with the process.
        assert not reader.at_eof()
        assert time.monotonic() - stopped >= LINGER
        assert server.app.ended

    run(test, path)


def test_running_request_is_answered_and_then_its_connection_may_be_closed(path):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(GET.replace(b"/ ", b"/slow ", 1))
        await asyncio.sleep(0.1)
        server.stop()
        await asyncio.sleep(3 * LINGER)
        assert not server.task.done()
        server.app.go_on.set()
        assert b"connection: close" in await read_answer(reader)

    run(test, path)


def test_stopping_worker_leaves_new_connections_to_the_others(path):
    async def test(server):
        kept = await server.connect()
        await ask(*kept, GET)
        server.stop()
        await asyncio.sleep(0.05)
        _reader, writer = await server.connect()
        writer.write(POST)
        await asyncio.sleep(0.1)
        accepted, _address = server.public.accept()
        with accepted:
            assert accepted.recv(1000) == POST

    run(test, path)


def test_connection_that_is_accepted_as_the_worker_stops_is_served(path):
    async def test(server):
        client = socket.socket(socket.AF_UNIX)
        with client:
            client.connect(server.path)
            client.sendall(POST)
            # The signal comes in the turn of the loop in which the connection is accepted.
            server.worker.loop.call_soon(server.stop)
            await asyncio.wait_for(server.task, 5)
            client.settimeout(2)
            assert client.recv(1000).lower().startswith(b"http/1.1 200")

    run(test, path)


def test_worker_that_nobody_asks_ends_at_once(path):
    async def test(server):
        server.names["LINGER"] = 60
        server.stop()
        await asyncio.wait_for(server.task, 5)

    run(test, path)


def test_stream_of_events_has_an_end_and_is_not_buffered(path):
    async def test(server):
        reader, writer = await server.connect()
        writer.write(EVENTS)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        assert b"x-accel-buffering: no" in head
        await reader.readuntil(b"data: 1\n\n\r\n")
        stopped = server.stop()
        assert await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 5) == b"0\r\n\r\n"
        assert time.monotonic() - stopped < 2

    run(test, path, graceful_timeout=2)


def test_websocket_is_closed_with_the_code_of_a_restart_and_carries_nothing_after_it(path):
    async def test(server):
        reader, writer = await server.connect()
        assert b" 101 " in await ask(reader, writer, UPGRADE)
        server.stop()
        frame = await asyncio.wait_for(reader.readexactly(4), 5)
        assert frame == b"\x88\x02" + (1012).to_bytes(2, "big")
        server.app.go_on.set()
        await asyncio.sleep(0.1)
        # The client's own frame of closing, masked with zeros.
        writer.write(b"\x88\x82" + bytes(4) + frame[2:])
        assert await asyncio.wait_for(reader.read(), 5) == b""
        await asyncio.wait_for(server.task, 5)
        assert server.app.gone

    run(test, path)


def test_queue_of_the_shared_socket_stays_as_long_as_it_was(path):
    async def test(server):
        with contextlib.ExitStack() as stack:
            # No turn of the loop in between, so nothing is accepted.
            for _ in range(150):
                client = stack.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(server.path)  # raises BlockingIOError where the queue is full

    run(test, path)


async def named(scope, trusted):
    """Return what the app is told of a scope behind a proxy that is trusted, or is not."""
    told = {}

    async def app(scope, _receive, _send):
        told.update(scope)

    await config()["Front"](app, lambda _peer: trusted)(scope, None, None)
    return told["client"], told["scheme"]


@pytest.mark.parametrize(
    ("kind", "proto", "trusted", "client", "scheme"),
    [
        ("http", b"https", True, ("203.0.113.9", 0), "https"),
        ("http", b"http", True, ("203.0.113.9", 0), "http"),
        ("websocket", b"https", True, ("203.0.113.9", 0), "wss"),
        ("http", b"https", False, None, "http"),
        ("http", b"gopher", True, ("203.0.113.9", 0), "http"),
    ],
)
def test_only_a_proxy_names_client_and_scheme(kind, proto, trusted, client, scheme):
    scope = {
        "type": kind,
        "scheme": "ws" if kind == "websocket" else "http",
        "client": None,
        "headers": [(b"x-forwarded-for", b"6.6.6.6, 203.0.113.9"), (b"x-forwarded-proto", proto)],
    }
    assert asyncio.run(named(scope, trusted)) == (client, scheme)


@pytest.mark.parametrize("version", [(24, 0, 0), (27, 0, 0)])
def test_an_older_gunicorn_keeps_its_own_worker(version, monkeypatch):
    monkeypatch.setattr("gunicorn.version_info", version)
    assert config()["worker_class"] == "asgi"
