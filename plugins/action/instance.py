# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of webstack.python.instance: it tells the host who runs Ansible."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.webstack.python.plugins.plugin_utils._person import person


class ActionModule(ActionBase):
    """Run the module with the name of the person at the controller."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task on one host."""
        variables = task_vars or {}
        super().run(tmp, variables)
        answer: dict[str, Any] = self._execute_module(
            module_name="webstack.python.instance",
            module_args={"by": person(), **self._task.args},
            task_vars=variables,
        )
        return answer
