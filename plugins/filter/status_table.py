# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.status_table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _status

DOCUMENTATION = r"""
name: status_table
short_description: How the apps are, as a table to read
version_added: 0.1.0
description:
  - Prints rows of P(webstack.python.status_rows#filter) in columns. A dash stands for what is not known.
positional: _input
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
lines: "{{ hostvars | webstack.python.status_rows(hosts, '__status') | webstack.python.status_table }}"
"""

RETURN = r"""
_value:
  description: The table's lines.
  type: list
  elements: str
"""


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"status_table": _status.table}
