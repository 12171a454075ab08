"""A run of site.yml that ends at any of its tasks. For `make matrix` alone."""

from __future__ import annotations

from pathlib import Path

import faults
import harness
import pytest

SITE = harness.ROOT / "playbooks/site.yml"
CALLBACKS = harness.ROOT / "molecule/faults/callbacks"


@pytest.fixture(scope="session")
def everything(site, operations):
    """Return the operation that is site.yml with a change for each role, and what it leaves."""
    release = operations.release()

    def change():
        (alpha,) = release.change()["python_apps"]
        front = {**alpha["nginx"], "max_body_size": f"{operations.number}k"}
        return {"python_apps": [{**alpha, "nginx": front}, operations.pair.beta()]}

    operation = faults.Operation("site.yml", "end", SITE, change)
    site.run(SITE, change()).succeeded()
    return operation, site.picture()


def converge(site, operation, variables, fault, point, reference):
    """Run again after a fault, and return the row."""
    wrong = site.converge(operation, variables, reference)
    asked, bad = site.answers()
    return faults.row(site, operation, fault, point, asked, bad, wrong)


def test_next_run_converges_after_the_controller_was_killed_before_any_task(site, everything, rows, tmp_path):
    operation, reference = everything

    def run(variables, number, tasks: Path):
        environment = {
            "ANSIBLE_CALLBACK_PLUGINS": str(CALLBACKS),
            "ANSIBLE_CALLBACKS_ENABLED": "last_task",
            "FAULTS_TASK": str(number),
            "FAULTS_TASKS": str(tasks),
        }
        return site.run(SITE, variables, **environment)

    run(operation.change(), 0, tmp_path / "tasks").succeeded()
    names = (tmp_path / "tasks").read_text().splitlines()
    site.start_asking(operation.asked)
    for number, name in enumerate(names, 1):
        variables = operation.change()
        assert run(variables, number, tmp_path / "ignored").status == -9
        rows.add(converge(site, operation, variables, "kill controller", f"before task {name}", reference))
    site.stop_asking()
    assert site.again() == []
    assert rows.bad == []


@pytest.mark.parametrize("when", ["start", "end"])
def test_next_run_converges_after_any_module_was_killed(when, site, everything, rows):
    operation, reference = everything
    site.order(when, "kill")
    site.run(SITE, operation.change()).succeeded()
    count = int(site.host.sh(f"stat -c %s {faults.STATE}/calls"))
    site.start_asking(operation.asked)
    for number in range(1, count + 1):
        variables = operation.change()
        site.order(when, "kill", number)
        run = site.run(SITE, variables).refused()
        failed = [task["task"]["name"] for play in run.report["plays"] for task in play["tasks"]]
        point = f"at the {when} of module {number} of {count}, task {failed[-1]}"
        rows.add(converge(site, operation, variables, "kill module", point, reference))
    site.stop_asking()
    assert site.again() == []
    assert rows.bad == []
