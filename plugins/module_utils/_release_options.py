# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of webstack.python.release, for its action plugin and its module alike."""

from __future__ import annotations

from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._sandbox import PROFILES

OPTIONS: dict[str, Any] = {
    "name": {"type": "str"},
    "apps": {"type": "list", "elements": "dict", "default": [], "no_log": True},
    "state": {
        "type": "str",
        "choices": ["present", "compared", "absent", "pruned", "migrated"],
        "default": "present",
    },
    "source": {
        "type": "dict",
        "options": {
            "path": {"type": "str"},
            "git": {"type": "str"},
            "ref": {"type": "str", "default": "HEAD"},
            "submodules": {"type": "bool", "default": False},
            "token": {"type": "str", "default": "", "no_log": True},
            "deploy_key": {"type": "str", "default": "", "no_log": True},
            "archive": {"type": "str"},
            "checksum": {"type": "str", "default": ""},
            "subfolder": {"type": "str", "default": ""},
            "package": {"type": "str"},
        },
        "mutually_exclusive": [["path", "git", "archive", "package"]],
        "required_one_of": [["path", "git", "archive", "package"]],
    },
    "requirements": {"type": "raw", "default": "auto"},
    "python": {"type": "str", "default": "python3"},
    "shared": {"type": "list", "elements": "str", "default": []},
    "build": {"type": "list", "elements": "str", "default": []},
    "migrate": {"type": "list", "elements": "str", "default": []},
    "static": {"type": "list", "elements": "str", "default": []},
    "release": {"type": "str", "default": ""},
    "env": {"type": "dict", "default": {}, "no_log": True},
    "sandbox": {"type": "str", "choices": list(PROFILES), "default": "strict"},
    "hook_timeout": {"type": "int", "default": 600},
    "keep": {"type": "int", "default": 5},
    "uv": {"type": "path"},
    "gunicorn_version": {"type": "str"},
    "worker_class": {"type": "str", "choices": ["gthread", "sync", "gevent", "asgi"], "default": "gthread"},
    "index_url": {"type": "str", "default": "", "no_log": True},
    "uv_arguments": {"type": "list", "elements": "str", "default": []},
    "system_certs": {"type": "bool", "default": True},
    "ca_bundle": {"type": "path"},
}

NAMED = [["state", state, ["name"]] for state in ("present", "absent", "pruned", "migrated")]
REQUIRED_IF = [*NAMED, ["state", "present", ["source", "uv", "gunicorn_version"]]]

# What the action plugin adds. found: what it found out on the controller.
FOUND: dict[str, Any] = {
    "kind": {"type": "str"},
    "origin": {"type": "str"},
    "revision": {"type": "str"},
    "tree": {"type": "str"},
    "lock_kind": {"type": "str"},
    "lock": {"type": "str"},
    "shipped": {"type": "dict", "default": {}},
    "controller": {"type": "str"},
    "remote_user": {"type": "str"},
}
ADDED: dict[str, Any] = {
    "_found": {"type": "dict", "options": FOUND},
    "_archive": {"type": "path"},
    "_pins": {"type": "list", "elements": "str"},
}
