"""Check mode says what a run would do, and touches nothing."""

from __future__ import annotations

import pytest

EVERYTHING = ("/etc", "/srv", "/opt", "/var/lib/webstack", "/var/log/nginx")


def digest(host):
    host.sh("mkdir -p /var/log/nginx /var/lib/webstack")
    return host.digest(*EVERYTHING) + host.sh("systemctl list-units --all --plain --no-legend")


def what_changed(run):
    """Translate the tasks that would change something into the chain's steps."""
    words = {"Build": "build", "Swap": "swap", "tree": "front"}
    return {step for task in run.changed for word, step in words.items() if word in task}


@pytest.mark.parametrize(
    ("keys", "steps"),
    [
        ({}, set()),
        ({"text": "pending"}, {"build", "swap"}),
        ({"env": {"GREETING": "pending"}}, {"swap"}),
        ({"nginx": {"domains": ["alpha.test", "more.test"]}}, {"front"}),
    ],
    ids=["nothing", "code", "environment", "domain"],
)
def test_check_mode_foretells_the_run_on_a_converged_host(deployed, keys, steps):
    if "nginx" in keys:
        keys = {**keys, "nginx": {**keys["nginx"], "static": {"/static/": "static"}}}
    host = deployed.host
    before = digest(host)
    pids = host.pids("alpha")
    foretold = deployed.deploy(deployed.alpha(**keys), "--check", "--diff").succeeded()
    assert what_changed(foretold) == steps
    assert digest(host) == before
    assert host.pids("alpha") == pids
    run = deployed.deploy(deployed.alpha(**keys)).succeeded()
    assert what_changed(run) == steps
    assert deployed.deploy(deployed.alpha(**keys)).succeeded().changed == []


def test_check_mode_refuses_a_broken_directive(deployed):
    host = deployed.host
    alpha = deployed.alpha()
    alpha["nginx"]["extra"] = "proxy_bufering off;"
    before = digest(host)
    assert "proxy_bufering" in deployed.deploy(alpha, "--check").refused().message
    assert digest(host) == before


def test_secret_is_in_no_output_and_no_readable_file(deployed):
    host, secret = deployed.host, "s3cr3t-of-the-test"
    alpha = deployed.alpha(env={"GREETING": secret})
    runs = [
        deployed.deploy(alpha, *options) for options in (("--check", "--diff", "-vvv"), ("--diff", "-vvv"))
    ]
    assert host.answer()["greeting"] == secret
    assert [secret in run.succeeded().text for run in runs] == [False, False]
    readable = f"find /etc /srv /run/webstack /var/lib -xdev -type f -perm -o=r -exec grep -l {secret} {{}} +"
    assert host.ti.run(readable).stdout == ""
    assert secret not in host.sh("journalctl --no-pager; ps axww")


def test_second_run_changes_nothing(deployed):
    again = deployed.deploy(deployed.alpha()).succeeded()
    assert again.changed == []
