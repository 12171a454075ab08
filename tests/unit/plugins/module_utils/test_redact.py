"""Credentials never reach what people read."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils._redact import (
    conceal,
    passwords,
    redact,
    with_credentials,
    without_credentials,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://bob:secret@pypi.example.com/simple/", "GET https://***@pypi.example.com/simple/"),
        (
            "https://token@git.example.com/a.git and ssh://git@h/b",
            "https://***@git.example.com/a.git and ssh://***@h/b",
        ),
        ("https://bob:se:cr@et@h/a", "https://***@h/a"),
        ("git+https://t0ken@h/a.git@v1", "git+https://***@h/a.git@v1"),
        ("https://pypi.org/simple/@scope", "https://pypi.org/simple/@scope"),
        ("git@github.com:shop/shop.git", "git@github.com:shop/shop.git"),
        ("mail bob@example.com", "mail bob@example.com"),
    ],
)
def test_userinfo_of_urls_is_masked(text, shown):
    assert redact(text) == shown


def test_url_without_credentials_is_the_same_url():
    assert without_credentials("https://bob:secret@h/simple") == "https://h/simple"
    assert without_credentials("https://h/simple") == "https://h/simple"


def test_secrets_are_masked_wherever_they_stand_the_longest_first():
    text = "token abc, base64 abcdef== of https://bob:x@h/"
    assert conceal(text, "abc", "abcdef==", "") == "token ***, base64 *** of https://***@h/"


def test_credentials_are_written_into_a_url_and_found_there_again():
    url = with_credentials("https://pypi.example.com/simple", "deploy@x", "p@ss/w:rd%")
    assert url == "https://deploy%40x:p%40ss%2Fw%3Ard%25@pypi.example.com/simple"
    assert passwords(url) == ["p%40ss%2Fw%3Ard%25", "p@ss/w:rd%"]
    assert without_credentials(url) == "https://pypi.example.com/simple"


@pytest.mark.parametrize(("url", "user"), [("", "deploy"), ("https://bob:pw@h/", "")])
def test_nothing_is_written_where_there_is_no_url_or_no_user(url, user):
    assert with_credentials(url, user, "secret") == url


def test_token_as_the_user_is_a_password():
    assert passwords("https://t0ken@h/") == ["t0ken", "t0ken"]
    assert passwords("https://h/") == []
