# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_sites."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import pass_context

DOCUMENTATION = r"""
name: nginx_sites
short_description: The nginx role's list, derived from the manifests of the app hosts
version_added: 0.1.0
description:
  - Joins the manifests of all app hosts into the entries of C(nginx_sites) of one host, the option
    of the role P(webstack.python.nginx#role).
  - An app on the host itself is reached as it listens there. An app on another host is reached at
    that host's C(webstack_address), else its C(ansible_host), else its name in the inventory.
  - The host's own manifest may stand in the play as well; those of other hosts stand in the inventory.
  - Facts are not used, so C(--limit) changes nothing.
positional: _input, host, app_hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The proxy's C(inventory_hostname).
    type: str
    required: true
  app_hosts:
    description: Inventory names of the hosts that run the apps.
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
nginx_sites: "{{ hostvars | webstack.python.nginx_sites(inventory_hostname, groups['app_servers']) }}"
"""

RETURN = r"""
_value:
  description: Entries of C(nginx_sites), in the order of the manifests.
  type: list
  elements: dict
"""


@pass_context
def nginx_sites(
    context: Mapping[str, Any], hostvars: Mapping[str, Any], host: str, app_hosts: Iterable[str]
) -> list[dict[str, Any]]:
    """Return the entries of a host; see derive.

    Its own manifest comes from the template's context: hostvars knows the inventory, but neither
    the play's variables nor, in their templates, hostvars itself.
    """
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

    own = {name: context[name] for name in _nginx.OWN_VARIABLES if name in context}
    return _nginx.derive(hostvars, host, app_hosts, own)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filters by name."""
        return {"nginx_sites": nginx_sites}
