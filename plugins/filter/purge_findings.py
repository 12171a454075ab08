# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.purge_findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import pass_context

DOCUMENTATION = r"""
name: purge_findings
short_description: All that is wrong with what a purge is asked for
version_added: 0.1.0
description:
  - Checks C(app) and C(url), the variables of the playbook purge. Any inventory may have variables of these
    names, so both must be the same for all proxies of the run.
  - The app must be one that a proxy serves with a cache. What is found is said by the first proxy.
positional: _input, host, hosts, app_hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The C(inventory_hostname) of the proxy to check.
    type: str
    required: true
  hosts:
    description: The proxies of the play, in their order.
    type: list
    elements: str
    required: true
  app_hosts:
    description: Inventory names of the hosts that run the apps.
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: >-
  {{ hostvars | webstack.python.purge_findings(
       inventory_hostname, ansible_play_hosts_all, groups['app_servers'] | default([])) }}
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample: ["app: there is no app 'shpo'; the proxies have blog, shop"]
"""


@pass_context
def purge_findings(
    context: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    host: str,
    hosts: Sequence[str],
    app_hosts: Sequence[str],
) -> list[str]:
    """Return the findings of a proxy. Its own variables come from the template's context."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _purge, _rollback

    return _purge.findings(_rollback.Run(context, hostvars, host, list(hosts)), app_hosts)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"purge_findings": purge_findings}
