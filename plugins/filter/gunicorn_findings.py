# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.gunicorn_findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: gunicorn_findings
short_description: All that is wrong with entries of gunicorn_apps
version_added: 0.1.0
description:
  - Checks C(gunicorn_apps), the option of the role P(webstack.python.gunicorn#role), as strictly as
    the manifest is checked, and the role's host-wide defaults.
  - Gives every finding at once, each with the entry, the key and the remedy. No finding holds a value
    of C(env) or C(settings).
positional: _input, defaults, only
options:
  _input:
    description: Entries of C(gunicorn_apps).
    type: raw
    required: true
  defaults:
    description: The host-wide defaults, as for P(webstack.python.gunicorn_resolve#filter).
    type: dict
  only:
    description: Names of apps to check, as a list or a text with commas. None stand for all.
    type: raw
    default: []
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: "{{ gunicorn_apps | webstack.python.gunicorn_findings(__gunicorn_defaults) }}"
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample: ["gunicorn_apps[0] (shop): threads: 0 is out of range; write a whole number from 1"]
"""


def gunicorn_findings(gunicorn_apps: object, defaults: object = None, only: object = ()) -> list[str]:
    """Return all that is wrong with the role's list; see findings."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn

    return _gunicorn.findings(gunicorn_apps, defaults, only)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"gunicorn_findings": gunicorn_findings}
