"""Tests that the hosts of a scenario take in turn; `make matrix` runs each on every host."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

WIDE = bool(os.environ.get("WIDE"))


def take_turns(
    config: pytest.Config, items: list[pytest.Item], part: Callable[[pytest.Item], object]
) -> None:
    """Leave each test to one host. part: what of the tests goes to the same host; None to all of them."""
    if WIDE:
        return
    hosts = sorted({host for item in items if (host := _host_of(item))})
    parts: dict[object, int] = {}
    others = []
    for item in items:
        key = part(item) if _host_of(item) else None
        if key is not None and hosts[parts.setdefault(key, len(parts)) % len(hosts)] != _host_of(item):
            others.append(item)
    config.hook.pytest_deselected(items=others)
    items[:] = [item for item in items if item not in others]


def _host_of(item: pytest.Item) -> str | None:
    """Return the host that a test is for; None where it needs none."""
    call = getattr(item, "callspec", None)
    return call.params.get("host") if call else None
