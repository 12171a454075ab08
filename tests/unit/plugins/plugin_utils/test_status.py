"""What hosts are asked about their apps, and their answers as a table."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _status
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable

DEFAULT = {"path": "/", "status": [], "timeout": 30, "host": "localhost", "scheme": "http"}


class Secretive(dict):
    """An entry of which only what is needed may be read."""

    def __getitem__(self, key):
        assert key in {"name", "state", "health", "nginx"}
        return super().__getitem__(key)


def test_health_is_asked_as_a_new_release_is_and_no_secret_is_read():
    entry = Secretive(
        name="shop",
        env={"KEY": "secret"},
        source={"git": "https://user:token@example.com/shop.git"},
        health={"path": "/healthz", "body": "ok"},
        nginx={"domains": ["*.example.com"]},
    )
    (request,) = _status.requests([entry], None)
    assert request["name"] == "shop"
    assert request["state"] == "present"
    expected = {**DEFAULT, "path": "/healthz", "status": [200], "host": "www.example.com", "body": "ok"}
    assert {key: request["health"][key] for key in expected} == expected


@pytest.mark.parametrize(
    ("apps", "entries"),
    [([{"name": "shop", "nginx": {"path": "/shop/"}}], None), (None, [{"name": "shop", "path": "/shop/"}])],
)
def test_an_app_below_a_path_is_asked_there(apps, entries):
    (request,) = _status.requests(apps, entries)
    assert request["health"]["path"] == "/shop/"


def test_hand_written_list_wins_over_the_manifest_and_adds_to_it():
    found = _status.requests(
        [{"name": "shop"}], [{"name": "shop", "health": {"host": "a.test"}}, {"name": "wiki"}]
    )
    assert [(app["name"], app["health"]["host"]) for app in found] == [
        ("shop", "a.test"),
        ("wiki", "localhost"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {"health": "/healthz"},
        {"health": {"path": 5, "status": 200, "pth": "/"}},
        {"health": Unreadable("broken")},
        {"nginx": {"path": 5}},
        {"nginx": {"domains": "shop.test"}},
        {"nginx": {"domains": [Unreadable("broken")]}},
        {"nginx": None},
        {"state": "gone"},
    ],
    ids=str,
)
def test_wrong_keys_are_passed_over(wrong):
    (request,) = _status.requests([{"name": "shop", **wrong}], None)
    assert request["state"] == "present"
    assert {key: request["health"][key] for key in DEFAULT} == DEFAULT


@pytest.mark.parametrize(
    "value", [None, "shop", 5, {"name": "shop"}, [None, "shop", {"app": "x"}, {"name": 5}]]
)
def test_wrong_list_asks_for_nothing(value):
    assert _status.requests(value, value) == []


LIVE = {
    "app": "shop",
    "host": "web1",
    "state": "live",
    "wanted": "present",
    "instance": "0123456789ab",
    "release": "fedcba987654",
    "revision": "9b2e5c1d7f3a4b6c8d0e1f2a3b4c5d6e7f8a9b0c",
    "source": "git",
    "since": "2026-07-01T09:30:00+00:00",
    "accepted": True,
    "workers": {"up": 2, "of": 3},
    "memory": 73400320,
    "previous": {"instance": "ba9876543210", "release": "r1"},
    "held": [{"instance": "aaaaaaaaaaaa"}, {"instance": "bbbbbbbbbbbb"}],
    "sockets": {"gunicorn-shop.socket": "open"},
    "strays": [],
    "left": [],
    "health": {"ok": True, "status": 200, "message": "", "seconds": 0.01},
}
ABSENT = {
    **dict.fromkeys(LIVE),
    "app": "blog",
    "host": "web2",
    "state": "absent",
    "wanted": "present",
    "workers": {"up": 0, "of": None},
}


TABLE = """
APP   HOST  STATE   INSTANCE      RELEASE       REVISION      SINCE (UTC)       WORKERS  HEALTH  MEMORY  ...
blog  web2  absent  -             -             -             -                 -        -       -       ...
shop  web1  live    0123456789ab  fedcba987654  9b2e5c1d7f3a  2026-07-01 09:30  2/3      200     70 MiB  ...

...  PREVIOUS      HELD                       NOTES
...  -             -                          -
...  ba9876543210  aaaaaaaaaaaa bbbbbbbbbbbb  -
"""


def test_rows_are_printed_in_columns():
    left, right = (half.strip().splitlines() for half in TABLE.split("\n\n"))
    expected = [
        one.removesuffix("...") + two.removeprefix("...  ") for one, two in zip(left, right, strict=True)
    ]
    assert _status.table([ABSENT, LIVE]) == expected


def test_titles_stand_alone_where_there_is_no_app():
    (line,) = _status.table([])
    assert line.split()[:3] == ["APP", "HOST", "STATE"]


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ({"wanted": "unnamed"}, "not in the manifest"),
        ({"wanted": "absent"}, "to be removed"),
        ({"wanted": "unknown"}, "-"),
        ({"accepted": False}, "its watch has not ended"),
        ({"health": {"ok": False, "message": "GET / gave 500"}}, "GET / gave 500"),
        ({"health": {"ok": None, "message": "not asked"}}, "-"),
        ({"sockets": {"gunicorn-shop.socket": "failed"}}, "gunicorn-shop.socket is failed"),
        ({"strays": ["aaaaaaaaaaaa"]}, "aaaaaaaaaaaa runs, too"),
        (
            {"wanted": "unnamed", "left": ["/srv/shop", "user shop"]},
            "not in the manifest; /srv/shop, user shop",
        ),
    ],
)
def test_notes_say_what_is_not_as_it_should_be(said, note):
    titles, line = _status.table([{**LIVE, **said}])
    assert line[titles.index("NOTES") :] == note


@pytest.mark.parametrize(
    ("said", "title", "shown"),
    [
        ({"health": {"ok": False, "message": "x"}}, "HEALTH", "bad"),
        ({"revision": None}, "REVISION", "git"),
        ({"workers": {"up": 0, "of": None}}, "WORKERS", "0/-"),
        ({"memory": 0}, "MEMORY", "0 MiB"),
        ({"held": []}, "HELD", "-"),
        ({"previous": None}, "PREVIOUS", "-"),
    ],
)
def test_cell_shows_what_is_known(said, title, shown):
    titles, line = _status.table([{**LIVE, **said}])
    assert line[titles.index(title) :].split("  ")[0] == shown


def test_results_become_rows_by_app_and_hosts_without_an_answer_come_last():
    results = {
        "web1": {"apps": [LIVE, ABSENT]},
        "web2": {"failed": True, "msg": "systemctl is not installed\nmore"},
        "web3": {},
        "web4": {"apps": [LIVE]},
        "web5": {"unreachable": True, "msg": "Task failed: no route to host\nfor long"},
    }
    found = _status.rows(results)
    assert [(row["app"], row["host"]) for row in found] == [
        ("blog", "web1"),
        ("shop", "web1"),
        ("shop", "web4"),
        (None, "web2"),
        (None, "web3"),
        (None, "web5"),
    ]
    assert [row["message"] for row in found[3:]] == [
        "systemctl is not installed",
        "was not reached",
        "was not reached: no route to host",
    ]
    assert _status.table(found)[4].startswith("-     web2  unknown")
