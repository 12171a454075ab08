"""A small Flask app that shows what the chain in front of it did with a request."""

from __future__ import annotations

import os
import socket

from flask import Flask, Response, jsonify, render_template, request


def create_app() -> Flask:
    """Return the app; Gunicorn calls it as ``hello:create_app()``."""
    app = Flask(__name__)

    @app.get("/")
    def index() -> Response | str:
        seen = observe()
        if wants_json():
            return jsonify(seen)
        return render_template("index.html", seen=seen)

    @app.get("/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def observe() -> dict[str, str | int | None]:
    """Return what this worker knows of itself and of the request it answers."""
    return {
        "app": os.environ.get("WEBSTACK_APP"),
        "release": os.environ.get("WEBSTACK_RELEASE"),
        "instance": os.environ.get("WEBSTACK_INSTANCE"),
        "worker": os.getpid(),
        "machine": socket.gethostname(),
        "client": request.remote_addr,
        "scheme": request.scheme,
        "host": request.host,
        "request_id": request.headers.get("X-Request-ID"),
    }


def wants_json() -> bool:
    """Tell whether the visitor asks for JSON, by the query or by the Accept header."""
    if request.args.get("format") == "json":
        return True
    accepted = request.accept_mimetypes
    return accepted.best_match(["text/html", "application/json"]) == "application/json"
