"""Which changes a cell carries out, and what comes of them."""

from __future__ import annotations

import math
from xml.etree import ElementTree

import pytest

from tools import console
from tools.bench import cells, picture, report
from tools.bench.host import Task
from tools.bench.load import Counted
from tools.bench.samples import Sample, Window

CELL = cells.Cell("gthread", "unix", "GET", "fixed")


def test_every_worker_socket_and_method_is_measured_under_both_loads():
    names = {cell.name for cell in cells.all_cells()}
    assert len(names) == 4 * 2 * 2 * 2 + 2 * 4
    assert {"asgi/tcp/POST/saturation", "sync/unix/GET/import", "gevent/unix/GET/slow"} <= names


def test_cells_are_selected_by_patterns():
    assert [cell.name for cell in cells.select(["sync/tcp/*/fixed", "asgi/unix/GET/slow"])] == [
        "sync/tcp/GET/fixed",
        "sync/tcp/POST/fixed",
        "asgi/unix/GET/slow",
    ]


def test_each_operation_changes_one_thing_and_a_rollback_takes_the_last_one_back():
    deploy, config, secret, rollback, again, *_ = cells.operations(CELL, 2)
    first = cells.entry(CELL, cells.State())
    assert {key for key in first if deploy["entry"][key] != first[key]} == {"source"}
    assert deploy["text"] != cells.State().text
    assert {key for key in first if config["entry"][key] != deploy["entry"][key]} == {"gunicorn"}
    assert {key for key in first if secret["entry"][key] != config["entry"][key]} == {"env"}
    assert rollback == {**config, "kind": "rollback"}
    assert again["text"] not in (deploy["text"], cells.State().text)
    # In one run, no place is read that has changed since.
    assert again["entry"]["source"] != deploy["entry"]["source"]


def task(name, began, ended, **steps):
    return Task(name, "", began, ended, steps)


def test_a_swap_is_as_long_as_its_steps():
    tasks = [
        task(cells.BEGIN, 10, 10.1),
        task("swap", 11, 14, rehearse=1.0, commit=0.5, retire=0.5),
        task(cells.BEGIN, 20, 20.1),
        task("swap", 21, 22, commit=1.0),
    ]
    runs, swaps = cells.windows(tasks, ["deploy", "config"])
    assert runs == [Window("deploy", 10, 15), Window("config", 20, 23)]
    assert swaps == [Window("deploy", 12, 14), Window("config", 21, 22)]


def test_an_operation_that_swaps_nothing_is_not_measured():
    with pytest.raises(console.ToolError, match="'deploy' swapped nothing"):
        cells.windows([task(cells.BEGIN, 10, 10.1), task("swap", 11, 14)], ["deploy"])


def counted(*requests: tuple[float, float, int], unanswered: int = 0) -> Counted:
    return Counted([Sample(*request) for request in requests], unanswered, 0, 10)


@pytest.mark.parametrize(
    ("slowest", "unanswered", "misses"),
    [
        (0.02, 0, []),
        (0.02, 2, ["2 failed"]),
        (0.05, 0, ["p99.9 is 5.0 times the steady one"]),
        (0.15, 0, ["p99.9 is 15.0 times the steady one", "slowest 150 ms"]),
    ],
)
def test_a_row_says_what_is_not_as_promised(slowest, unanswered, misses):
    load = counted((1, 0.01, 200), (5, slowest, 200), unanswered=unanswered)
    row = cells.summarize(CELL, load, [Window("deploy", 3, 7)], [Window("deploy", 4, 5)])
    assert row.misses() == misses
    assert row.requests == 2 + unanswered
    assert cells.row_from_json(row.as_json()) == row


def test_report_and_picture_show_every_cell():
    load = counted((1, 0.01, 200), (5, 0.02, 502))
    runs = [Window(kind, 3, 7) for kind in cells.OPERATIONS]
    rows = [cells.summarize(cell, load, runs, runs) for cell in cells.all_cells()]
    text = report.document("2026-11-01, 2 x processor", rows, [], None, [])
    svg = picture.draw(rows, "a <caption>")
    ElementTree.fromstring(svg)
    for row in rows:
        assert f"| {row.name} | 0 | 2 | 1 |" in text
        assert f"{row.name}: 1 of 2 failed" in svg
    assert not math.isnan(rows[0].swap.p50)
