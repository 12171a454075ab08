# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.release_facts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: release_facts
short_description: The releases that a loop over M(webstack.python.release) named
version_added: 0.1.0
description:
  - Turns the loop's results into what later roles look up by an app's name.
  - A release that cannot be known yet (check mode, before its interpreter is installed) is left out.
positional: _input
options:
  _input:
    description: The C(results) of the loop, whose items are the apps' names.
    type: list
    elements: dict
    required: true
  loop_var:
    description: The loop's variable.
    type: str
    default: item
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
releases: "{{ built.results | webstack.python.release_facts(loop_var='app') }}"
"""

RETURN = r"""
_value:
  description: Mappings with the keys C(id), C(directory) and C(virtualenv), by name.
  type: dict
"""

KEYS = ("id", "directory", "virtualenv")


def release_facts(results: Sequence[Mapping[str, Any]], loop_var: str = "item") -> dict[str, dict[str, str]]:
    """Return id, directory and virtualenv of each known release, by the loop's item."""
    return {result[loop_var]: {key: result[key] for key in KEYS} for result in results if result.get("id")}


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., dict[str, dict[str, str]]]]:
        """Return the filters by name."""
        return {"release_facts": release_facts}
