"""The deploy log: what each way to end leaves, and that it stays short."""

from __future__ import annotations

import json
import os

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _instance_log
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused, TakenBack


@pytest.fixture
def attempt(tmp_path, monkeypatch):
    # Whoever runs the tests need not be root.
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    return _instance_log.Attempt(Paths("shop", tmp_path), "ann@ws", "deploy", "old", "new", "r2")


def hide(text):
    return text.replace("hunter2", "***")


def lines(attempt):
    return [json.loads(line) for line in attempt.paths.log.read_text().splitlines()]


def test_a_swap_is_a_line(attempt):
    with _instance_log.logged(attempt, hide, pytest.fail):
        pass
    (line,) = lines(attempt)
    assert line.pop("at").endswith("+00:00")
    assert line.pop("seconds") >= 0
    assert line == {
        "by": "ann@ws",
        "app": "shop",
        "action": "deploy",
        "from": "old",
        "to": "new",
        "release": "r2",
        "result": "live",
        "reason": "",
    }
    assert attempt.paths.log.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("error", "result", "reason"),
    [
        (Refused("shop: no, hunter2\nTraceback"), "refused", "shop: no, ***"),
        (TakenBack("shop: went bad"), "taken back", "shop: went bad"),
        (OSError("disk full"), "failed", "disk full"),
        (KeyboardInterrupt(), "failed", "KeyboardInterrupt"),
    ],
)
def test_a_swap_that_failed_is_a_line_with_the_first_line_of_the_reason(attempt, error, result, reason):
    with pytest.raises(type(error)), _instance_log.logged(attempt, hide, pytest.fail):
        raise error
    (line,) = lines(attempt)
    assert (line["result"], line["reason"]) == (result, reason)


def test_a_run_without_a_swap_is_no_line(attempt):
    with _instance_log.logged(None, hide, pytest.fail):
        pass
    assert not attempt.paths.log.exists()


def test_only_the_newest_lines_stay(attempt):
    for number in range(3):
        _instance_log.append(attempt.paths.log, {"number": number})
    text = "".join(f'{{"number": {number}}}\n' for number in range(_instance_log.NEWEST))
    attempt.paths.log.write_text(text)
    _instance_log.append(attempt.paths.log, {"number": "last"})
    found = [line["number"] for line in lines(attempt)]
    assert (len(found), found[0], found[-1]) == (_instance_log.NEWEST, 1, "last")


def test_a_log_that_cannot_be_written_is_a_warning(attempt):
    attempt.paths.log.parent.parent.mkdir(parents=True)
    attempt.paths.log.parent.touch()
    warned = []
    with _instance_log.logged(attempt, hide, warned.append):
        pass
    assert "shop: the deploy log could not be written: " in warned[0]
