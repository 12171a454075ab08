# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.proxies_of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: proxies_of
short_description: The proxies that may ask the apps of a host
version_added: 0.1.0
description:
  - Gives the proxies that serve an app host, as their C(nginx_app_hosts) says, an option of the role
    P(webstack.python.nginx#role). By default an app host that is a proxy is its own, and a proxy that
    is none serves all.
positional: _input, host, app_hosts, proxy_hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The C(inventory_hostname) of the app host.
    type: str
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
proxies: >-
  {{ hostvars | webstack.python.proxies_of(
       inventory_hostname, groups['app_servers'], groups['proxies'] | default([])) }}
"""

RETURN = r"""
_value:
  description: Inventory names, in the order of the proxies.
  type: list
  elements: str
"""


def proxies_of(
    hostvars: Mapping[str, Any], host: str, app_hosts: Sequence[str], proxy_hosts: Sequence[str]
) -> list[str]:
    """Return the proxies that serve an app host; see Inventory."""
    from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory

    return Inventory(hostvars, app_hosts, proxy_hosts).proxies_of(host)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"proxies_of": proxies_of}
