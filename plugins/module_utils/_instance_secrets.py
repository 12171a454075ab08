# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Values of the environment, kept out of what a failure shows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# A shorter value than a secret can have would blot out every "1" or "true" of a message.
SHORTEST_SECRET = 8
MASK = "********"


def secrets_of(env: Mapping[str, str]) -> frozenset[str]:
    """Return the values that may be secrets, and each line of them that may be one by itself.

    A message may show the lines of a value apart, as the journal does.
    """
    parts = {part for value in env.values() for part in (value, *map(str.strip, value.splitlines()))}
    return frozenset(part for part in parts if len(part) >= SHORTEST_SECRET)


def hide_environment(params: dict[str, Any]) -> dict[str, str]:
    """Take the environment out of a module's parameters, which it shows, and return it."""
    env = {name: str(value) for name, value in params["env"].items()}
    params["env"] = dict.fromkeys(env, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    return env


def mask(text: str, secrets: Iterable[str]) -> str:
    """Return the text with every secret replaced, a long one before those that are part of it."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text
