# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a site says in its headers, and what is written down of its requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Rule

# What a site takes over from the manifest's section `nginx`.
KEYS: tuple[str, ...] = ()
VARIABLE_RULES: Mapping[str, Rule] = {}


def rules(_prefix: str) -> dict[str, Rule]:
    """Return the rules of the keys. prefix: where the list keeps them."""
    return {}


def between(_prefix: str) -> list[Between]:
    """Return what is judged of several keys, or of several sites. prefix: where the list keeps them."""
    return []


def resolve(_entry: Mapping[str, Any], _defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates print of a site, by the host's defaults."""
    return {}
