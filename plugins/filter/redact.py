# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.redact."""

from __future__ import annotations

from collections.abc import Callable

DOCUMENTATION = r"""
name: redact
short_description: A text without the credentials that it may hold
version_added: 0.1.0
description:
  - Puts C(***) in the place of user and password of every URL in a text.
  - Does the same to the password of one URL wherever else it stands, as written there and as meant.
positional: _input, url
options:
  _input:
    description: The text, such as what a program printed.
    type: str
    required: true
  url:
    description: The URL whose password the text must not hold.
    type: str
    default: ""
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
# 401 for https://***@pypi.example.com/simple, password ***
said: >-
  {{ '401 for https://bob:p%40ss@pypi.example.com/simple, password p@ss'
     | webstack.python.redact('https://bob:p%40ss@pypi.example.com/simple') }}
"""

RETURN = r"""
_value:
  description: The text that may be shown.
  type: str
"""


def redact(text: str, url: str = "") -> str:
    """Return a text without user and password of any URL, nor that of one URL wherever it stands."""
    from ansible_collections.webstack.python.plugins.module_utils._redact import conceal, passwords

    return conceal(text, *passwords(url))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"redact": redact}
