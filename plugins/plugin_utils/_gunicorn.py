# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The gunicorn role's list: derived from the manifest, checked, completed by host-wide defaults."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils import _rules, _site_place
from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    entries,
    plain,
    plain_or_unreadable,
)
from ansible_collections.webstack.python.plugins.plugin_utils._entries import (
    Schema,
    check_list,
    check_variables,
    compare,
    same_addresses,
    same_names,
)
from ansible_collections.webstack.python.plugins.plugin_utils._only import names, reduce, select
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Rule

OVERRIDABLE = ("workers", "worker_class", "threads", "timeout", "graceful_timeout")


def server_rules(prefix: str = "") -> dict[str, Rule]:
    """Return the rules of Gunicorn's own keys; prefix: where a list keeps them, "gunicorn."."""
    return {
        f"{prefix}workers": Rule(_rules.USE_WORKERS, _rules.workers),
        f"{prefix}threads": Rule("write a whole number from 1", _rules.between(1)),
        f"{prefix}timeout": Rule("write whole seconds from 1", _rules.between(1)),
        f"{prefix}graceful_timeout": Rule("write whole seconds from 1", _rules.between(1)),
        f"{prefix}settings": Rule(_rules.USE_SETTINGS, _rules.gunicorn_settings(prefix), secret=True),
    }


SHARED_RULES = {
    "name": Rule(_rules.USE_NAME, _rules.matches(_rules.NAME, "is not a name", _rules.USE_NAME)),
    "app": Rule(_rules.USE_APP, _rules.app_module),
    "env": Rule(_rules.USE_ENV, _rules.environment, secret=True),
    "health.path": Rule(
        _rules.USE_REQUEST_PATH,
        _rules.matches(_rules.REQUEST_PATH, "is not a path", _rules.USE_REQUEST_PATH),
    ),
    "health.status": Rule(_rules.USE_STATUS, _rules.statuses),
    "health.timeout": Rule("write whole seconds from 1 to 600", _rules.between(1, 600)),
    "health.body": Rule(_rules.USE_BODY, _rules.body_text),
    "health.watch": Rule("write whole seconds from 0 to 3600", _rules.between(0, 3600)),
    "notify.before": Rule(_rules.USE_COMMANDS, _rules.commands, secret=True),
    "notify.after": Rule(_rules.USE_COMMANDS, _rules.commands, secret=True),
    "listen": Rule(_rules.USE_LISTEN, _rules.listen),
    "service.memory_max": Rule(_rules.USE_MEMORY, _rules.memory_max),
}

SCHEMA = Schema(
    variable="gunicorn_apps",
    role="gunicorn",
    needed=("app", "directory", "virtualenv"),
    rules={
        **SHARED_RULES,
        **server_rules(),
        "user": Rule(_rules.USE_USER, _rules.user),
        "directory": Rule(_rules.USE_ABSOLUTE, _rules.absolute_path),
        "virtualenv": Rule(_rules.USE_ABSOLUTE, _rules.absolute_path),
        "current": Rule(_rules.USE_ABSOLUTE, _rules.absolute_path),
        "previous": Rule(_rules.USE_ABSOLUTE, _rules.absolute_path),
        "writable_paths": Rule(_rules.USE_ABSOLUTE, _rules.each(_rules.absolute_path)),
        "path": Rule(_site_place.USE_PATH, _site_place.url_path),
        "health.host": Rule("write a host name", _rules.host_header),
        "keep": Rule("write a whole number from 2", _rules.between(2)),
    },
)

# Keys of an entry whose host-wide default is a variable of its own.
DEFAULTED = ("workers", "threads", "timeout", "graceful_timeout", "settings", "service.memory_max", "keep")
VARIABLE_RULES = {f"gunicorn_{key.replace('.', '_')}": SCHEMA.rules[key] for key in DEFAULTED}


class Health(TypedDict):
    """What the probe asks, and which answers are good."""

    path: str  # as a visitor asks for it
    status: list[int]  # empty: any below 500
    timeout: int  # seconds until a new instance must have given a good answer
    host: str  # the Host header
    scheme: str  # X-Forwarded-Proto
    body: str  # text that a good answer has; "" for any answer
    watch: int  # seconds for which a new instance is observed once it is live


class Notify(TypedDict):
    """The app's own commands around a swap."""

    before: list[str]
    after: list[str]


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
    previous: str  # of one that follows what was live before it; "" for none
    script_name: str  # the URL prefix below which the app is, "/shop"; "" for none
    env: dict[str, str]
    writable_paths: list[str]
    health: Health
    notify: Notify
    listen: str  # "unix" or host:port
    socket: Socket
    workers: int | Literal["auto"]
    worker_class: Literal["gthread", "sync", "gevent", "asgi"]
    threads: int  # per worker; 1 for all but gthread
    timeout: int  # seconds
    graceful_timeout: int  # seconds
    settings: dict[str, Any]
    service: Service
    keep: int  # instances kept for a rollback, the live one among them
    state: Literal["present", "absent"]


def findings(gunicorn_apps: object, defaults: object = None, only: object = ()) -> list[str]:
    """Return all that is wrong with the role's list and its host-wide defaults, worded for the user.

    defaults: as in resolve, or None to leave them out. only: names of the entries to judge, see select.
    """
    variables = _variables(plain_or_unreadable(defaults) or {})
    return [
        *check_variables(variables, SCHEMA.role, VARIABLE_RULES),
        *list_findings(gunicorn_apps, variables, only),
    ]


