"""An ASGI app for the tests: answers, after a while too, streams of events, and WebSockets."""

import asyncio
import contextlib
import json
import os


async def app(scope, receive, send):
    """Serve what the path names; each answer tells how long the request's body was."""
    if scope["type"] == "lifespan":
        return
    if scope["type"] == "websocket":
        await receive()
        await send({"type": "websocket.accept"})
        ticking = asyncio.create_task(tick(send))
        while (await receive())["type"] != "websocket.disconnect":
            pass
        ticking.cancel()
        return
    length, more = 0, True
    while more:
        message = await receive()
        length += len(message["body"])
        more = message.get("more_body", False)
    if scope["path"] == "/events":
        await start(send, b"text/event-stream")
        while True:
            await send({"type": "http.response.body", "body": b"data: tick\n\n", "more_body": True})
            await asyncio.sleep(0.2)
    if scope["path"] == "/slow":
        await asyncio.sleep(5)
    await start(send, b"application/json")
    answer = {
        "length": length,
        "instance": os.environ["WEBSTACK_INSTANCE"],
        "client": scope["client"][0],
        "scheme": scope["scheme"],
    }
    await send({"type": "http.response.body", "body": json.dumps(answer).encode()})


async def tick(send):
    """Send a word now and then: Nginx closes a WebSocket on which nothing comes for a minute."""
    with contextlib.suppress(OSError):
        while True:
            await send({"type": "websocket.send", "text": "tick"})
            await asyncio.sleep(0.2)


async def start(send, kind):
    """Send the head of an answer."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
