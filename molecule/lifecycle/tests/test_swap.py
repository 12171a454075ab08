"""What changes is swapped in while requests run, and no request fails."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

# Each one is added to those before it, so that a run changes nothing else.
CHANGES: dict[str, dict[str, Any]] = {
    "environment": {"env": {"GREETING": "hello"}},
    "workers": {"gunicorn": {"workers": 3}},
    "sandbox": {"service": {"sandbox": "off"}},
}
STEPS = dict(zip(CHANGES, itertools.accumulate(CHANGES.values(), lambda a, b: {**a, **b}), strict=True))


def test_code_is_swapped_in_with_no_failed_request(pair):
    before = pair.host.instance("alpha")
    with pair.host.load() as loads:
        pair.say("two")
    loads[0].without_failure()
    assert pair.host.answer()["instance"] == pair.host.instance("alpha") != before


@pytest.mark.parametrize("kind", STEPS)
def test_other_change_is_swapped_in_with_no_failed_request(pair, kind):
    before = pair.host.instance("alpha")
    release = pair.host.sh("readlink /srv/alpha/current")
    with pair.host.load() as loads:
        pair.deploy(pair.alpha(**STEPS[kind])).succeeded()
    loads[0].without_failure()
    answer = pair.host.answer()
    assert answer["instance"] == pair.host.instance("alpha") != before
    assert answer["greeting"] == "hello"
    assert pair.host.sh("readlink /srv/alpha/current") == release


def test_changing_one_app_leaves_the_processes_of_the_other(pair):
    pids = pair.host.pids("beta")
    assert len(pids) == 3  # the master and two workers
    pair.say("changed")
    assert pair.host.pids("beta") == pids


def test_environment_reaches_the_app_to_the_letter(pair):
    hostile = "a \"b\" 'c' \\d $HOME ${HOME} %h `id` #e ;f =g\nnext line\ttab \u00e9 "
    pair.deploy(pair.alpha(env={"GREETING": hostile})).succeeded()
    assert pair.host.answer()["greeting"] == hostile


def test_listening_elsewhere_is_swapped_in_with_no_failed_request(pair):
    for listen, gone in (("127.0.0.1:8123", "/run/webstack/alpha/http.sock"), ("unix", ":8123")):
        with pair.host.load() as loads:
            pair.deploy(pair.alpha(listen=listen)).succeeded()
        loads[0].without_failure()
        assert gone not in pair.host.sh("ss -Hlnxt")
    assert pair.deploy(pair.alpha()).succeeded().changed == []


def test_crash_loop_beside_the_live_instance_costs_no_request(pair):
    host = pair.host
    live, stray = host.instance("alpha"), "0000deadbeef"
    units = "/etc/systemd/system"
    for kind in ("service", "socket"):
        # The live instance's unit under another name, with a program that ends at once.
        host.sh(
            f"sed -e 's/{live}/{stray}/g' -e 's#^ExecStart=.*#ExecStart=/bin/false#'"
            f" {units}/gunicorn-alpha@{live}.{kind} > {units}/gunicorn-alpha@{stray}.{kind}"
        )
    host.sh("systemctl daemon-reload")
    with host.load() as loads:
        host.ti.run(f"systemctl start --no-block gunicorn-alpha@{stray}.service")
        restarts = f"systemctl show -P NRestarts gunicorn-alpha@{stray}.service"
        host.sh(f"timeout 60 sh -c 'until [ $({restarts}) -ge 3 ]; do sleep 0.5; done'")
        pair.say("after the loop")
    loads[0].without_failure()
    assert stray not in host.sh("systemctl list-units --all 'gunicorn-alpha@*'")
