# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.rollback_findings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import pass_context

DOCUMENTATION = r"""
name: rollback_findings
short_description: All that is wrong with what a rollback is asked for, as far as one host is concerned
version_added: 0.1.0
description:
  - Checks C(app) and C(rollback_env), the variables of the playbook rollback. Any inventory may have
    variables of these names, so C(app) must be the same for all hosts of the run.
  - Checks what the app's entry in the host's manifest, C(python_apps), says of its instances. No other
    entry is read, and neither the source of the app nor how it is built.
  - What concerns all hosts is found by the first of them.
positional: _input, host, hosts
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The C(inventory_hostname) of the host to check.
    type: str
    required: true
  hosts:
    description: The hosts of the play, in their order.
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: "{{ hostvars | webstack.python.rollback_findings(inventory_hostname, ansible_play_hosts_all) }}"
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample: ["app: there is no app 'shpo'; this run has blog, shop"]
"""


@pass_context
def rollback_findings(
    context: Mapping[str, Any], hostvars: Mapping[str, Any], host: str, hosts: Sequence[str]
) -> list[str]:
    """Return the findings of a host. Its own variables come from the template's context."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _rollback

    return _rollback.findings(_rollback.Run(context, hostvars, host, list(hosts)))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"rollback_findings": rollback_findings}
