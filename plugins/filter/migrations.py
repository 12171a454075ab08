# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.migrations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: migrations
short_description: The apps whose migrations a host runs
version_added: 0.1.0
description:
  - Of several hosts that have the same app with the same C(source) and C(migrate), the first of the run
    migrates its data, and no other. Credentials of the source make no difference.
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


CREDENTIALS = ("token", "deploy_key")
Work = tuple[Any, Any]  # what is migrated, a source, and the commands that do it


def migrations(
    requests: Mapping[str, Mapping[str, Any]], hostvars: Mapping[str, Any], host: str, hosts: Sequence[str]
) -> list[str]:
    """Return the names of the apps with migrations that no host before this one runs."""
    before = list(hosts)[: list(hosts).index(host)]
    return [
        name
        for name, request in requests.items()
        if request["migrate"] and not any(_runs(hostvars, other, host, name, request) for other in before)
    ]


def _runs(hostvars: Mapping[str, Any], other: str, host: str, name: str, request: Mapping[str, Any]) -> bool:
    """Tell whether another host is to run what a host requests for an app."""
    own, others = (hostvars[each] for each in (host, other))
    if "python_apps" not in others:
        # The manifest may be one of the play, which no host's variables hold: that of all without their own.
        return "python_apps" not in own
    # As the inventory has it on both sides, where templates of the play's variables have no value.
    wanted = _work(own, name) or _work_of(request)
    return _work(others, name) == wanted


def _work(variables: Mapping[str, Any], name: str) -> Work | None:
    """Return what a host's variables ask for an app, if it is to be there."""
    from ansible_collections.webstack.python.plugins.plugin_utils._data import entries, plain

    if "python_apps" not in variables:
        return None
    for app in entries(variables["python_apps"], "python_apps"):
        if plain(app["name"]) == name and plain(app.get("state", "present")) == "present":
            return _work_of(app)
    return None


def _work_of(app: Mapping[str, Any]) -> Work:
    from ansible_collections.webstack.python.plugins.plugin_utils._data import plain_or_unreadable, read

    source = read(app, "source") if "source" in app else {}
    if isinstance(source, Mapping):
        source = {key: read(source, key) for key in source if key not in CREDENTIALS}
    migrate = read(app, "migrate") if "migrate" in app else []
    return plain_or_unreadable(source), plain_or_unreadable(migrate)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"migrations": migrations}
