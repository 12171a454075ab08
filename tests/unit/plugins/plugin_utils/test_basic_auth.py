"""Users of a site, and what nginx checks their passwords by."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _basic_auth

# What Debian's crypt(3) makes of "päss" with this salt.
SALT, CRYPT = "saltsaltsalt1234", "$7$86..../....saltsaltsalt1234$yOinkUbdw9gbIgI7frmI/Jzd5bEwdYub7Za9.oLKa27"
HASHES = [
    CRYPT,
    "$6$saltsalt$pauPrmdmG4BTE9h2HPmywiw152IFch6BJCEsaY6D.PLTfpV8sqvXwWdyfsgVgozkYH9B80bAip/08R2BPH2xk/",
    "$6$rounds=5000$saltsalt$pauPrmdmG4BTE9h2HPmywiw152IFch6BJCEsaY6D",
    "$y$j9T$F5Jx5fExrKuPp53xLKQ..1$U4SOHmDd8SvW5vCUKSMR6N835VPwFAtgYNhQ9mFFeL5",
    "$2b$05$abcdefghijklmnopqrstuuHIrMEWpUCQe2YqFR3sXwQ75u4od..9q",
    "$apr1$abcdefgh$s1d6SzLYf8BvqXBhPe2jz1",
]


def test_a_hash_is_what_crypt_makes():
    assert _basic_auth.hashed("päss", SALT) == CRYPT


def entries(users, domains=("a.example",), site="shop"):
    return dict(line.split(":") for line in _basic_auth.file_text(users, domains, site).splitlines())


def test_the_same_users_give_the_same_file_without_a_password():
    text = _basic_auth.file_text({"alice": "secret one", "bob": "secret two"}, ["a.example"], "shop")
    assert text == _basic_auth.file_text({"alice": "secret one", "bob": "secret two"}, ["a.example"], "shop")
    assert [line.split(":")[0] for line in text.splitlines()] == ["alice", "bob"]
    assert "secret" not in text
    assert text.endswith("\n")


def test_each_user_of_each_site_has_a_salt_and_the_password_has_no_part_in_it():
    def salt(**given):
        (text,) = entries({given.pop("user", "alice"): given.pop("password", "x")}, **given).values()
        return text.removeprefix("$7$86..../....").split("$")[0]

    assert salt() == salt(password="y")
    assert len({salt(), salt(user="bob"), salt(site="blog"), salt(domains=["b.example"])}) == 4
    assert salt(domains=["a.example", "b.example"]) == salt(domains=["b.example", "a.example"])


@pytest.mark.parametrize("text", HASHES)
def test_a_hash_stays_as_it_is(text):
    assert entries({"alice": text}) == {"alice": text}
    assert list(_basic_auth.users({"alice": text})) == []


@pytest.mark.parametrize("text", ["{PLAIN}secret", "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "$ecret", "pässwörd"])
def test_a_password_that_nginx_would_read_as_something_else_is_hashed(text):
    assert entries({"alice": text})["alice"].startswith("$7$")
    assert list(_basic_auth.users({"alice": text})) == []


NAME = "is empty, starts with # or holds a colon or a control character; write each as NAME: password"
PASSWORD = "its password is empty or holds a control character; write another"
HASHED = "its password begins as a hash, but is none that nginx can check; write the password itself"


@pytest.mark.parametrize(
    ("users", "problem"),
    [
        ({}, "has no user, so nobody could enter; write each as NAME: password"),
        ({"a:b": "hidden"}, f"the name of item 0 {NAME}"),
        ({"a\nb": "hidden"}, f"the name of item 0 {NAME}"),
        ({"": "hidden"}, f"the name of item 0 {NAME}"),
        ({"#a": "hidden"}, f"the name of item 0 {NAME}"),
        ({42: "hidden"}, "the name of item 0 is a number, not text; write it in quotes"),
        ({"a": 4711}, "'a': its password is a number, not text; write it in quotes"),
        ({"a": None}, "'a': its password is nothing, not text; write it in quotes"),
        ({"a": ""}, f"'a': {PASSWORD}"),
        ({"a": "hidden\n"}, f"'a': {PASSWORD}"),
        ({"a": "$1$saltsalt$hiddenhiddenhidden1234"}, f"'a': {HASHED}"),
        ({"a": "$6$hidden"}, f"'a': {HASHED}"),
    ],
)
def test_wrong_users_are_refused_and_no_message_has_a_password(users, problem):
    assert list(_basic_auth.users(users)) == [problem]
    assert "hidden" not in problem
    assert "4711" not in problem


@pytest.mark.parametrize("value", ["off", "~a", "", 'a"b', "a\\b", "$host", "a\nb", "Zürich"])
def test_a_realm_that_nginx_or_a_browser_reads_otherwise_is_refused(value):
    assert list(_basic_auth.realm(value)) == [f"{value!r} cannot be a realm; {_basic_auth.USE_REALM}"]


@pytest.mark.parametrize("value", ["Restricted", "Staff & friends; only {x}", "off limits"])
def test_a_realm_is_a_short_text(value):
    assert list(_basic_auth.realm(value)) == []
