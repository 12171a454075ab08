"""A callback that counts the tasks of a run, and kills the run at the start of a chosen one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """FAULTS_TASK: the task, from 1; 0 for none. FAULTS_TASKS: a file that gets a line for each task."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "last_task"

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def v2_playbook_on_task_start(self, task: Any, **_given: Any) -> None:
        """Take note of a task, before any of it is done."""
        self.count += 1
        with Path(os.environ["FAULTS_TASKS"]).open("a") as tasks:
            tasks.write(f"{task.get_name()}\n")
        if self.count == int(os.environ["FAULTS_TASK"]):
            os.kill(os.getpid(), signal.SIGKILL)
