# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_secrets."""

from __future__ import annotations

from collections.abc import Callable

DOCUMENTATION = r"""
name: nginx_secrets
short_description: The files of entries of nginx_sites that only nginx may read
version_added: 0.1.0
description:
  - Makes the files with the users of sites that ask for a password. A password becomes its hash, by scrypt,
    here on the controller; one that is a hash already stays as it is.
  - The same users give the same files.
options:
  _input:
    description: Entries of C(nginx_sites).
    type: list
    elements: dict
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
secrets: "{{ nginx_sites | webstack.python.nginx_secrets }}"
"""

RETURN = r"""
_value:
  description: The files' texts by their names, for O(webstack.python.nginx_tree#module:secrets).
  type: dict
"""


def nginx_secrets(nginx_sites: object) -> dict[str, str]:
    """Return the files that only nginx may read; see secrets."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

    return _nginx.secrets(nginx_sites)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., dict[str, str]]]:
        """Return the filters by name."""
        return {"nginx_secrets": nginx_secrets}
