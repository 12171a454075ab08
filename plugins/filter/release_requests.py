# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.release_requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: release_requests
short_description: What a manifest asks of M(webstack.python.release)
version_added: 0.1.0
description:
  - Gives what each app's release is made of, by the app's name, with the defaults filled in.
  - A task loops over the names alone, as the entries hold secrets that a failed item would show.
positional: _input
options:
  _input:
    description: The manifest, C(python_apps).
    type: raw
    required: true
  state:
    description: The apps of which state are given.
    type: str
    choices: [present, absent]
    default: present
  only:
    description: Names of apps to give, as a list or a text with commas. None stand for all.
    type: raw
    default: []
  sandbox:
    description: The profile of the sandbox of apps that name none.
    type: str
    choices: [strict, jit, "off"]
    default: strict
  worker_class:
    description: Gunicorn's worker class of apps that name none.
    type: str
    default: gthread
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
requests: "{{ python_apps | default([]) | webstack.python.release_requests }}"
gone: "{{ (python_apps | default([]) | webstack.python.release_requests(state='absent')).keys() | list }}"
"""

RETURN = r"""
_value:
  description:
    - Mappings by name, which are what M(webstack.python.release) takes as its option C(apps),
      with the keys C(name), C(source), C(requirements), C(python), C(shared), C(worker_class), C(build),
      C(migrate), C(static), C(env), C(sandbox) and C(keep).
    - C(env) is empty where there is no command that needs it.
  type: dict
"""

DEFAULTS: dict[str, Any] = {
    "source": {},
    "requirements": "auto",
    "python": "python3",
    "shared": [],
    "build": [],
    "migrate": [],
    "keep_releases": 5,
}


def release_requests(
    manifest: object,
    state: str = "present",
    only: object = (),
    sandbox: str | bool = "strict",
    worker_class: str = "gthread",
) -> dict[str, dict[str, Any]]:
    """Return what the apps of a state ask for, by name; see select.

    sandbox, worker_class: those of apps that name none.

    Raises ValueError for no list of entries, and for no list of names.
    """
    from ansible_collections.webstack.python.plugins.plugin_utils._data import entries, plain
    from ansible_collections.webstack.python.plugins.plugin_utils._only import select

    return {
        plain(app["name"]): request(app, sandbox, worker_class)
        for app in select(entries(manifest, "python_apps"), only)
        if plain(app.get("state", "present")) == state
    }


def request(app: Any, sandbox: str | bool, worker_class: str) -> dict[str, Any]:
    """Return what one entry asks for; its environment is not even read where no command needs it."""
    from ansible_collections.webstack.python.plugins.plugin_utils._data import plain

    found = {name: plain(app.get(name, default)) for name, default in DEFAULTS.items()}
    found["name"] = plain(app["name"])
    found["keep"] = found.pop("keep_releases")
    found["worker_class"] = plain(app.get("gunicorn", {}).get("worker_class", worker_class))
    # Of this section no other key is read, as some may be secret.
    found["static"] = sorted(plain(app.get("nginx", {}).get("static", {})).values())
    found["env"] = plain(app.get("env", {})) if found["build"] or found["migrate"] else {}
    # YAML reads a bare off as false.
    found["sandbox"] = plain(app.get("service", {})).get("sandbox", sandbox) or "off"
    return found


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., dict[str, dict[str, Any]]]]:
        """Return the filters by name."""
        return {"release_requests": release_requests}
