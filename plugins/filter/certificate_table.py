# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.certificate_table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: certificate_table
short_description: The certificates of all proxies, as a table to read
version_added: 0.1.0
description:
  - Prints rows of P(webstack.python.certificate_rows#filter) in columns. A dash stands for what is not
    known.
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
lines: "{{ rows | webstack.python.certificate_table }}"
"""

RETURN = r"""
_value:
  description: The table's lines.
  type: list
  elements: str
"""


def certificate_table(found: list[Mapping[str, Any]]) -> list[str]:
    """Return the rows as the lines of a table; see table."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _certificate_status

    return _certificate_status.table(found)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"certificate_table": certificate_table}
