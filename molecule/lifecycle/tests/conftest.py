"""The two apps of the tests."""

from __future__ import annotations

import pytest
from turns import take_turns

pytest_plugins = ["pair"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Let the hosts take the files in turn: in a file, a test may go on from the one before it."""
    take_turns(config, items, lambda item: item.path)
