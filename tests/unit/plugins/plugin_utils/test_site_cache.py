"""How long answers are kept, and what is refused as such a time."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx, _site_cache

ALONE = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}}
USE_TIME = "write one number with its unit s, m, h or d, such as 1s or 2h"


def findings(value, **variables):
    return _nginx.findings([{**ALONE, "cache": value}], variables)


def test_a_site_without_the_key_has_no_zone():
    assert _site_cache.resolve(ALONE, {}) == {"zone": ""}


@pytest.mark.parametrize(
    ("time", "valid", "not_found", "inactive"),
    [("1s", 1, 1, 3600), ("5m", 300, 10, 3600), ("2h", 7200, 10, 7200), ("9999d", 863913600, 10, 863913600)],
)
def test_times_are_seconds(time, valid, not_found, inactive):
    assert findings(time) == []
    assert _site_cache.resolve({**ALONE, "cache": time}, {}) == {
        "zone": "webstack_cache_shop",
        "valid": valid,
        "not_found": not_found,
        "inactive": inactive,
    }


@pytest.mark.parametrize("time", ["10", "", "s", "0s", "1.5h", "1h30m", "500ms", "10000d", "1s;", "1s\n"])
def test_a_time_that_nginx_would_read_otherwise_is_refused(time):
    assert findings(time) == [f"nginx_sites[0] (shop): cache: {time!r} is not a time; {USE_TIME}"]


def test_a_number_is_no_time():
    assert findings(10) == [f"nginx_sites[0] (shop): cache: must be text, not a number; {USE_TIME}"]


@pytest.mark.parametrize(("size", "good"), [("1g", True), ("500m", True), ("0", False), ("1t", False)])
def test_the_size_needs_its_unit(size, good):
    found = findings("1s", nginx_cache_max_size=size)
    remedy = "write a size with its unit, such as 500m or 1g"
    assert found == ([] if good else [f"nginx_cache_max_size: {size!r} is not a size; {remedy}"])
