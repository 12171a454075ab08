# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.status_requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import pass_context

DOCUMENTATION = r"""
name: status_requests
short_description: What a host's manifest has M(webstack.python.status) look at
version_added: 0.1.0
description:
  - Gives the name, the state and the health of each app, and reads nothing else of it, so that no
    secret is needed to see how the apps are.
  - What is wrong in a manifest is passed over; one that cannot be read at all counts as unknown.
positional: _input
options:
  _input:
    description: The names of the host's variables that hold apps, C(python_apps) and C(gunicorn_apps).
    type: list
    elements: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
asked: "{{ ['python_apps', 'gunicorn_apps'] | webstack.python.status_requests }}"
"""

RETURN = r"""
_value:
  description:
    - The options C(apps) and C(complete) of M(webstack.python.status). An app is in the manifest,
      or it is not, where all the lists that the host has can be read, and there is one.
  type: dict
"""


@pass_context
def status_requests(context: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return {apps, complete}. The variables come from the template's context, see manifest_findings."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _status
    from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable, read

    lists = {name: read(context, name) for name in names if name in context}
    known = [value for value in lists.values() if not isinstance(value, Unreadable)]
    apps = _status.requests(*(lists.get(name) for name in names))
    return {"apps": apps, "complete": bool(known) and len(known) == len(lists)}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """Return the filters by name."""
        return {"status_requests": status_requests}
