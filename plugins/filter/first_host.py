# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.first_host."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: first_host
short_description: The host of a run that tries a new instance alone
version_added: 0.1.0
description:
  - Gives the first host that has one of the apps that the run is for, of its C(python_apps) or its
    C(gunicorn_apps). Where no host has any, or where the play says which apps there are, the first host.
positional: _input, hosts, only
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  hosts:
    description: The hosts of the play, in their order.
    type: list
    elements: str
    required: true
  only:
    description: Names of the apps that the run is for, as a list or a text with commas. None stand for all.
    type: raw
    default: []
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
first: "{{ hostvars | webstack.python.first_host(ansible_play_hosts, ['shop']) }}"
"""

RETURN = r"""
_value:
  description: The host's name in the inventory.
  type: str
"""


def first_host(hostvars: Mapping[str, Any], hosts: Sequence[str], only: object = ()) -> str:
    """Return the first of the hosts with a selected app. Raises ValueError for no selection."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _only

    having = (host for host in hosts if _only.any_present(_only.lists_of(hostvars[host]), only))
    return next(having, hosts[0])


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., str]]:
        """Return the filters by name."""
        return {"first_host": first_host}
