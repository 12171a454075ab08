"""Two hosts with one app: its data is migrated once, between the builds and the swaps."""

from __future__ import annotations

import harness
import pytest


@pytest.fixture
def hosts(tmp_path):
    """All hosts of the scenario, in the order of the run."""
    return [harness.Host(name, tmp_path) for name in harness.host_names()]


def test_the_first_host_migrates_when_all_have_built_and_none_has_switched(hosts, tmp_path):
    first, second = hosts

    def deploy(command):
        keys = {"shared": ["log"], "migrate": [command]}
        apps = [harness.entry("data", harness.write_app(tmp_path / "data"), **keys)]
        return harness.deploy_together(hosts, tmp_path, {"python_apps": apps})

    run = deploy("echo no such column; exit 4")
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert "data: migrate[0] failed: 'echo no such column; exit 4': exit status 4 after " in said
    assert first.sh("ls /srv/data/releases") == ""
    assert second.sh("ls /srv/data/releases") == second.sh("basename $(readlink /srv/data/next)")
    for host in hosts:
        assert not host.ti.file("/srv/data/current").exists

    run = deploy("hostname >> log/runs")
    assert run.returncode == 0, run.stdout + run.stderr
    assert first.sh("cat /srv/data/shared/log/runs") == first.sh("hostname")
    assert not second.ti.file("/srv/data/shared/log/runs").exists
    for host in hosts:
        assert host.answer(host="data.test")["text"] == "one"
        host.deploy([{"name": "data", "state": "absent"}]).succeeded()
