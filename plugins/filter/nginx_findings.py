# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_findings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

DOCUMENTATION = r"""
name: nginx_findings
short_description: All that is wrong with entries of nginx_sites
version_added: 0.1.0
description:
  - Checks C(nginx_sites), the option of the role P(webstack.python.nginx#role), as strictly as the
    manifest is checked, and the role's host-wide defaults.
  - Gives every finding at once, each with the entry, the key and the remedy.
positional: _input, defaults, listen
options:
  _input:
    description: Entries of C(nginx_sites).
    type: raw
    required: true
  defaults:
    description: The host-wide defaults, as for P(webstack.python.nginx_resolve#filter).
    type: dict
  listen:
    description: The role's C(nginx_listen).
    type: list
    elements: str
    default: ["80", "[::]:80"]
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: "{{ nginx_sites | webstack.python.nginx_findings(__nginx_defaults, nginx_listen) }}"
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample: ["nginx_sites[0] (shop): upstream: is missing; name its servers"]
"""


def nginx_findings(nginx_sites: object, defaults: object = None, listen: object = None) -> list[str]:
    """Return all that is wrong with the role's list; see findings."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

    return _nginx.findings(nginx_sites, defaults, _nginx.LISTEN if listen is None else listen)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nginx_findings": nginx_findings}
