"""What the tasks of the role python_app keep out of the output."""

from __future__ import annotations

import yaml
from ansible_collections.webstack.python.plugins.plugin_utils._spec import ROLES


def test_an_index_with_a_password_is_not_shown():
    tasks = yaml.safe_load((ROLES / "python_app/tasks/uv.yml").read_text(encoding="utf-8"))
    typing = [task for task in tasks if "__python_app_index_url" in str(task.get("ansible.builtin.command"))]
    assert [task["no_log"] for task in typing] == ["{{ python_app_index_url | length > 0 }}"]
