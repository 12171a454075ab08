"""The app of the benchmarks, once as WSGI and once as ASGI.

/ answers at once, to GET and POST; /sleep/5 after 5 s; /events and a WebSocket at /socket (ASGI) never end.
"""

from __future__ import annotations

import asyncio
import json
import os
import time

from text import TEXT

time.sleep(float(os.environ.get("IMPORT_SECONDS", "0")))

ANSWER = json.dumps({"text": TEXT, "filler": "x" * 200}).encode()
TICK = 0.2  # seconds between two events


def pause(path: str) -> float:
    """Return the seconds that a path is to take."""
    return float(path.removeprefix("/sleep/")) if path.startswith("/sleep/") else 0.0


def wsgi(environ, start_response):
    """Answer with the same JSON, after all of the request was read."""
    environ["wsgi.input"].read()
    if seconds := pause(environ["PATH_INFO"]):
        time.sleep(seconds)
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(ANSWER)))])
    return [ANSWER]


async def asgi(scope, receive, send):
    """Do the same; and stream events, by HTTP and by WebSocket, for as long as the server lets."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await websocket(receive, send)
    elif scope["path"] == "/events":
        await events(send)
    else:
        await answer(scope, receive, send)


async def lifespan(receive, send):
    """Say that the app is ready, and that it has ended."""
    while (message := await receive())["type"] != "lifespan.shutdown":
        await send({"type": f"{message['type']}.complete"})
    await send({"type": "lifespan.shutdown.complete"})


async def answer(scope, receive, send):
    """Answer with the same JSON, after all of the request was read."""
    while (await receive()).get("more_body"):
        pass
    if seconds := pause(scope["path"]):
        await asyncio.sleep(seconds)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(ANSWER)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": ANSWER})


async def events(send):
    """Stream events without an end."""
    headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    while True:
        await send({"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True})
        await asyncio.sleep(TICK)


async def websocket(receive, send):
    """Send messages without an end."""
    await receive()
    await send({"type": "websocket.accept"})
    while True:
        await send({"type": "websocket.send", "text": "tick"})
        await asyncio.sleep(TICK)
