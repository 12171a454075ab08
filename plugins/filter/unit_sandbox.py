# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.unit_sandbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._sandbox import section

DOCUMENTATION = r"""
name: unit_sandbox
short_description: The sandbox of an app's unit
version_added: 0.1.0
description:
  - Prints the sandbox as directives for the section C([Service]) of a systemd unit.
  - The hooks of an app run in the same one.
positional: _input, read_only, writable
options:
  _input:
    description: The profile.
    type: str
    choices: [strict, jit, "off"]
    required: true
  read_only:
    description: The paths that the app can read, as the unit has them.
    type: str
    required: true
  writable:
    description: The paths that the app can write to.
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
lines: "{{ 'strict' | webstack.python.unit_sandbox('/opt/app', ['/var/lib/app']) }}"
"""

RETURN = r"""
_value:
  description: Lines of a unit, none for V(off).
  type: str
"""


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"unit_sandbox": section}
