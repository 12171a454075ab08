# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.status_table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

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


def status_table(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the rows as the lines of a table; see table."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _status

    return _status.table(found)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"status_table": status_table}
