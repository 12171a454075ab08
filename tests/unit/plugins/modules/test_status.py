"""Which apps the module gives."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _account, _status, _traces
from ansible_collections.webstack.python.plugins.modules import status


@pytest.fixture(autouse=True)
def host(monkeypatch, tmp_path):
    """A host with nothing but two users of ours."""
    monkeypatch.setattr(_status, "read_host", lambda: _status.Host({}, {}, tmp_path))
    monkeypatch.setattr(_account, "ours", lambda: {"left", "old"})
    assert list(_traces.find(tmp_path, {"left"})) == ["left"]


def look(complete):
    named = {
        "shop": _status.Named(),
        "old": _status.Named("absent"),
        "gone": _status.Named("absent"),
    }
    return [
        (row["app"], row["wanted"], row["state"]) for row in status.look(named, complete=complete, timeout=1)
    ]


def test_apps_of_the_manifest_and_of_the_host_are_given_and_what_is_gone_is_not():
    assert look(complete=True) == [
        ("left", "unnamed", "half removed"),
        ("old", "absent", "half removed"),
        ("shop", "present", "absent"),
    ]


def test_no_app_is_unnamed_while_the_manifest_is_not_known():
    assert look(complete=False)[0] == ("left", "unknown", "half removed")
