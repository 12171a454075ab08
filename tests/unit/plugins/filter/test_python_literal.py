"""Values as Python source that gives them back."""

from __future__ import annotations

import ast
import datetime

import pytest
from ansible_collections.webstack.python.plugins.filter.python_literal import python_literal


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        -3,
        1.5,
        "plain",
        "",
        'a "word" and it\'s',
        "back\\slash\\",
        "line\nbreak\r\t\0",
        "'; import os; os.system('id') #",
        '"""',
        "ünï \u2028 🎉",
        ["a", 1, None, ["b"]],
        {"key": "value", "nested": {"list": [True]}},
        [],
        {},
    ],
)
def test_a_value_comes_back(value):
    text = python_literal(value)
    assert ast.literal_eval(text) == value
    assert len(text.splitlines()) == 1


def test_a_value_without_a_literal_is_refused():
    with pytest.raises(TypeError, match="no Python literal for a date"):
        python_literal({"since": datetime.date(2026, 1, 1)})
