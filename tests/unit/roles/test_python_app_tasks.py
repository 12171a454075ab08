"""What the tasks of the role python_app keep out of the output, and how they say it all the same."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.webstack.python.plugins.filter.redact import redact
from ansible_collections.webstack.python.plugins.plugin_utils._spec import ROLES
from jinja2 import Environment

INDEX = "https://deploy:hunter2@pypi.example.com/simple"
MASKED = "https://***@pypi.example.com/simple"


@pytest.fixture
def tasks():
    """The tasks that bring in uv."""
    return yaml.safe_load((ROLES / "python_app/tasks/uv.yml").read_text(encoding="utf-8"))


def test_an_index_with_a_password_is_not_shown(tasks):
    typing = [task for task in tasks if "__python_app_index_url" in str(task.get("ansible.builtin.command"))]
    assert [task["no_log"] for task in typing] == ["{{ python_app_index_url | length > 0 }}"]


@pytest.mark.parametrize(
    ("index", "asked", "stderr", "said"),
    [
        (INDEX, MASKED, f"401 for {INDEX} (hunter2)", f"401 for {MASKED} (***)"),
        (INDEX, MASKED, "", "non-zero return code"),
        ("", "pip's own index", "no such version", "no such version"),
    ],
)
def test_failure_of_pip_is_told_without_the_password(tasks, index, asked, stderr, said):
    (message,) = [task["ansible.builtin.fail"]["msg"] for task in tasks if "ansible.builtin.fail" in task]
    environment = Environment(autoescape=False)
    environment.filters["webstack.python.redact"] = redact
    shown = environment.from_string(message).render(
        python_app_uv_version="0.13.8",
        __python_app_index_url=index,
        __python_app_uv_installed={"stderr": stderr, "msg": "non-zero return code"},
    )
    assert shown == (
        f"uv 0.13.8 could not be installed from {asked}. What pip said:\n{said}\n"
        "Check python_app_uv_version, and the variables python_app_index_url, _username and _password."
    )
