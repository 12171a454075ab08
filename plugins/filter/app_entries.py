# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.app_entries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

DOCUMENTATION = r"""
name: app_entries
short_description: The names of a manifest, to be looked for on a host
version_added: 0.1.0
description:
  - Gives the name of each entry, with its state and the words by which a message names it.
  - Entries without a proper name are left out; P(webstack.python.manifest_findings#filter) reports them.
positional: _input
options:
  _input:
    description: The manifest, C(python_apps).
    type: raw
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
entries: "{{ python_apps | webstack.python.app_entries }}"
"""

RETURN = r"""
_value:
  description: One mapping an app, with the keys C(entry), C(name) and C(state).
  type: list
  elements: dict
"""


def app_entries(manifest: object) -> list[dict[str, str]]:
    """Return {entry, name, state} of every entry that has a name."""
    if not isinstance(manifest, Sequence) or isinstance(manifest, str):
        return []
    return [
        {
            "entry": f"python_apps[{index}] ({app['name']})",
            "name": str(app["name"]),
            "state": str(app.get("state", "present")),
        }
        for index, app in enumerate(manifest)
        if isinstance(app, Mapping) and isinstance(app.get("name"), str) and "/" not in app["name"]
    ]


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[[object], list[dict[str, str]]]]:
        """Return the filters by name."""
        return {"app_entries": app_entries}
