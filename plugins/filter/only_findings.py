# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.only_findings."""

from __future__ import annotations

from collections.abc import Callable

DOCUMENTATION = r"""
name: only_findings
short_description: All that is wrong with a selection of apps
version_added: 0.1.0
description:
  - Gives a finding for each name of a selection that the list of apps does not have, with the names
    that it has as present.
positional: _input, only, label, whole
options:
  _input:
    description: Entries of C(python_apps) or C(gunicorn_apps).
    type: raw
    required: true
  only:
    description: The names, as a list or a text with commas. None stand for all.
    type: raw
    required: true
  label:
    description: How a finding names the selection.
    type: str
    default: only
  whole:
    description: Where the entries were selected from; a finding offers the names of it as well.
    type: raw
    default: []
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: "{{ gunicorn_apps | webstack.python.only_findings(gunicorn_only, 'gunicorn_only') }}"
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample: ["gunicorn_only: there is no app 'shpo'; this run has blog, shop"]
"""


def only_findings(apps: object, only: object, label: str = "only", whole: object = ()) -> list[str]:
    """Return what is wrong with a selection of these apps; see findings."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _only

    return _only.findings(only, [apps], label, [whole])


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"only_findings": only_findings}
