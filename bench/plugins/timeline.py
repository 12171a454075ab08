# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The callback timeline: when each task began and ended, and what steps its module took."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: timeline
type: notification
short_description: A line of JSON for each task, and for each turn of a loop
description:
  - Appends C(task), C(item) (the label of a loop's turn, else null), C(began) and C(ended) (seconds
    since the epoch) and C(steps), as the module returned them, to the file that the environment
    variable C(BENCH_TIMELINE) names.
options: {}
"""


class CallbackModule(CallbackBase):
    """Ansible's entry point."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "timeline"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._began: dict[str, float] = {}

    def v2_playbook_on_task_start(self, task: Any, **_: Any) -> None:
        """Note the beginning."""
        self._began[task._uuid] = time.time()

    def v2_runner_on_ok(self, result: Any) -> None:
        """Write a task that went well."""
        self._write(result)

    def v2_runner_on_failed(self, result: Any, **_: Any) -> None:
        """Write a task that failed."""
        self._write(result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        """Write a turn of a loop that went well."""
        self._write(result)

    def _write(self, result: Any) -> None:
        line = {
            "task": result.task.get_name().rpartition(" : ")[2],
            "item": result.result.get("_ansible_item_label"),
            "began": self._began.get(result.task._uuid),
            "ended": time.time(),
            "steps": result.result.get("steps", []),
        }
        with open(os.environ["BENCH_TIMELINE"], "a", encoding="utf-8") as timeline:
            timeline.write(json.dumps(line) + "\n")
