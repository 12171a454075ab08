# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gunicorn role's list: derived from the manifest, then completed by host-wide defaults."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    entries,
    plain,
)

OVERRIDABLE = ("workers", "worker_class", "threads", "timeout", "graceful_timeout")


class Health(TypedDict):
    """What the probe asks, and which answers are good."""

    path: str
    status: list[int]  # empty: any below 500
    timeout: int  # seconds until a new instance must have given a good answer
    host: str  # the Host header
    scheme: str  # X-Forwarded-Proto


class Service(TypedDict):
    """Options of the instance's systemd unit."""

    sandbox: Literal["strict", "jit", "off"]
    memory_max: str  # MemoryMax=, with its unit; "" for none


class Socket(TypedDict):
    """The public socket, held by systemd."""

    unit: str  # "gunicorn-shop.socket"
    address: str  # ListenStream=: "/run/webstack/shop/http.sock" or "10.0.0.11:8000"
    path: str  # the address where it is a unix socket, else ""


class GunicornApp(TypedDict):
    """One entry of gunicorn_apps with every key set, for templates that only print."""

    name: str
    app: str  # Gunicorn's APP_MODULE
    user: str
    directory: str  # absolute; may lead through a link that the swap resolves
    virtualenv: str  # absolute; likewise
    current: str  # absolute path of a link that follows the live instance; "" for none
    env: dict[str, str]
    writable_paths: list[str]
    health: Health
    listen: str  # "unix" or host:port
    socket: Socket
    workers: int | Literal["auto"]
    worker_class: Literal["gthread", "sync"]
    threads: int  # per worker; 1 for sync
    timeout: int  # seconds
    graceful_timeout: int  # seconds
    settings: dict[str, Any]
    service: Service
    keep: int  # instances kept for a rollback, the live one among them
    state: Literal["present", "absent"]


def derive(python_apps: object) -> list[dict[str, Any]]:
    """Turn the manifest into entries of gunicorn_apps; only what it says is set.

    Raises ValueError where it is no list of mappings, and what Ansible raises where a template
    cannot be filled in.
    """
    return [_derive(app) for app in plain(entries(python_apps, "python_apps"))]


def _derive(app: Mapping[str, Any]) -> dict[str, Any]:
    name = app["name"]
    if app.get("state") == "absent":
        return {"name": name, "state": "absent"}
    root = f"/srv/{name}"
    entry: dict[str, Any] = {
        "name": name,
        "app": app["app"],
        "user": name,
        "directory": f"{root}/next/code",
        "virtualenv": f"{root}/next/venv",
        "current": f"{root}/current",
        "env": {key: str(value) for key, value in app.get("env", {}).items()},
        "health": {**app.get("health", {}), "host": _probe_host(app.get("nginx", {}))},
    }
    if app.get("shared"):
        entry["writable_paths"] = [f"{root}/shared"]
    if "keep_releases" in app:
        entry["keep"] = app["keep_releases"]
    entry.update({key: app[key] for key in ("listen", "service") if key in app})
    entry.update(app.get("gunicorn", {}))
    return entry


def _probe_host(nginx: Mapping[str, Any]) -> str:
    """Name the host that a visitor would ask for, so that an app that checks it answers."""
    domains = nginx.get("domains") or ["localhost"]
    return str(domains[0]).replace("*", "www")


def resolve(gunicorn_apps: object, defaults: object) -> list[GunicornApp]:
    """Complete entries of gunicorn_apps by the host-wide defaults.

    defaults: workers, worker_class, threads, timeout, graceful_timeout, settings, service, keep,
    each as in an entry. Settings and service are merged key by key, an entry's own winning.
    Raises what Ansible raises where a template cannot be filled in.
    """
    common = plain(defaults)
    return [
        _resolve(entry, common)
        for entry in plain(entries(gunicorn_apps, "gunicorn_apps"))
    ]


def _resolve(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> GunicornApp:
    name = entry["name"]
    listen = entry.get("listen", "unix")
    server = {key: entry.get(key, defaults[key]) for key in OVERRIDABLE}
    return GunicornApp(
        name=name,
        app=entry.get("app", ""),
        user=entry.get("user", name),
        directory=entry.get("directory", ""),
        virtualenv=entry.get("virtualenv", ""),
        current=entry.get("current", ""),
        env={key: str(value) for key, value in entry.get("env", {}).items()},
        writable_paths=entry.get("writable_paths", []),
        health=_health(entry.get("health", {})),
        listen=listen,
        socket=_socket(name, listen),
        workers=server["workers"],
        worker_class=server["worker_class"],
        threads=1 if server["worker_class"] == "sync" else server["threads"],
        timeout=server["timeout"],
        graceful_timeout=server["graceful_timeout"],
        settings={**defaults["settings"], **entry.get("settings", {})},
        service=Service(**{**defaults["service"], **entry.get("service", {})}),
        keep=entry.get("keep", defaults["keep"]),
        state=entry.get("state", "present"),
    )


def _health(health: Mapping[str, Any]) -> Health:
    return Health(
        path=health.get("path", "/"),
        status=health.get("status", [200] if "path" in health else []),
        timeout=health.get("timeout", 30),
        host=health.get("host", "localhost"),
        scheme=health.get("scheme", "http"),
    )


def _socket(name: str, listen: str) -> Socket:
    if listen == "unix":
        path = f"/run/webstack/{name}/http.sock"
        return Socket(unit=f"gunicorn-{name}.socket", address=path, path=path)
    bare = listen.replace("[", "").replace("]", "")
    return Socket(unit=f"gunicorn-{name}-{bare}.socket", address=listen, path="")
