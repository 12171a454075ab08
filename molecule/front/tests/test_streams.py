"""Answers that come bit by bit, and WebSockets: passed on as they come, or taken in first."""

from __future__ import annotations

import pytest
from sites import another, beside, live, shop

APPS = ("shop", "live")
HEARD, UNHEARD = ["first", "heard"], ["first", "unheard"]


@pytest.fixture(scope="module")
def streams(front):
    """A WSGI app and an ASGI app with default keys, each with a second site that does not buffer."""
    direct = (another(f"{app}-direct", app, buffering=False) for app in APPS)
    yield front.host.deploy([shop(), live()], **beside(*direct)).succeeded()
    front.host.deploy([front.entry(), *({"name": app, "state": "absent"} for app in APPS)]).succeeded()


@pytest.mark.usefixtures("streams")
@pytest.mark.parametrize("app", APPS)
@pytest.mark.parametrize(
    ("path", "site", "parts"),
    [
        ("/parts/events", "", HEARD),
        ("/parts/text", "", UNHEARD),
        ("/parts/text", "-direct", HEARD),
    ],
)
def test_events_come_as_they_are_sent_and_all_else_where_the_user_says_so(client, app, path, site, parts):
    domain = f"{app}{site}.test"
    heard = client.command("/heard", "-o /dev/null", domain)
    # As browsers do: Nginx keeps back what it compresses.
    fetch = client.command(path, "-N --compressed", domain)
    # Whoever has the first part says so, and the app answers to that with the second one.
    script = f"{fetch} | {{ read -r line; {heard}; echo $line; cat; }}"
    assert client.sh(script).replace("data: ", "").split() == parts


@pytest.mark.usefixtures("streams")
def test_a_websocket_is_passed_on(client):
    assert client.converse("/echo", "live.test") == ["101", "hello http://live.test/page/next"]


@pytest.mark.usefixtures("streams")
def test_what_is_no_websocket_is_refused_by_the_app(client):
    assert client.status("/echo", domain="live.test") == 404
