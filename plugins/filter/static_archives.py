# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.static_archives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: static_archives
short_description: The static files that an app host brings to the controller
version_added: 0.1.0
description:
  - Of all that proxies lack, each host brings what it is the first to have.
positional: _input, host, hosts, app_hosts, name, lacking
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The C(inventory_hostname) of the app host.
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
  name:
    description: The variable in which each host has registered what M(webstack.python.release_static)
      told.
    type: str
    required: true
  lacking:
    description: Digests of the files that proxies lack.
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
wanted: >-
  {{ hostvars | webstack.python.static_archives(
       inventory_hostname, ansible_play_hosts_all, groups['app_servers'], 'found', compared.lacking) }}
"""

RETURN = r"""
_value:
  description: The option C(wanted) of M(webstack.python.release_static).
  type: list
  elements: str
"""


def static_archives(
    hostvars: Mapping[str, Any],
    host: str,
    hosts: Sequence[str],
    app_hosts: Sequence[str],
    name: str,
    lacking: Iterable[str],
) -> list[str]:
    """Return the digests of what a host brings; see archives_of."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _static_hand_over
    from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory

    found = _static_hand_over.found(hostvars, hosts, name)
    return _static_hand_over.archives_of(Inventory(hostvars, app_hosts, ()), host, found, lacking)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"static_archives": static_archives}
