"""What is served beside the front, and how the two are compared."""

from __future__ import annotations

import pytest

from tools.bench import front, load, report, samples

WRK = """\
Running 5s test @ http://127.0.0.1:80/
  Socket errors: connect 0, read 1, write 0, timeout 2
  Non-2xx or 3xx responses: 7
Requests/sec:   5798.91
Transfer/sec:      2.10MB
"""


def test_ratio_is_of_rounds_and_not_of_medians():
    found = front.ratio([10, 40, 90], [10, 20, 30])
    assert (found.median, found.least, found.most) == (2, 1, 3)


def test_rounds_that_one_way_lacks_are_not_compared():
    with pytest.raises(ValueError, match="shorter"):
        front.ratio([1, 2], [1])


def test_each_round_begins_with_another_way():
    orders = [front.order(number) for number in range(front.ROUNDS)]
    assert len({order[0] for order in orders}) == front.ROUNDS
    assert all(sorted(order) == sorted(front.WAYS) for order in orders)


def test_all_that_is_compared_is_measured():
    assert {name for pair in front.PAIRS.values() for name in pair} == set(front.WAYS)


def test_the_apps_have_no_settings_but_the_cache():
    hello, cached, plain = front.entries()
    assert not {"gunicorn", "listen"} & {*hello, *plain}
    assert {key for key in hello if hello[key] != cached[key]} == {"name", "nginx"}
    assert cached["nginx"] == {"domains": [front.WAYS["cache"].domain], "cache": "1s"}


def test_the_tutorial_serves_what_is_live(monkeypatch):
    monkeypatch.setattr(front.host, "deployed", lambda app: (f"/srv/{app}/code", f"/srv/{app}/venv"))
    hello, plain = front.tutorials(front.entries())
    assert (hello["app"], hello["code"]) == ("hello:create_app()", "/srv/hello/code")
    assert {one["port"] for one in (hello, plain)} == {
        front.WAYS["tutorial"].port,
        front.WAYS["waits_tutorial"].port,
    }


def test_wrk_asks_for_the_domain_as_long_as_it_is_told():
    command = load.wrk(front.WAYS["cache"], 5)
    assert "--header 'Host: cached.test' http://127.0.0.1:80/" in command
    assert "--duration 5s" in command


def test_wrk_tells_its_rate_and_what_failed():
    assert samples.read_wrk_rate(WRK) == 5798.91
    assert samples.read_wrk_refused(WRK) == 7
    assert samples.read_wrk_refused("Requests/sec: 1.00") == 0
    with pytest.raises(ValueError, match="did not come to its end"):
        samples.read_wrk_rate("unable to connect")


@pytest.mark.parametrize(
    "failure", ["Socket errors: connect 1, read 0, write 0, timeout 0", "Non-2xx or 3xx responses: 7"]
)
def test_a_way_that_does_not_answer_is_not_measured(monkeypatch, failure):
    monkeypatch.setattr(front.host, "run", lambda _command: f"{failure}\nRequests/sec: 9.00\n")
    with pytest.raises(front.console.ToolError, match=r"static: [17] requests failed"):
        front.rate("static")


def test_report_shows_the_ratio_and_its_span():
    rates = {name: [100.0, 200.0] for name in front.WAYS} | {"front": [150.0, 600.0]}
    text = report.document("today", [], [], None, [], front.Front(rates))
    page = "the sample app's page, beside a tutorial's block with 3 sync workers"
    assert f"| {page} | 375 | 150 | 2.25 | 1.50 to 3.00 |" in text
    assert "## The front beside others" not in report.document("today", [], [], None, [])
