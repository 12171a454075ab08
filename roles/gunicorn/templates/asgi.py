# Part of gunicorn.conf.py where the app is an ASGI one. Gunicorn's own worker, when it is to stop,
# goes on accepting for up to a second, closes connections that it has just said to keep, and waits for
# idle ones until its master kills it: a proxy loses POSTs that it may not send again.
import asyncio
import contextlib
import functools
import time

from gunicorn import version_info
from gunicorn.workers.gasgi import ASGIWorker

# Seconds without a request after which a stopping worker closes what is still open. Nginx lets go of
# an idle connection much sooner, by its keepalive_timeout; whoever lets go first loses no request.
LINGER = 2
SERVICE_RESTART = 1012  # the code of WebSocket by which a client knows to come again


class Front:
    """The app behind its proxy: it sees its clients, and its conversations can be brought to an end.

    trusted: tells whether an address, "" for a unix socket's, is that of the proxy.
    """

    def __init__(self, app, trusted):
        self.app = app
        self.trusted = trusted
        self.stopping = asyncio.Event()
        self.running = 0
        self.quiet_since = 0.0
        self.streams = set()  # tasks in the middle of a stream of events
        self.ended = False

    async def __call__(self, scope, receive, send):
        """Run the app for one request, one WebSocket, or its lifespan."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        self.name_client(scope)
        self.running += 1
        try:
            if scope["type"] == "http":
                await self.request(scope, receive, send)
            else:
                await self.websocket(scope, receive, send)
        finally:
            self.running -= 1
            self.quiet_since = time.monotonic()

    def name_client(self, scope):
        """Put the client's address and scheme, as the proxy names them, in place of the proxy's own."""
        peer = scope.get("client")
        if not self.trusted(peer[0] if peer else ""):
            return
        secure = {"http": "https", "websocket": "wss"}
        for name, value in scope["headers"]:
            if name == b"x-forwarded-for":
                scope["client"] = (value.rpartition(b",")[2].strip().decode("latin-1"), 0)
            elif name == b"x-forwarded-proto" and value == b"https":
                scope["scheme"] = secure[scope["type"]]

    async def request(self, scope, receive, send):
        """Serve a request; while the worker stops, the answer asks for no other on its connection."""
        task = asyncio.current_task()

        async def answer(message):
            if message["type"] == "http.response.start":
                message = self.begin(message, task)
            elif not message.get("more_body"):
                self.streams.discard(task)
            await send(message)

        try:
            await self.app(scope, receive, answer)
        except asyncio.CancelledError:
            if not (self.ended and task in self.streams):
                raise
        finally:
            cut = self.ended and task in self.streams
            self.streams.discard(task)
        if cut:
            await send({"type": "http.response.body"})

    def begin(self, message, task):
        """Return the start of a response with what the proxy has to know of it."""
        more = [(b"connection", b"close")] if self.stopping.is_set() else []
        for name, value in message.get("headers", ()):
            if name.lower() == b"content-type" and value.startswith(b"text/event-stream"):
                self.streams.add(task)
                more.append((b"x-accel-buffering", b"no"))
        return {**message, "headers": [*message.get("headers", ()), *more]} if more else message

    def end_streams(self):
        """End the streams of events, which have no end of their own: their clients come again."""
        self.ended = True
        for task in self.streams:
            task.cancel()

    async def websocket(self, scope, receive, send):
        """Serve a WebSocket until the worker stops."""
        goodbye = None

        async def answer(message):
            nonlocal goodbye
            if goodbye and self.stopping.is_set():
                return  # Nothing may follow the frame of closing.
            await send(message)
            if message["type"] == "websocket.accept":
                goodbye = asyncio.create_task(self.say_goodbye(send))

        try:
            await self.app(scope, receive, answer)
        finally:
            if goodbye:
                goodbye.cancel()

    async def say_goodbye(self, send):
        """Close a WebSocket when the worker stops; the app learns of it as of any other end."""
        await self.stopping.wait()
        with contextlib.suppress(OSError, RuntimeError):
            await send({"type": "websocket.close", "code": SERVICE_RESTART})


class DrainingWorker(ASGIWorker):
    """Gunicorn's ASGI worker, which ends without closing a connection that a request may be coming on.

    front: what stands before the app; set when that is loaded.
    """

    async def _serve(self):
        self.main = asyncio.current_task()
        # All instances share the socket, and asyncio would set its queue's length to 100.
        self.loop.create_server = functools.partial(self.loop.create_server, backlog=self.cfg.backlog)
        await super()._serve()

    def handle_exit_signal(self):
        """Stop at once where Gunicorn's loop is asleep.

        `alive` stays as it is: without it Gunicorn closes connections that it has said to keep.
        """
        if not self.servers:
            super().handle_exit_signal()
        elif not self.front.stopping.is_set():
            self.front.stopping.set()
            self.main.cancel()

    async def _shutdown(self):
        self.front.stopping.set()
        if not self._quick_shutdown:
            await self.drain()
        # What is still open is idle, or out of time: Gunicorn would begin to wait for it anew.
        self.nr_conns = 0
        await super()._shutdown()

    async def drain(self):
        """Accept nothing more, and answer what comes until nothing does, or the time is over."""
        for server in self.servers:
            for listener in server.sockets:
                self.loop.remove_reader(listener.fileno())
        # asyncio drops what it has accepted where its server is closed in the same turn.
        await asyncio.sleep(0)
        for server in self.servers:
            server.close()
        begun = time.monotonic()
        # The master kills what is there after graceful_timeout: time is needed to end in order.
        last = begun + max(self.cfg.graceful_timeout - 1, 0.5)
        await self.wait(last, lambda: self.front.running == 0 and self.is_quiet(begun))
        if self.front.streams:
            self.front.end_streams()
            await self.wait(time.monotonic() + 0.5, lambda: not self.front.streams)

    def is_quiet(self, begun):
        """Tell whether no connection is open, or none on which a request can be on its way."""
        quiet = time.monotonic() - max(begun, self.front.quiet_since)
        return self.nr_conns <= 0 or quiet > LINGER

    async def wait(self, last, done):
        """Wait until something is done, with signs of life for the master, but not beyond a time."""
        over = False
        while not over:
            self.notify()
            # First, as what was accepted last is a connection only some turns later.
            await asyncio.sleep(0.05)
            over = done() or self._quick_shutdown or time.monotonic() > last


if version_info >= (27, 0, 1):
    worker_class = DrainingWorker