def list_findings(gunicorn_apps: object, variables: Mapping[str, object], only: object = ()) -> list[str]:
    """Return all that is wrong with the role's list alone.

    variables: those of the role by their names, as far as they are known. only: as in findings.
    """
    threads = Rule("", _rules.threads_of_class(variables.get("gunicorn_worker_class")))
    schema = dataclasses.replace(SCHEMA, rules={**SCHEMA.rules, "": threads})
    reported, checked = check_list(plain_or_unreadable(reduce(gunicorn_apps, only)), schema, only=names(only))
    reported += compare(checked, same_names, same_addresses)
    return [str(item) for item in reported]


def _variables(defaults: Mapping[str, Any]) -> dict[str, object]:
    """Map the names of the role's variables to their values."""
    flat = {**defaults, **{f"service_{key}": value for key, value in defaults.get("service", {}).items()}}
    return {f"gunicorn_{key}": value for key, value in flat.items() if key != "service"}


def derive(python_apps: object, only: object = ()) -> list[dict[str, Any]]:
    """Turn the manifest into entries of gunicorn_apps; only what it says is set.

    only: names of the apps to give, see select.
    Raises ValueError where it is no list of mappings, and what Ansible raises where a template
    cannot be filled in.
    """
    return [_derive(app) for app in plain(select(entries(python_apps, "python_apps"), only))]


def _derive(app: Mapping[str, Any]) -> dict[str, Any]:
    name = app.get("name", "")
    root = f"/srv/{name}"
    links = {link: f"{root}/{link}" for link in ("current", "previous")}
    if app.get("state") == "absent":
        return {"name": name, **links, "state": "absent"}
    entry: dict[str, Any] = {
        # One of them that is missing is a finding.
        **{key: app[key] for key in ("name", "app") if key in app},
        "user": name,
        "directory": f"{root}/next/code",
        "virtualenv": f"{root}/next/venv",
        **links,
        "env": {key: str(value) for key, value in app.get("env", {}).items()},
        "health": {**app.get("health", {}), "host": probe_host(app.get("nginx", {}))},
    }
    if app.get("shared"):
        entry["writable_paths"] = [f"{root}/shared"]
    if "keep_releases" in app:
        entry["keep"] = app["keep_releases"]
    entry.update({key: app[key] for key in ("listen", "service", "notify") if key in app})
    if "path" in app.get("nginx", {}):
        entry["path"] = app["nginx"]["path"]
    entry.update(app.get("gunicorn", {}))
    return entry


def probe_host(nginx: Mapping[str, Any]) -> str:
    """Name the host that a visitor would ask for, so that an app that checks it answers."""
    domains = nginx.get("domains") or ["localhost"]
    return str(domains[0]).replace("*", "www")


def resolve(gunicorn_apps: object, defaults: object, only: object = ()) -> list[GunicornApp]:
    """Complete entries of gunicorn_apps by the host-wide defaults.

    defaults: workers, worker_class, threads, timeout, graceful_timeout, settings, service, keep,
    each as in an entry. Settings and service are merged key by key, an entry's own winning.
    only: names of the entries to give, see select.
    Raises what Ansible raises where a template cannot be filled in.
    """
    common = plain(defaults)
    chosen = select(entries(gunicorn_apps, "gunicorn_apps"), only)
    return [_resolve(entry, common) for entry in plain(chosen)]


def _resolve(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> GunicornApp:
    name = entry["name"]
    listen = entry.get("listen", "unix")
    path = entry.get("path", "/")
    server = {key: entry.get(key, defaults[key]) for key in OVERRIDABLE}
    return GunicornApp(
        name=name,
        app=entry.get("app", ""),
        user=entry.get("user", name),
        directory=entry.get("directory", ""),
        virtualenv=entry.get("virtualenv", ""),
        current=entry.get("current", ""),
        previous=entry.get("previous", ""),
        script_name=path.rstrip("/"),
        env={key: str(value) for key, value in entry.get("env", {}).items()},
        writable_paths=entry.get("writable_paths", []),
        health=resolve_health(entry.get("health", {}), path),
        notify={"before": [], "after": [], **entry.get("notify", {})},
        listen=listen,
        socket=_socket(name, listen),
        workers=server["workers"],
        worker_class=server["worker_class"],
        threads=server["threads"] if server["worker_class"] == "gthread" else 1,
        timeout=server["timeout"],
        graceful_timeout=server["graceful_timeout"],
        settings={**defaults["settings"], **entry.get("settings", {})},
        service=_service({**defaults["service"], **entry.get("service", {})}),
        keep=entry.get("keep", defaults["keep"]),
        state=entry.get("state", "present"),
    )


def resolve_health(health: Mapping[str, Any], path: str) -> Health:
    """Complete what an entry says of its health. path: that of the app, with a slash at its end."""
    return Health(
        path=path.rstrip("/") + health.get("path", "/"),
        status=health.get("status", [200] if "path" in health else []),
        timeout=health.get("timeout", 30),
        host=health.get("host", "localhost"),
        scheme=health.get("scheme", "http"),
        body=health.get("body", ""),
        watch=health.get("watch", 0),
    )


def _service(service: Mapping[str, Any]) -> Service:
    # YAML reads a bare off as false.
    return Service(sandbox=service["sandbox"] or "off", memory_max=service["memory_max"])


def _socket(name: str, listen: str) -> Socket:
    if listen == "unix":
        path = f"/run/webstack/{name}/http.sock"
        return Socket(unit=f"gunicorn-{name}.socket", address=path, path=path)
    bare = listen.replace("[", "").replace("]", "")
    return Socket(unit=f"gunicorn-{name}-{bare}.socket", address=listen, path="")
