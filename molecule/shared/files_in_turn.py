"""A plugin of pytest's: the hosts take the files in turn; in a file, a test may go on from the one before."""

from __future__ import annotations

import pytest
from turns import take_turns


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave each file to one host."""
    take_turns(config, items, lambda item: item.path)
