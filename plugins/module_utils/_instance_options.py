# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of the module instance."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEALTH_OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "default": "/"},
    "status": {"type": "list", "elements": "int", "default": []},
    "timeout": {"type": "float", "default": 30},
    "host": {"type": "str", "default": "localhost"},
    "scheme": {"type": "str", "default": "http"},
    "body": {"type": "str", "default": ""},
    "watch": {"type": "float", "default": 0},
}
NOTIFY_OPTIONS: dict[str, Any] = {
    "before": {"type": "list", "elements": "str", "default": []},
    "after": {"type": "list", "elements": "str", "default": []},
}
FILES = (
    "config",
    "service",
    "socket",
    "check_service",
    "check_socket",
    "public_socket",
    "handle",
    "target",
)
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str"},
    "state": {
        "type": "str",
        "choices": ["present", "compared", "rolled_back", "absent"],
        "default": "present",
    },
    "to": {"type": "str", "default": ""},
    "environment": {"type": "str", "choices": ["recorded", "current"], "default": "recorded"},
    "force": {"type": "bool", "default": False},
    "user": {"type": "str"},
    "directory": {"type": "path"},
    "virtualenv": {"type": "path"},
    "current": {"type": "path"},
    "previous": {"type": "path"},
    "planned": {"type": "dict", "default": {}},
    "listen": {"type": "str", "default": "unix"},
    "env": {"type": "dict", "default": {}, "no_log": True},
    "workers": {"type": "str", "default": "auto"},
    "worker_class": {"type": "str", "choices": ["gthread", "sync", "gevent", "asgi"], "default": "gthread"},
    "memory_max": {"type": "str", "default": ""},
    "settings": {"type": "dict", "default": {}},
    "health": {"type": "dict", "default": {}, "options": HEALTH_OPTIONS, "apply_defaults": True},
    "files": {
        "type": "dict",
        "options": {name: {"type": "str", "required": True} for name in FILES},
    },
    "notify": {"type": "dict", "default": {}, "options": NOTIFY_OPTIONS, "apply_defaults": True},
    "sandbox": {"type": "str", "choices": ["strict", "jit", "off"], "default": "strict"},
    "writable": {"type": "list", "elements": "path", "default": []},
    "keep": {"type": "int", "default": 5},
    "settle": {"type": "bool", "default": False},
    "by": {"type": "str", "default": ""},
    "apps": {"type": "list", "elements": "dict", "default": [], "no_log": True},
    "templates": {"type": "dict", "default": {}},
}
REQUIRED_IF = [
    ("state", "present", ["name", "user", "directory", "virtualenv", "files"]),
    ("state", "rolled_back", ["name"]),
    ("state", "absent", ["name"]),
]


def links(params: Mapping[str, Any]) -> tuple[Path | None, Path | None]:
    """Return the links that follow what is live, and what was live before it; None for none."""
    current, previous = (Path(params[name]) if params[name] else None for name in ("current", "previous"))
    return current, previous
