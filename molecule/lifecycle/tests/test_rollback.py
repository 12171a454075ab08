"""What was deployed can be taken back, and stays taken back."""

from __future__ import annotations

import json

import harness
import pytest

ROLLBACK = harness.ROOT / "playbooks/rollback.yml"


def go_back(pair, *options, **variables):
    """Roll alpha back; further variables are the playbook's own."""
    apps = variables.pop("apps", None) or [pair.alpha(), pair.beta()]
    return pair.host.play({"python_apps": apps, "app": "alpha", **variables}, *options, playbook=ROLLBACK)


def warnings(run: harness.Run) -> list[str]:
    """Return the warnings that a run's tasks gave."""
    results = [
        result for play in run.report["plays"] for task in play["tasks"] for result in task["hosts"].values()
    ]
    results += [inner for result in results for inner in result.get("results", [])]
    return [warning for result in results for warning in result.get("warnings", [])]


@pytest.fixture(scope="module")
def three(pair):
    """Three releases of alpha, deployed one after the other; their instances by what they say."""
    found = {}
    for text in ("first", "second", "third"):
        pair.say(text, env={"GREETING": text})
        found[text] = pair.host.instance("alpha")
    return found


def test_going_back_costs_no_request_and_leaves_the_other_app_alone(pair, three):
    pids = pair.host.pids("beta")
    (task,) = go_back(pair, "--check").succeeded().changed
    assert task.endswith("rollback | Swap the older instance in")
    assert pair.host.instance("alpha") == three["third"]
    with pair.host.load() as loads:
        run = go_back(pair).succeeded()
    loads[0].without_failure()
    answer = pair.host.answer()
    assert (answer["text"], answer["greeting"], answer["instance"]) == ("second", "second", three["second"])
    assert pair.host.get("/static/site.css") == "/* second */"
    assert pair.host.pids("beta") == pids
    assert f"went back from instance {three['third']}" in run.text


def test_what_was_rolled_back_stays_away_and_the_run_green(pair, three):
    run = pair.deploy(pair.alpha("third", env={"GREETING": "third"})).succeeded()
    assert run.changed == []
    assert pair.host.instance("alpha") == three["second"]
    (warning,) = warnings(run)
    assert f"alpha: instance {three['third']} was rolled back at " in warning
    assert "Change the manifest, or set gunicorn_force" in warning


def test_going_back_again_goes_further_back(pair, three):
    go_back(pair).succeeded()
    assert pair.host.instance("alpha") == three["first"]


def test_a_target_that_is_not_there_is_refused_with_what_there_is(pair, three):
    run = go_back(pair, to="000000000000").refused()
    assert "alpha: there is no instance or release '000000000000' to go back to. There are:" in run.message
    assert f"instance {three['third']}, release " in run.message
    assert pair.host.instance("alpha") == three["first"]


def test_a_rollback_to_the_live_instance_changes_nothing(pair, three):
    run = go_back(pair, to=three["first"]).succeeded()
    assert run.changed == []
    assert f"instance {three['first']} (release " in run.text
    assert ") is live already" in run.text


def test_a_named_release_comes_back_with_the_environment_of_today(pair, three):
    host = pair.host
    record = json.loads(host.sh(f"cat /etc/webstack/alpha/{three['second']}/instance.json"))
    today = pair.alpha("first", env={"GREETING": "of today"})
    go_back(pair, apps=[today, pair.beta()], to=record["release"], rollback_env="current").succeeded()
    answer = host.answer()
    assert (answer["text"], answer["greeting"]) == ("second", "of today")
    assert answer["instance"] not in three.values()
    run = pair.deploy(today).succeeded()
    assert pair.host.instance("alpha") == answer["instance"]
    assert any("was rolled back at " in warning for warning in warnings(run))


def test_force_deploys_what_was_rolled_back(pair, three):
    pair.deploy(pair.alpha("third", env={"GREETING": "third"}), gunicorn_force=True).succeeded()
    assert pair.host.instance("alpha") == three["third"]
    held = pair.host.ti.file("/etc/webstack/alpha/held.json")
    assert not held.exists


def test_the_deploy_log_tells_what_was_done(pair):
    lines = [json.loads(line) for line in pair.host.sh("cat /var/log/webstack/alpha.jsonl").splitlines()]
    assert [(line["action"], line["result"]) for line in lines[-4:]] == [
        *[("rollback", "live")] * 3,
        ("deploy", "live"),
    ]
    assert all("@" in line["by"] for line in lines)


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("alhpa", "app: there is no app 'alhpa'; this run has alpha, beta"),
        ("", "app: name the one to roll back, as in -e app=shop"),
    ],
)
def test_a_rollback_of_no_known_app_is_refused(pair, app, words):
    assert words in go_back(pair, app=app).refused().message
