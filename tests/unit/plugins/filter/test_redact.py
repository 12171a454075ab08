"""Credentials taken out of what a program printed."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.redact import redact

INDEX = "https://bob:p%40ss@pypi.example.com/simple"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (INDEX, "401 for https://***@pypi.example.com/simple, password ***"),
        ("", "401 for https://***@pypi.example.com/simple, password p@ss"),
    ],
)
def test_password_is_masked_in_urls_and_that_of_one_url_everywhere(url, shown):
    assert redact(f"401 for {INDEX}, password p@ss", url) == shown


def test_text_without_credentials_stays():
    assert redact("pip's own index", "https://pypi.example.com/simple") == "pip's own index"
