# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.index_url."""

from __future__ import annotations

from collections.abc import Callable

from ansible_collections.webstack.python.plugins.module_utils._redact import with_credentials

DOCUMENTATION = r"""
name: index_url
short_description: The URL of a package index, with user and password
version_added: 0.1.0
description:
  - Writes user and password into a URL, with the signs that have a meaning there escaped.
  - Without a user, the URL stays as it is.
positional: _input, username, password
options:
  _input:
    description: The URL.
    type: str
    required: true
  username:
    description: The user.
    type: str
    default: ""
  password:
    description: The password.
    type: str
    default: ""
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
# https://deploy:p%40ss@pypi.example.com/simple
url: "{{ 'https://pypi.example.com/simple' | webstack.python.index_url('deploy', 'p@ss') }}"
"""

RETURN = r"""
_value:
  description: The URL.
  type: str
"""


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"index_url": with_credentials}
