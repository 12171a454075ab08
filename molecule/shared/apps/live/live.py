"""A Starlette app for the tests: it builds URLs, answers in two parts, and echoes what a WebSocket brings."""

import asyncio
from pathlib import Path

from starlette.applications import Starlette
from starlette.responses import JSONResponse, StreamingResponse
from starlette.routing import Route, WebSocketRoute

HEARD = Path("/tmp/heard")
PATIENCE = 3  # seconds


async def page(request):
    """Say where this page is."""
    return JSONResponse({"url": str(request.url_for("page", name="next"))})


async def parts(request):
    """Send one part, and another when the client says that it has the first."""

    async def body():
        HEARD.unlink(missing_ok=True)
        yield "data: first\n"
        for _ in range(PATIENCE * 20):
            if HEARD.exists():
                break
            await asyncio.sleep(0.05)
        yield f"data: {'heard' if HEARD.exists() else 'unheard'}\n\n"

    kind = "text/event-stream" if request.path_params["kind"] == "events" else "text/plain"
    return StreamingResponse(body(), media_type=kind)


async def heard(_request):
    """Let the second part come."""
    HEARD.touch()
    return JSONResponse({})


async def echo(websocket):
    """Send back what comes, with the URL of a page."""
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(f"{text} {websocket.url_for('page', name='next')}")


async def health(_request):
    """Answer that the app is there."""
    return JSONResponse({})


app = Starlette(
    routes=[
        Route("/healthz", health),
        Route("/page/{name}", page, name="page"),
        Route("/parts/{kind}", parts),
        Route("/heard", heard),
        WebSocketRoute("/echo", echo),
    ]
)
