"""A host on which nothing of the collection is yet: two of them, seen by one run."""

from __future__ import annotations

import harness
import pytest

ALL = ("/etc", "/srv", "/opt", "/usr", "/var/lib")


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """All hosts of the scenario, fresh."""
    hosts = [harness.Host(name, tmp_path_factory.mktemp(name)) for name in harness.host_names()]
    for host in hosts:
        assert host.ti.run("command -v nginx").rc != 0, "this module wants hosts that were just created"
    return hosts


def test_wrong_manifest_touches_neither_of_two_hosts(hosts, tmp_path):
    before = [host.digest(*ALL) for host in hosts]
    good = harness.entry("good", harness.write_app(tmp_path / "good"))
    wrong = harness.entry("Wrong", tmp_path / "nowhere", healt={"path": "/"})
    run = harness.deploy_together(hosts, tmp_path, {"python_apps": [good, wrong]})
    assert run.returncode != 0
    for words in (
        "python_apps[1] (Wrong): name:",
        "python_apps[1] (Wrong): healt:",
        "python_apps[1] (Wrong): source.path:",
    ):
        assert words in run.stdout + run.stderr
    assert [host.digest(*ALL) for host in hosts] == before


def test_check_mode_on_a_fresh_host_foretells_the_run_and_touches_nothing(hosts, tmp_path):
    apps = [harness.entry("fresh", harness.write_app(tmp_path / "fresh"))]
    for host in hosts:
        before = host.digest(*ALL)
        foretold = host.deploy(apps, "--check", "--diff").succeeded()
        assert host.digest(*ALL) == before
        run = host.deploy(apps).succeeded()
        assert foretold.changed == run.changed
        assert host.answer(host="fresh.test")["text"] == "one"
        host.deploy([{"name": "fresh", "state": "absent"}]).succeeded()
