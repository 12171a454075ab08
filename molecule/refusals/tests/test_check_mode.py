"""Check mode says what a run would do, and touches nothing."""

from __future__ import annotations

from typing import Any

import pytest

EVERYTHING = ("/etc", "/srv", "/opt", "/var/lib/webstack", "/var/log/nginx")


def digest(host):
    return host.digest(*EVERYTHING), host.units()


def what_changed(run):
    """Name the task files of the tasks that changed something, or would.

    Which old releases go is decided by what the swap leaves, so only the run itself can tell.
    """
    return {task.rpartition(" : ")[2].partition(" | ")[0] for task in run.changed} - {"prune"}


# Each one is added to those before it; with the task files that it makes change something.
PENDING: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "code": ({"text": "pending"}, {"releases", "swap"}),
    "environment": ({"env": {"GREETING": "pending"}}, {"swap"}),
    "domain": ({"nginx": {"domains": ["alpha.test", "more.test"]}}, {"sites"}),
}


@pytest.fixture(scope="module")
def wanted(pair):
    """The keys of alpha so far; static folders are left out from the start."""
    keys = {"nginx": {"domains": ["alpha.test"]}}
    pair.deploy(pair.alpha(**keys)).succeeded()
    return keys


@pytest.mark.parametrize("kind", PENDING)
def test_check_mode_foretells_the_run_on_a_converged_host(pair, wanted, kind):
    keys, steps = PENDING[kind]
    wanted.update(keys)
    host = pair.host
    before = digest(host)
    pids = host.pids("alpha")
    foretold = pair.deploy(pair.alpha(**wanted), "--check", "--diff").succeeded()
    assert what_changed(foretold) == steps
    assert digest(host) == before
    assert host.pids("alpha") == pids
    assert what_changed(pair.deploy(pair.alpha(**wanted)).succeeded()) == steps


def test_check_mode_refuses_a_broken_directive(pair):
    host = pair.host
    alpha = pair.alpha()
    alpha["nginx"]["extra"] = "proxy_bufering off;"
    before = digest(host)
    assert "proxy_bufering" in pair.deploy(alpha, "--check").refused().message
    assert digest(host) == before


def test_secret_is_in_no_output_and_no_readable_file(pair):
    host, secret = pair.host, "s3cr3t-of-the-test"
    alpha = pair.alpha(env={"GREETING": secret})
    runs = [pair.deploy(alpha, *options) for options in (("--check", "--diff", "-vvv"), ("--diff", "-vvv"))]
    assert host.answer()["greeting"] == secret
    assert [secret in run.succeeded().text for run in runs] == [False, False]
    readable = f"find /etc /srv /run/webstack /var/lib -xdev -type f -perm -o=r -exec grep -l {secret} {{}} +"
    assert host.ti.run(readable).stdout == ""
    assert secret not in host.sh("journalctl --no-pager; ps axww")
