"""The playbook status says how the apps are, and leaves them so."""

from __future__ import annotations

import json

import harness
import pytest

FOLDERS = ("/etc", "/srv", "/run/webstack")


@pytest.fixture
def status(pair, tmp_path):
    """Return a function that runs status.yml, sees that it changes nothing, and gives the apps by name."""

    def run(apps):
        host, report = pair.host, tmp_path / "status.json"
        before = host.digest(*FOLDERS), host.units()
        play = host.play(
            {"python_apps": apps, "json": str(report)}, playbook=harness.ROOT / "playbooks/status.yml"
        )
        assert play.succeeded().changed == []
        assert (host.digest(*FOLDERS), host.units()) == before
        return {app["app"]: app for app in json.loads(report.read_text())}

    return run


def test_live_app_is_shown_with_what_it_runs_and_one_that_is_not_named_with_a_note(pair, status):
    host, before = pair.host, pair.host.instance("alpha")
    pair.say("shown")
    # A template that cannot be filled in stands for a secret that is not at hand.
    found = status([pair.alpha(env={"KEY": "{{ no_such_secret }}"})])
    alpha = found["alpha"]
    release = host.sh("readlink -f /srv/alpha/current").split("/")[4]
    assert (alpha["state"], alpha["instance"], alpha["release"]) == ("live", host.instance("alpha"), release)
    assert alpha["workers"] == {"up": 2, "of": 2}
    assert (alpha["health"]["ok"], alpha["health"]["status"]) == (True, 200)
    assert alpha["memory"] > 1024 * 1024
    assert alpha["previous"]["instance"] == before
    assert [app["wanted"] for app in found.values()] == ["present", "unnamed"]


def test_stopped_app_is_shown_and_not_started(pair, status):
    live = f"gunicorn-alpha@{pair.host.instance('alpha')}.service"
    # The target is down before what is part of it.
    pair.host.sh(f"systemctl stop gunicorn-alpha.target gunicorn-alpha.socket {live}")
    try:
        alpha = status([pair.alpha(), pair.beta()])["alpha"]
    finally:
        pair.host.sh(f"systemctl start gunicorn-alpha.target {live}")
    assert (alpha["state"], alpha["health"]["ok"]) == ("stopped", None)
    assert alpha["sockets"] == {"gunicorn-alpha.socket": "stopped"}


def test_host_without_anything_of_ours_is_no_failure(pair, status):
    host = pair.host
    host.sh("mv /etc/webstack /etc/webstack.away")
    try:
        found = status([pair.alpha(), {"name": "never", "app": "web:app", "source": {"path": "/"}}])
    finally:
        host.sh("mv /etc/webstack.away /etc/webstack")
    assert found["never"]["state"] == "absent"
    assert (found["alpha"]["state"], found["alpha"]["release"]) == ("live", None)
