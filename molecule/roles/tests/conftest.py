"""One host of the scenario at a time."""

from __future__ import annotations

import harness
import pytest


@pytest.fixture(scope="module", params=harness.host_names())
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> harness.Host:
    """One host of the scenario."""
    return harness.Host(request.param, tmp_path_factory.mktemp("host"))
