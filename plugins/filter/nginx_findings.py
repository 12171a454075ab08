# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: nginx_findings
short_description: All that is wrong with entries of nginx_sites
version_added: 0.1.0
description:
  - Checks C(nginx_sites), the option of the role P(webstack.python.nginx#role), as strictly as the
    manifest is checked, and the role's other variables.
  - Gives every finding at once, each with the entry, the key and the remedy.
positional: _input, variables, base
options:
  _input:
    description: Entries of C(nginx_sites).
    type: raw
    required: true
  variables:
    description: The role's other variables that are to be checked, by their names.
    type: dict
  base:
    description:
      - The folder on the controller where relative paths of certificates and keys start. Without it, no
        file is read.
    type: path
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: "{{ nginx_sites | webstack.python.nginx_findings({'nginx_listen': nginx_listen}, playbook_dir) }}"
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample: ["nginx_sites[0] (shop): upstream: is missing; name its servers, or the root of a static site"]
"""


def nginx_findings(
    nginx_sites: object, variables: Mapping[str, object] | None = None, base: str | None = None
) -> list[str]:
    """Return all that is wrong with the role's list; see findings."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

    return _nginx.findings(nginx_sites, variables, base)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nginx_findings": nginx_findings}
