"""The proxy on one host, the app on another."""

from __future__ import annotations

import json
import subprocess

import harness


def test_proxy_reaches_the_app_of_another_host(tmp_path):
    back, front = (harness.Host(name, tmp_path) for name in harness.host_names())
    hostvars = harness.inventory()["_meta"]["hostvars"]
    address = back.sh("hostname -i").split()[0]
    inventory = tmp_path / "hosts.json"
    inventory.write_text(
        json.dumps(
            {
                "all": {
                    "hosts": {
                        back.name: {**hostvars[back.name], "webstack_address": address},
                        front.name: hostvars[front.name],
                    }
                },
                "app_servers": {"hosts": {back.name: None}},
                "proxies": {"hosts": {front.name: None}},
            }
        )
    )
    app = harness.entry("far", harness.write_app(tmp_path / "far"), listen="0.0.0.0:8400")
    app["nginx"] = {"domains": ["far.test"]}
    extra = tmp_path / "extra.json"
    extra.write_text(json.dumps({"python_apps": [app]}))
    command = ["ansible-playbook", "-i", str(inventory), "-e", f"@{extra}", "playbooks/site.yml"]

    def play(*options):
        return subprocess.run(
            [*command, *options],
            check=False,
            capture_output=True,
            text=True,
            cwd=harness.ROOT,
            timeout=harness.RUN_SECONDS,
        )

    run = play()
    assert run.returncode == 0, run.stdout
    assert front.answer(host="far.test")["text"] == "one"
    # A run for the proxy alone knows the apps without having asked their host.
    run = play("--limit", front.name)
    assert run.returncode == 0, run.stdout
    assert front.answer(host="far.test")["text"] == "one"
