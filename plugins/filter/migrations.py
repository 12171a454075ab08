# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._data import entries, plain

DOCUMENTATION = r"""
name: migrations
short_description: The apps whose migrations a host runs
version_added: 0.1.0
description:
  - Of several hosts with the same app, the first of the run migrates its data, and no other.
positional: _input, hostvars, host, hosts
options:
  _input:
    description: What the host's manifest asks for, as P(webstack.python.release_requests#filter) gives it.
    type: dict
    required: true
  hostvars:
    description:
      - The variables of all hosts. Where O(host) has no C(python_apps) there, all hosts without one have the
        same apps; else they have none.
    type: dict
    required: true
  host:
    description: The host's inventory name.
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
apps: "{{ requests | webstack.python.migrations(hostvars, inventory_hostname, ansible_play_hosts_all) }}"
"""

RETURN = r"""
_value:
  description: Names of apps.
  type: list
  elements: str
"""


def migrations(
    requests: Mapping[str, Mapping[str, Any]], hostvars: Mapping[str, Any], host: str, hosts: Sequence[str]
) -> list[str]:
    """Return the names of the apps with migrations that no host before this one has."""
    before = list(hosts)[: list(hosts).index(host)]
    # The manifest may be one of the play, which no host's variables hold: that of all without their own.
    shared = "python_apps" not in hostvars[host]
    return [
        name
        for name, request in requests.items()
        if request["migrate"] and not any(_has(hostvars[other], name, shared=shared) for other in before)
    ]


def _has(variables: Mapping[str, Any], name: str, *, shared: bool) -> bool:
    """Tell whether a host is to have an app. shared: whether it has where it has no manifest of its own."""
    if "python_apps" not in variables:
        return shared
    return any(
        plain(app["name"]) == name and plain(app.get("state", "present")) == "present"
        for app in entries(variables["python_apps"], "python_apps")
    )


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"migrations": migrations}
