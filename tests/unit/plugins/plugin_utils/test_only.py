"""The apps that a run is for: how they are named, picked and refused."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn, _only
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable

MANIFEST = [{"name": "shop"}, {"name": "blog", "state": "present"}, {"name": "old", "state": "absent"}]

NO_NAME = (
    "only: names no app; write the names of apps, such as only=shop or {'only': ['shop', 'blog']}, "
    "or leave it out for every app"
)


@pytest.mark.parametrize(
    ("only", "names"),
    [
        ([], []),
        ((), []),
        ("", []),
        ("shop", ["shop"]),
        ("shop, blog,", ["shop", "blog"]),
        (["shop"], ["shop"]),
    ],
)
def test_names_come_as_a_list_or_as_a_text(only, names):
    assert _only.names(only) == names


@pytest.mark.parametrize("only", [{"shop": True}, 5, None, ["shop", 5], [""], [["shop"]]], ids=str)
def test_anything_else_is_refused(only):
    with pytest.raises(ValueError, match="write the names of apps"):
        _only.names(only)
    assert _only.findings(only, [MANIFEST]) == [f"only: {_only.USE_ONLY}"]


def test_no_names_pick_every_entry_and_names_pick_theirs():
    assert _only.select(MANIFEST, []) == MANIFEST
    assert _only.select(MANIFEST, "blog,old") == MANIFEST[1:]


def test_names_that_some_host_has_are_right():
    assert _only.findings(["shop", "far"], [MANIFEST, [{"name": "far"}]]) == []
    assert _only.findings([], []) == []
    assert _only.findings(["old"], [MANIFEST, [{"name": "old"}]]) == []


@pytest.mark.parametrize(
    ("only", "lists", "finding"),
    [
        ("shpo", [MANIFEST], "only: there is no app 'shpo'; this run has blog, shop"),
        (["shop"], [], "only: there is no app 'shop'; this run has none at all"),
        (
            ["shop"],
            [Unreadable("broken"), "shop", [None]],
            "only: there is no app 'shop'; this run has none at all",
        ),
        (["old"], [MANIFEST], "only: 'old' is to be absent; webstack.python.site removes it"),
        (" ", [MANIFEST], NO_NAME),
    ],
)
def test_finding_names_the_apps_that_there_are(only, lists, finding):
    assert _only.findings(only, lists) == [finding]


@pytest.mark.parametrize("only", [[], "", ","])
def test_selection_that_was_made_for_a_run_names_an_app(only):
    assert _only.findings(only, [MANIFEST], given=True) == [NO_NAME]
    assert _only.findings(["shop"], [MANIFEST], given=True) == []


def test_gunicorn_resolves_the_chosen_entries_alone():
    defaults = {"settings": {}, "service": {"sandbox": "strict", "memory_max": ""}, "keep": 5}
    defaults.update(dict.fromkeys(_gunicorn.OVERRIDABLE, 1))
    assert [app["name"] for app in _gunicorn.resolve(MANIFEST, defaults, ["old"])] == ["old"]


def test_entries_without_a_name_are_never_picked():
    half = [{"app": "shop:app"}, {"name": None}, {"name": "shop"}]
    assert _only.select(half, "shop") == [{"name": "shop"}]


def test_what_is_not_picked_is_reduced_to_its_name():
    assert _only.reduce([{"name": "shop", "app": 1}, {"name": "blog", "app": 1}, "half"], "shop") == [
        {"name": "shop", "app": 1},
        {"name": "blog"},
        {"name": None},
    ]
    assert _only.reduce(MANIFEST, []) is MANIFEST
    assert _only.reduce(5, "shop") == 5


def test_finding_offers_the_names_of_the_whole_that_the_list_was_selected_from():
    found = _only.findings(["shpo"], [[]], "gunicorn_only", [MANIFEST])
    assert found == ["gunicorn_only: there is no app 'shpo'; this run has blog, shop"]


@pytest.mark.parametrize(
    ("only", "there"), [([], True), ("shop", True), ("old", False), ("far", False), ("far,blog", True)]
)
def test_whether_a_host_has_a_selected_app(only, there):
    assert _only.any_present([[], MANIFEST], only) is there
