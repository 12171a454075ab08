"""One build of a run resolves, and the others wait for it."""

from __future__ import annotations

import threading

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils._resolution import build_once


def test_hosts_wait_for_the_first_and_then_build_at_the_same_time(tmp_path):
    given, together = [], threading.Barrier(3, timeout=10)

    def build(pins):
        given.append(pins)
        if pins:
            together.wait()
            return {"id": "1"}
        return {"id": "1", "pins": ["flask==3.1.3"]}

    answers = []
    threads = [
        threading.Thread(target=lambda: answers.append(build_once(tmp_path / "note", build)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert given == [[], *[["flask==3.1.3"]] * 3]
    assert answers == [{"id": "1"}] * 4


@pytest.mark.parametrize("answer", [{"failed": True}, {"pins": []}])
def test_host_after_one_without_versions_is_the_first(tmp_path, answer):
    given = []

    def build(pins):
        given.append(pins)
        return dict(answer)

    for _ in range(2):
        build_once(tmp_path / "note", build)
    assert given == [[], []]


def test_host_after_a_broken_connection_is_the_first(tmp_path):
    def fail(_pins):
        raise RuntimeError("gone")

    with pytest.raises(RuntimeError):
        build_once(tmp_path / "note", fail)
    assert build_once(tmp_path / "note", lambda pins: {"given": pins}) == {"given": []}
