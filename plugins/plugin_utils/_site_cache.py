# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that nginx keeps, so that an app is not asked for the same again."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _rules
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Between
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Rule

# What a site takes over from the manifest's section `nginx`.
KEYS: tuple[str, ...] = ("cache",)

# At most four digits: so many days are still seconds that nginx can count in 32 bits.
TIME = re.compile(r"([1-9][0-9]{0,3})([smhd])")
SIZE = re.compile(r"[1-9][0-9]{0,5}[kKmMgG]")
USE_TIME = "write one number with its unit s, m, h or d, such as 1s or 2h"
USE_SIZE = "write a size with its unit, such as 500m or 1g"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
NOT_FOUND = 10  # seconds: what is not there yet may be there with the next release
INACTIVE = 3600  # seconds for which an answer that nobody asks for is at hand, should the app fail

VARIABLE_RULES: Mapping[str, Rule] = {
    "nginx_cache_max_size": Rule(USE_SIZE, _rules.matches(SIZE, "is not a size", USE_SIZE))
}


def rules(prefix: str) -> dict[str, Rule]:
    """Return the rules of the keys. prefix: where the list keeps them."""
    return {f"{prefix}cache": Rule(USE_TIME, _rules.matches(TIME, "is not a time", USE_TIME))}


def between(_prefix: str) -> list[Between]:
    """Return what is judged of several keys, or of several sites. prefix: where the list keeps them."""
    return []


def resolve(entry: Mapping[str, Any], _defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the templates print of a site: its zone, which is empty without a cache, and seconds."""
    found = TIME.fullmatch(entry.get("cache", ""))
    if not found:
        return {"zone": ""}
    valid = int(found[1]) * SECONDS[found[2]]
    return {
        "zone": f"webstack_cache_{entry['name']}",
        "valid": valid,
        "not_found": min(valid, NOT_FOUND),
        "inactive": max(valid, INACTIVE),
    }
