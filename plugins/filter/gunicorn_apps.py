# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.gunicorn_apps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: gunicorn_apps
short_description: The gunicorn role's list, derived from the manifest
version_added: 0.1.0
description:
  - Turns each app of the manifest into an entry of C(gunicorn_apps), the option of the role
    P(webstack.python.gunicorn#role).
  - Only what the manifest says is set; the role's host-wide defaults fill the rest.
  - Of entries that are not asked for, no value but the name is read.
positional: _input, only
options:
  _input:
    description: The manifest, C(python_apps).
    type: list
    elements: dict
    required: true
  only:
    description: Names of apps to give, as a list or a text with commas. None stand for all.
    type: raw
    default: []
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
gunicorn_apps: "{{ python_apps | default([]) | webstack.python.gunicorn_apps(gunicorn_only) }}"
"""

RETURN = r"""
_value:
  description: Entries of C(gunicorn_apps), in the manifest's order.
  type: list
  elements: dict
"""


def gunicorn_apps(python_apps: object, only: object = ()) -> list[dict[str, Any]]:
    """Turn the manifest into entries of gunicorn_apps; see derive."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn

    return _gunicorn.derive(python_apps, only)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"gunicorn_apps": gunicorn_apps}
