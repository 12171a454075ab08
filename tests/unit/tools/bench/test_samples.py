"""How requests are read, sorted by window, and summed up."""

from __future__ import annotations

import math

import pytest

from tools.bench import samples
from tools.bench.samples import Sample, Window

HEY = """\
response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset
0.0100,0.0001,0.0000,0.0000,0.0089,0.0001,200,0.5000
0.2000,0.0001,0.0000,0.0000,0.0089,0.0001,502,1.0000
"""


def test_hey_counts_from_its_own_start():
    read = samples.read_hey(HEY, 100.0)
    assert [(round(s.ended, 3), s.seconds, s.status) for s in read] == [
        (100.51, 0.01, 200),
        (101.2, 0.2, 502),
    ]
    assert [s.failed for s in read] == [False, True]


def test_a_half_written_line_of_the_log_is_left_out():
    whole = "100.500 0.010 200\n101.200 0.200 502\n"
    assert samples.read_log(whole) == [Sample(100.5, 0.01, 200), Sample(101.2, 0.2, 502)]
    assert samples.read_log(whole + "101.3") == samples.read_log(whole)


@pytest.mark.parametrize(
    ("text", "errors"),
    [("Requests/sec: 9", 0), ("  Socket errors: connect 1, read 2, write 0, timeout 4\n", 7)],
)
def test_requests_of_wrk_without_an_answer_are_counted(text, errors):
    assert samples.read_wrk(text) == errors


@pytest.mark.parametrize(("share", "value"), [(0.5, 2), (0.99, 4), (0.25, 1), (0.26, 2)])
def test_percentiles_are_values_that_occurred(share, value):
    assert samples.percentile([1, 2, 3, 4], share) == value


def test_nothing_has_no_percentile():
    assert math.isnan(samples.percentile([], 0.5))
    assert math.isnan(samples.summarize([]).slowest)


def test_a_request_belongs_to_the_swap_that_it_saw_a_part_of():
    operations = [Window("deploy", 10, 20)]
    swaps = [Window("deploy", 15, 16)]
    before, long, work, swap = (
        Sample(9, 1, 200),
        Sample(17, 3, 200),
        Sample(12, 1, 200),
        Sample(15.5, 0.1, 200),
    )
    parts = samples.split([before, long, work, swap], operations, swaps)
    assert (parts.steady, parts.work, parts.swap) == ([before], [work], [long, swap])


def test_summary_is_in_milliseconds():
    summary = samples.summarize([Sample(1, 0.001, 200), Sample(1, 0.004, 500)])
    assert (summary.requests, summary.failed, summary.p50, summary.slowest) == (2, 1, 1.0, 4.0)


def test_slots_hold_the_slowest_and_the_failed():
    found = samples.slowest_by_slot(
        [Sample(10.01, 0.001, 200), Sample(10.02, 0.005, 502), Sample(10.3, 1, 200)], 10, 0.1
    )
    assert [(round(second, 1), slowest, failed) for second, slowest, failed in found] == [
        (0, 5, 1),
        (0.3, 1000, 0),
    ]
