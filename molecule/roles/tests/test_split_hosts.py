"""The proxy on one host, the app on another."""

from __future__ import annotations

import json
import subprocess

import harness
import pytest


@pytest.fixture
def hosts(tmp_path):
    """The app's host and the proxy's."""
    return tuple(harness.Host(name, tmp_path) for name in harness.host_names())


@pytest.fixture
def play(hosts, tmp_path):
    """Return a function that runs site.yml over both hosts, with the app at a port."""
    back, front = hosts
    hostvars = harness.inventory()["_meta"]["hostvars"]
    address = {"webstack_address": back.sh("hostname -i").split()[0]}
    groups = {
        "all": {"hosts": {back.name: {**hostvars[back.name], **address}, front.name: hostvars[front.name]}},
        "app_servers": {"hosts": {back.name: None}},
        "proxies": {"hosts": {front.name: None}},
    }
    inventory, extra = tmp_path / "hosts.json", tmp_path / "extra.json"
    inventory.write_text(json.dumps(groups))
    source = harness.write_app(tmp_path / "far")

    def run(port, *options):
        app = harness.entry("far", source, listen=f"0.0.0.0:{port}", nginx={"domains": ["far.test"]})
        extra.write_text(json.dumps({"python_apps": [app]}))
        done = subprocess.run(
            ["ansible-playbook", "-i", str(inventory), "-e", f"@{extra}", *options, "playbooks/site.yml"],
            check=False,
            capture_output=True,
            text=True,
            cwd=harness.ROOT,
            timeout=harness.RUN_SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_proxy_reaches_the_app_of_another_host(hosts, play):
    back, front = hosts
    play(8400)
    assert front.answer(host="far.test")["text"] == "one"
    # A run for the proxy alone knows the apps without having asked their host.
    play(8400, "--limit", front.name)
    assert front.answer(host="far.test")["text"] == "one"

    # A run for the app's host alone leaves the address that the proxy still asks.
    assert f"this run left out {front.name}" in play(8401, "--limit", back.name)
    assert front.answer(host="far.test")["text"] == "one"
    play(8401)
    assert front.answer(host="far.test")["text"] == "one"
    assert ":8400 " not in back.sh("ss -Hlnt")
