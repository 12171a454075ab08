"""Whose a user is, by its comment field."""

from __future__ import annotations

import grp
import os
import pwd
from types import SimpleNamespace

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _account
from ansible_collections.webstack.python.plugins.module_utils._account import AccountError


@pytest.fixture
def accounts(monkeypatch):
    found = SimpleNamespace(users={}, groups=set())

    def group(name):
        if name not in found.groups:
            raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", lambda name: SimpleNamespace(pw_gecos=found.users[name]))
    monkeypatch.setattr(grp, "getgrnam", group)
    return found


@pytest.mark.usefixtures("accounts")
def test_free_name_is_nobodys():
    assert not _account.exists("shop")


def test_own_user_is_known_by_its_comment(accounts):
    accounts.users["shop"] = _account.gecos("shop")
    assert _account.exists("shop")


@pytest.mark.parametrize("comment", ["", "Shop owner", "webstack.python other"])
def test_other_user_is_refused(accounts, comment):
    accounts.users["shop"] = comment
    with pytest.raises(AccountError, match="the user 'shop' of this host was not made by"):
        _account.exists("shop")


def test_group_without_user_is_refused(accounts):
    accounts.groups.add("shop")
    with pytest.raises(AccountError, match="the group 'shop' of this host was not made by"):
        _account.exists("shop")


def test_comment_can_stand_in_etc_passwd():
    assert ":" not in _account.gecos("shop")


def test_words_of_the_tools_are_passed_on(monkeypatch, tmp_path):
    monkeypatch.setattr(_account, "run", lambda *_command: SimpleNamespace(status=1, output="no room\n"))
    with pytest.raises(AccountError, match="not made: no room"):
        _account.create("shop", tmp_path)
    with pytest.raises(AccountError, match="not removed: no room"):
        _account.remove("shop")


def test_own_users_are_told_by_their_comment(monkeypatch):
    users = {"shop": "webstack.python shop", "theirs": "The shop", "copy": "webstack.python shop"}
    entries = [SimpleNamespace(pw_name=name, pw_gecos=comment) for name, comment in users.items()]
    monkeypatch.setattr(pwd, "getpwall", lambda: entries)
    assert _account.ours() == {"shop"}


def test_folder_is_given_away_after_all_that_is_in_it(monkeypatch, tmp_path):
    (tmp_path / "code/sub").mkdir(parents=True)
    (tmp_path / "code/sub/file").touch()
    (tmp_path / "code/link").symlink_to("sub")
    given = []
    monkeypatch.setattr(_account, "owner", lambda _app: (7, 8))
    monkeypatch.setattr(
        os, "chown", lambda path, *_ids, follow_symlinks: given.append((path, follow_symlinks))
    )
    _account.give(tmp_path / "code", "shop")
    places = [os.path.relpath(path, tmp_path) for path, _ in given]
    assert sorted(places) == ["code", "code/link", "code/sub", "code/sub/file"]
    assert places[-1] == "code"
    assert places.index("code/sub/file") < places.index("code/sub")
    assert not any(followed for _, followed in given)
