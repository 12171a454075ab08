"""An ASGI app is swapped as any other, and what its visitors keep open is brought to an end."""

from __future__ import annotations

import json
import subprocess

import harness
import pytest

APP = harness.ROOT / "molecule/shared/apps/chat"
VISITORS = harness.ROOT / "molecule/shared/visitors.py"
GRACE = 8  # seconds; longer than the slow request takes


def chat(**keys):
    """Return the app's manifest entry."""
    gunicorn = {"worker_class": "asgi", "workers": 2, "graceful_timeout": GRACE}
    return harness.entry("chat", APP, app="chat:app", **{"gunicorn": gunicorn, **keys}) | {
        "nginx": {"domains": ["chat.test"]}
    }


def stopped_at(host, instance):
    """Return the time at which systemd began to stop an instance."""
    lines = host.sh(
        f"journalctl --no-pager -o json -u gunicorn-chat@{instance}.service -g '^Stopping '"
    ).splitlines()
    return int(json.loads(lines[-1])["__REALTIME_TIMESTAMP"]) / 1e6


@pytest.fixture(scope="module")
def deploy(pair):
    """Return what deploys the app beside the other two; it goes at the end."""

    def deployed(**keys):
        return pair.host.deploy([pair.alpha(), pair.beta(), chat(**keys)]).succeeded()

    deployed()
    yield deployed
    pair.host.deploy([pair.alpha(), pair.beta(), {"name": "chat", "state": "absent"}]).succeeded()


def test_posts_survive_swaps_on_kept_connections(pair, deploy):
    host = pair.host
    with host.load("chat.test", body="x" * 200) as loads:
        for number in range(2):
            deploy(env={"NUMBER": number})
    loads[0].without_failure()
    assert host.answer("/", "chat.test")["instance"] == host.instance("chat")


@pytest.mark.usefixtures("deploy")
def test_app_sees_its_client_as_nginx_does(pair):
    answer = pair.host.answer("/", "chat.test")
    assert (answer["client"], answer["scheme"]) == ("127.0.0.1", "http")


def test_what_stays_open_ends_in_order(pair, deploy):
    host = pair.host
    with VISITORS.open() as script:
        visitors = subprocess.Popen(
            ["docker", "exec", "-i", host.name, "python3", "-", "chat.test"],
            stdin=script,
            stdout=subprocess.PIPE,
            text=True,
        )
    with visitors:
        assert visitors.stdout.readline() == "served\n"
        before = host.instance("chat")
        deploy(env={"NUMBER": "last"})
        ends = json.loads(visitors.stdout.readline())
    stopped = stopped_at(host, before)
    assert ends["slow"] == [200, 1000]
    kind, ended = ends["events"]
    assert kind == "in order"
    assert ended - stopped < GRACE + 1
    status, frame, rest, ended = ends["chat"]
    assert (status, frame, rest) == ("101", "880203f4", "")  # a frame of closing with the code 1012
    assert ended - stopped < GRACE + 1
