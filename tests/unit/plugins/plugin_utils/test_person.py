"""Who runs Ansible."""

from __future__ import annotations

from ansible_collections.webstack.python.plugins.plugin_utils._person import person


def test_person_without_an_account_is_named_by_number(monkeypatch):
    def fail():
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", fail)
    assert person().partition("@")[0].isdigit()
