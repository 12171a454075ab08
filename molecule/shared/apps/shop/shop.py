"""A Flask app for the tests: it builds URLs, redirects, and answers in two parts."""

import time
from pathlib import Path

from flask import Flask, Response, redirect, request, url_for

HEARD = Path("/tmp/heard")
PATIENCE = 3  # seconds

app = Flask(__name__)


@app.get("/page/<name>")
def page(name):
    """Say where this page is, and what the app was told of its place."""
    return {
        "url": url_for("page", name=name, _external=True),
        "style": url_for("static", filename="site.css"),
        "path": request.path,
    }


@app.get("/leave")
def leave():
    """Lead to a page."""
    return redirect(url_for("page", name="next"))


@app.get("/parts/<kind>")
def parts(kind):
    """Send one part, and another when the client says that it has the first."""

    def body():
        HEARD.unlink(missing_ok=True)
        yield "data: first\n"
        end = time.monotonic() + PATIENCE
        while not HEARD.exists() and time.monotonic() < end:
            time.sleep(0.05)
        yield f"data: {'heard' if HEARD.exists() else 'unheard'}\n\n"

    return Response(body(), mimetype="text/event-stream" if kind == "events" else "text/plain")


@app.get("/heard")
def heard():
    """Let the second part come."""
    HEARD.touch()
    return {}


@app.get("/healthz")
def health():
    """Answer that the app is there."""
    return {}
