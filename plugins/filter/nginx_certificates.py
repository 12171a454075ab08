# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_certificates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ansible.errors import AnsibleFilterError

DOCUMENTATION = r"""
name: nginx_certificates
short_description: The certificates that entries of nginx_sites need
version_added: 0.1.0
description:
  - Says what M(webstack.python.nginx_tree) is to have at hand for the sites that are served by TLS. Files
    of the controller are read.
positional: _input, default, base
options:
  _input:
    description: Entries of C(nginx_sites).
    type: list
    elements: dict
    required: true
  default:
    description: The role's C(nginx_tls).
    type: str
    required: true
  base:
    description: The folder on the controller where relative paths start.
    type: path
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
certificates: "{{ nginx_sites | webstack.python.nginx_certificates(nginx_tls, playbook_dir) }}"
"""

RETURN = r"""
_value:
  description:
    - A mapping for each server block that is served so, named after its first site, with C(name),
      C(domains), C(acme), C(certificate) and C(key); the last two are none where a certificate is made on
      the proxy.
  type: list
  elements: dict
"""


def nginx_certificates(nginx_sites: object, default: object, base: str) -> list[dict[str, Any]]:
    """Return the certificates that sites need. Raises AnsibleFilterError for a file that cannot be read."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx, _tls

    try:
        return _nginx.certificates(nginx_sites, default, base)
    except _tls.FileProblem as problem:
        raise AnsibleFilterError(str(problem)) from problem


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nginx_certificates": nginx_certificates}
