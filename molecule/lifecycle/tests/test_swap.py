"""What changes is swapped in while requests run, and no request fails."""

from __future__ import annotations

from typing import Any

import pytest

CHANGES: dict[str, tuple[str, dict[str, Any]]] = {
    "code": ("two", {}),
    "environment": ("one", {"env": {"GREETING": "hello"}}),
    "workers": ("one", {"gunicorn": {"workers": 3}}),
    "sandbox": ("one", {"service": {"sandbox": "off"}}),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_change_is_swapped_in_with_no_failed_request(deployed, kind):
    text, keys = CHANGES[kind]
    before = deployed.host.instance("alpha")
    with deployed.host.load() as loads:
        run = deployed.deploy(deployed.alpha(text, **keys)).succeeded()
    loads[0].without_failure()
    assert run.changed
    answer = deployed.host.answer()
    assert answer["instance"] == deployed.host.instance("alpha") != before
    assert (answer["text"], answer["greeting"]) == (text, keys.get("env", {}).get("GREETING"))


def test_changing_one_app_leaves_the_processes_of_the_other(deployed):
    pids = deployed.host.pids("beta")
    assert len(pids) == 3  # the master and two workers
    deployed.deploy(deployed.alpha("changed")).succeeded()
    assert deployed.host.answer()["text"] == "changed"
    assert deployed.host.pids("beta") == pids


def test_environment_reaches_the_app_to_the_letter(deployed):
    hostile = "a \"b\" 'c' \\d $HOME ${HOME} %h `id` #e ;f =g\nnext line\ttab \u00e9 "
    deployed.deploy(deployed.alpha(env={"GREETING": hostile})).succeeded()
    assert deployed.host.answer()["greeting"] == hostile


def test_listening_elsewhere_is_swapped_in_with_no_failed_request(deployed):
    host = deployed.host
    for listen, gone in (("127.0.0.1:8123", "/run/webstack/alpha/http.sock"), ("unix", ":8123")):
        with host.load() as loads:
            deployed.deploy(deployed.alpha(listen=listen)).succeeded()
        loads[0].without_failure()
        assert gone not in host.sh("ss -Hlnxt")
        assert deployed.deploy(deployed.alpha(listen=listen)).succeeded().changed == []


def test_crash_loop_beside_the_live_instance_costs_no_request(deployed):
    host = deployed.host
    live = host.instance("alpha")
    units = "/etc/systemd/system"
    for kind in ("service", "socket"):
        # The same unit, with an app that is not there.
        host.sh(
            f"sed -e 's/{live}/0000deadbeef/g' -e 's#^ExecStart=.*#ExecStart=/bin/false#'"
            f" {units}/gunicorn-alpha@{live}.{kind} > {units}/gunicorn-alpha@0000deadbeef.{kind}"
        )
    host.sh("systemctl daemon-reload")
    with host.load() as loads:
        host.ti.run("systemctl start gunicorn-alpha@0000deadbeef.service")
        restarts = "systemctl show -P NRestarts gunicorn-alpha@0000deadbeef.service"
        host.sh(f"timeout 30 sh -c 'until [ $({restarts}) -ge 3 ]; do sleep 0.5; done'")
        deployed.deploy(deployed.alpha("after the loop")).succeeded()
    loads[0].without_failure()
    assert host.answer()["text"] == "after the loop"
    assert "0000deadbeef" not in host.sh("systemctl list-units --all 'gunicorn-alpha@*'")
