# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.static_left_out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: static_left_out
short_description: The apps whose static files a proxy must have already
version_added: 0.1.0
description:
  - Names the apps of a proxy whose hosts are all none of the run's, so that they can hand nothing over.
positional: _input, host, hosts, app_hosts, proxy_hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The C(inventory_hostname) of the proxy.
    type: str
    required: true
  hosts:
    description: The hosts of the run.
    type: list
    elements: str
    required: true
  app_hosts:
    description: Inventory names of the hosts that run the apps.
    type: list
    elements: str
    required: true
  proxy_hosts:
    description: Inventory names of the hosts that run Nginx.
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
static: >-
  {{ hostvars | webstack.python.static_left_out(
       inventory_hostname, ansible_play_hosts_all, groups['app_servers'], groups['proxies']) }}
"""

RETURN = r"""
_value:
  description: Mappings with an app's C(name) and its C(hosts).
  type: list
  elements: dict
"""


def static_left_out(
    hostvars: Mapping[str, Any],
    host: str,
    hosts: Sequence[str],
    app_hosts: Sequence[str],
    proxy_hosts: Sequence[str],
) -> list[dict[str, Any]]:
    """Return the apps that a run leaves out for a proxy; see left_out."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _static_hand_over
    from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory

    return _static_hand_over.left_out(Inventory(hostvars, app_hosts, proxy_hosts), host, hosts)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filters by name."""
        return {"static_left_out": static_left_out}
