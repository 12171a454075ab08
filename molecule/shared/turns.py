"""Tests that the hosts of a scenario take in turn; `make matrix` runs each on every host."""

from __future__ import annotations

import os
from collections.abc import Callable

import harness
import pytest

WIDE = bool(os.environ.get("WIDE"))


def take_turns(
    config: pytest.Config, items: list[pytest.Item], part: Callable[[pytest.Item], object]
) -> None:
    """Leave each test to one host. part: what of the tests goes to the same host."""
    if WIDE:
        return
    hosts = harness.host_names()
    parts: dict[object, int] = {}
    others = []
    for item in items:
        turn = parts.setdefault(part(item), len(parts))
        if hosts[turn % len(hosts)] != item.callspec.params["host"]:
            others.append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]
