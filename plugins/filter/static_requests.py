# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.static_requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: static_requests
short_description: What proxies are asked of the static files of other hosts
version_added: 0.1.0
description:
  - Gives for each proxy what M(webstack.python.nginx_static) is told of the releases on the app hosts.
positional: _input, hosts, app_hosts, proxy_hosts, name
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
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
  name:
    description: The variable in which each host has registered what M(webstack.python.release_static)
      told.
    type: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
requests: >-
  {{ hostvars | webstack.python.static_requests(
       ansible_play_hosts_all, groups['app_servers'], groups['proxies'], 'found') }}
"""

RETURN = r"""
_value:
  description: Mappings with the proxy's name as C(proxy), and that module's option C(apps).
  type: list
  elements: dict
"""


def static_requests(
    hostvars: Mapping[str, Any],
    hosts: Sequence[str],
    app_hosts: Sequence[str],
    proxy_hosts: Sequence[str],
    name: str,
) -> list[dict[str, Any]]:
    """Return what each proxy that gets something is asked; see requests."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _static_hand_over
    from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory

    found = _static_hand_over.found(hostvars, hosts, name)
    return _static_hand_over.requests(Inventory(hostvars, app_hosts, proxy_hosts), found)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filters by name."""
        return {"static_requests": static_requests}
