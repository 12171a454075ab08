# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.python_literal."""

from __future__ import annotations

from collections.abc import Callable

DOCUMENTATION = r"""
name: python_literal
short_description: A value as Python source
version_added: 0.1.0
description:
  - Writes a value as the Python expression that gives it, so that no value can break out of it.
  - Text, numbers, booleans, nothing, lists and mappings are known.
positional: _input
options:
  _input:
    description: The value.
    type: raw
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
# loglevel = 'debug'
line: "loglevel = {{ 'debug' | webstack.python.python_literal }}"
"""

RETURN = r"""
_value:
  description: One line of Python source.
  type: str
"""


def python_literal(value: object) -> str:
    """Return a value as Python source, on one line.

    Raises TypeError for what has no literal of its own, a date for one.
    """
    from ansible_collections.webstack.python.plugins.plugin_utils._data import plain

    return _literal(plain(value))


def _literal(value: object) -> str:
    if value is None or isinstance(value, (str, bool, int, float)):
        return repr(value)
    if isinstance(value, list):
        return f"[{', '.join(_literal(item) for item in value)}]"
    if isinstance(value, dict):
        items = (f"{_literal(key)}: {_literal(item)}" for key, item in value.items())
        return f"{{{', '.join(items)}}}"
    raise TypeError(f"no Python literal for a {type(value).__name__}")


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[[object], str]]:
        """Return the filters by name."""
        return {"python_literal": python_literal}
