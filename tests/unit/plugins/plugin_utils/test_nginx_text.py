"""Whether raw nginx text stays in the block that it is put into."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx_text
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    "text",
    [
        "",
        "gzip off;",
        "location /a { return 204; }",
        "if ($a) { set $b ${a}x; }",
        'add_header X "}";',
        "add_header X '}{';",
        "# } nothing\n",
        "# a comment without an end",
        "set $a b}c;",
        "set $a b#c;",
        r"set $a \};",
        'set $a "\\"}";',
        "set $a b'c;",
    ],
)
def test_text_that_stays_in_its_block_is_taken(text):
    assert list(_nginx_text.problems(text)) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("}", "line 1 closes a block that it did not open; remove the }"),
        ("gzip off;\n}\nserver {", "line 2 closes a block that it did not open; remove the }"),
        ("location / { } }", "line 1 closes a block that it did not open; remove the }"),
        ("# {\n}", "line 2 closes a block that it did not open; remove the }"),
        ("location / {", "has a block that is never closed; close it with }"),
        ('add_header X "a;', 'has a " that is never closed; close the quote'),
        ("gzip off", "has a last directive without an end; end it with ;"),
        ("gzip off; \\", "ends with a backslash; remove it"),
    ],
)
def test_text_that_would_leave_its_block_is_refused(text, problem):
    assert list(_nginx_text.problems(text)) == [problem]


@given(st.text(alphabet="ab ;{}\"'\\#$\n"))
def test_an_added_brace_is_always_found(text):
    """What stays in its block no longer does with one more closing brace behind it."""
    if not list(_nginx_text.problems(text)):
        assert list(_nginx_text.problems(f"{text}\n}}"))
