# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.release_requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._data import entries, plain
from ansible_collections.webstack.python.plugins.plugin_utils._only import select

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
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
requests: "{{ python_apps | default([]) | webstack.python.release_requests }}"
gone: "{{ (python_apps | default([]) | webstack.python.release_requests(state='absent')).keys() | list }}"
"""

RETURN = r"""
_value:
  description: Mappings with the keys C(source), C(requirements), C(python), C(shared), C(worker_class) and
    C(keep), by name.
  type: dict
"""

DEFAULTS = {
    "source": {},
    "requirements": "auto",
    "python": "python3",
    "shared": [],
    "keep_releases": 5,
}


def release_requests(
    manifest: object, state: str = "present", only: object = ()
) -> dict[str, dict[str, Any]]:
    """Return what the apps of a state ask for, by name; see select.

    Raises ValueError for no list of entries, and for no list of names.
    """
    return {
        plain(app["name"]): request(app)
        for app in select(entries(manifest, "python_apps"), only)
        if plain(app.get("state", "present")) == state
    }


def request(app: Any) -> dict[str, Any]:
    """Return what one entry asks for; its other keys, such as env, are not even read."""
    found = {name: plain(app.get(name, default)) for name, default in DEFAULTS.items()}
    found["keep"] = found.pop("keep_releases")
    found["worker_class"] = plain(app.get("gunicorn", {}).get("worker_class", ""))
    return found


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., dict[str, dict[str, Any]]]]:
        """Return the filters by name."""
        return {"release_requests": release_requests}
