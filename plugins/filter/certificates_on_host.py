# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.certificates_on_host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: certificates_on_host
short_description: The certificates of nginx_sites that are on the proxy already
version_added: 0.1.0
description:
  - Says what M(webstack.python.nginx_info) is to judge before anything is changed.
positional: _input
options:
  _input:
    description: Entries of C(nginx_sites).
    type: list
    elements: dict
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
judged: "{{ nginx_sites | webstack.python.certificates_on_host }}"
"""

RETURN = r"""
_value:
  description: A mapping for each, with C(label), C(certificate), C(key) and C(domains).
  type: list
  elements: dict
"""


def certificates_on_host(nginx_sites: object) -> list[dict[str, Any]]:
    """Return what is to be judged on the proxy; see on_host."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

    return _nginx.on_host(nginx_sites)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"certificates_on_host": certificates_on_host}
