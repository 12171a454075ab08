# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.status_rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: status_rows
short_description: How the apps of all hosts are, as one list
version_added: 0.1.0
description:
  - Joins what M(webstack.python.status) gave each host. A host that gave nothing has a row as well.
positional: _input, hosts, variable
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  hosts:
    description: Inventory names of the hosts that were asked.
    type: list
    elements: str
    required: true
  variable:
    description: Where each host's result is registered.
    type: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
report: "{{ hostvars | webstack.python.status_rows(ansible_play_hosts_all, '__status') }}"
"""

RETURN = r"""
_value:
  description:
    - One mapping an app and host, sorted by app, as RV(webstack.python.status#module:apps), and with
      the key C(host).
    - A host that gave no answer has a mapping whose C(app) is null, with a C(message).
  type: list
  elements: dict
"""


def status_rows(hostvars: Mapping[str, Any], hosts: Iterable[str], variable: str) -> list[dict[str, Any]]:
    """Return the rows of all hosts; see rows."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _status
    from ansible_collections.webstack.python.plugins.plugin_utils._data import plain

    return _status.rows({str(host): plain(hostvars[host].get(variable, {})) for host in hosts})


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filters by name."""
        return {"status_rows": status_rows}
