"""Which names of a manifest may be looked for on a host."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.app_entries import app_entries


def test_entries_carry_the_words_of_the_message():
    assert app_entries([{"name": "blog", "state": "absent"}, {"name": "shop"}]) == [
        {"entry": "python_apps[0] (blog)", "name": "blog", "state": "absent"},
        {"entry": "python_apps[1] (shop)", "name": "shop", "state": "present"},
    ]


@pytest.mark.parametrize(
    "manifest",
    ["shop", 3, None, {"name": "shop"}, ["shop"], [{}], [{"name": 3}], [{"name": "../etc"}]],
    ids=repr,
)
def test_what_cannot_be_looked_for_is_left_to_the_validator(manifest):
    assert app_entries(manifest) == []
