"""The playbook deploy brings out apps, those that are named, and nothing else."""

from __future__ import annotations

import harness

DEPLOY = harness.ROOT / "playbooks/deploy.yml"
OURS = ("/etc/nginx", "/etc/webstack", "/srv")


def test_named_app_is_deployed_and_nothing_else(pair):
    host = pair.host
    apps = [pair.alpha("deployed", nginx={"domains": ["other.test"]}), pair.beta()]
    harness.write_app(pair.folder / "beta", "not asked for")
    apps.append({"name": "gone", "state": "absent"})
    nginx, pids = host.digest("/etc/nginx"), host.pids("beta")
    with host.load() as loads:
        host.play({"python_apps": apps, "only": "alpha"}, playbook=DEPLOY).succeeded()
    loads[0].without_failure()
    pair.text = "deployed"
    assert host.answer()["text"] == "deployed"
    assert host.answer(host="beta.test")["text"] == "beta"
    assert host.pids("beta") == pids
    assert host.digest("/etc/nginx") == nginx
    assert host.play({"python_apps": apps, "only": ["alpha"]}, playbook=DEPLOY).succeeded().changed == []


def test_unknown_app_is_refused_before_the_first_change(pair):
    before = pair.host.digest(*OURS)
    apps = [pair.alpha("never"), pair.beta()]
    run = pair.host.play({"python_apps": apps, "only": ["alpha", "alhpa"]}, playbook=DEPLOY).refused()
    assert "only: there is no app 'alhpa'; this run has alpha, beta" in run.message
    assert pair.host.digest(*OURS) == before


def test_site_takes_no_selection(pair):
    run = pair.deploy(pair.alpha("never"), only="alpha").refused()
    assert "only: this playbook brings everything to the manifest" in run.message


def test_address_that_a_deploy_has_left_is_closed_by_the_next_run_of_site(pair):
    host, alpha = pair.host, pair.alpha(listen="127.0.0.1:8124")
    host.play({"python_apps": [alpha, pair.beta()]}, playbook=DEPLOY).succeeded()
    listening = host.sh("ss -Hlnxt")
    assert "/run/webstack/alpha/http.sock" in listening
    assert ":8124" in listening
    pair.deploy(alpha).succeeded()
    assert "/run/webstack/alpha/http.sock" not in host.sh("ss -Hlnxt")
    assert host.answer()["text"] == pair.text
    pair.deploy(pair.alpha()).succeeded()
