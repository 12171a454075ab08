# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.static_apps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: static_apps
short_description: The apps whose static files a host hands to proxies on other hosts
version_added: 0.1.0
description:
  - Gives what M(webstack.python.release_static) is to look at on an app host. A proxy whose inventory sets
    C(nginx_sites) gets nothing.
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
  only:
    description: Names of the apps that the run is for, as a list or a text with commas. None stand for all.
    type: raw
    default: []
  rollbacks:
    description: Results of M(webstack.python.instance), which name the releases that are to be live again.
    type: list
    elements: dict
    default: []
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
apps: >-
  {{ hostvars | webstack.python.static_apps(inventory_hostname, groups['app_servers'], groups['proxies']) }}
"""

RETURN = r"""
_value:
  description: The option C(apps) of that module.
  type: list
  elements: dict
"""


def static_apps(
    hostvars: Mapping[str, Any],
    host: str,
    app_hosts: Sequence[str],
    proxy_hosts: Sequence[str],
    only: object = (),
    rollbacks: Iterable[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return what an app host hands over; see apps_of."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _static_hand_over
    from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory

    return _static_hand_over.apps_of(Inventory(hostvars, app_hosts, proxy_hosts), host, only, rollbacks)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filters by name."""
        return {"static_apps": static_apps}
