"""A new instance is observed for a while, and taken back where it does badly."""

from __future__ import annotations

import json

import pytest

WATCHED = {"path": "/healthz", "timeout": 20, "watch": 8}
# The health path is good until the instance is live, and for some seconds more.
TURNS_BAD = """import itertools

ASKED = itertools.count()
"""
# A worker ends without a word, some time after it has booted.
DIES = """import threading

threading.Timer(6, os._exit, [0]).start()
"""


GOOD = "'200 OK' if environ"
THEN_BAD = "('200 OK' if next(ASKED) < 3 else '500 Bad') if environ"


@pytest.mark.parametrize(
    ("prelude", "words"),
    [(TURNS_BAD, "GET /healthz gave 500, wanted was 200"), (DIES, "of its workers died")],
    ids=["health turns bad", "workers die"],
)
def test_what_does_badly_after_the_switch_is_taken_back(pair, prelude, words):
    host = pair.host
    pair.say("good", health=WATCHED)
    before = host.instance("alpha")
    bad = pair.alpha("bad", prelude=prelude, health=WATCHED, gunicorn={"workers": 1})
    if prelude == TURNS_BAD:
        code = pair.folder / "alpha/web.py"
        assert GOOD in code.read_text()
        code.write_text(code.read_text().replace(GOOD, THEN_BAD))
    run = pair.deploy(bad).refused()
    assert words in run.message
    assert "It was taken back." in run.message
    assert host.instance("alpha") == before
    assert host.answer()["text"] == "good"
    log = [json.loads(line) for line in host.sh("cat /var/log/webstack/alpha.jsonl").splitlines()]
    ends = [(line["action"], line["result"]) for line in log[-2:]]
    assert ends == [("take-back", "live"), ("deploy", "taken back")]


def test_what_stays_well_is_accepted(pair):
    run = pair.say("well again", health=WATCHED)
    assert run.seconds > WATCHED["watch"]
    live = pair.host.instance("alpha")
    assert json.loads(pair.host.sh(f"cat /etc/webstack/alpha/{live}/instance.json"))["accepted"] is True
    assert pair.deploy(pair.alpha(health=WATCHED)).succeeded().changed == []


def test_a_watch_that_a_killed_run_left_is_continued(pair):
    host = pair.host
    live = host.instance("alpha")
    record = f"/etc/webstack/alpha/{live}/instance.json"
    host.sh(f'sed -i \'s/"accepted": true/"accepted": false/\' {record}')
    assert pair.deploy(pair.alpha(health={**WATCHED, "watch": 2})).succeeded().changed != []
    assert json.loads(host.sh(f"cat {record}"))["accepted"] is True
