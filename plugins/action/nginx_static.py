# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of webstack.python.nginx_static: it takes the archives to the proxy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.webstack.python.plugins.plugin_utils._static_hand_over import archive

# Before the first swap, and after the last one.
NOT_YET = (
    "Nothing was swapped: the static files of a release are to be there before it is live. Bring the proxy "
    "back, or take it out of the group proxies, then run again."
)
AFTERWARDS = (
    "What was swapped is live, and its static files are answered there, but those before them are asked for "
    "first. Run again when the proxy is back."
)


class ActionModule(ActionBase):
    """Send what the proxy lacks, and run the module on it."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task on one proxy. Raises AnsibleActionFail where that is not reached."""
        variables = task_vars or {}
        super().run(tmp, variables)
        try:
            return self._run(variables)
        except AnsibleConnectionFailure as error:
            # Ansible would call the host unreachable that the task was delegated by.
            remedy = AFTERWARDS if self._task.args.get("state") == "shown" else NOT_YET
            raise AnsibleActionFail(f"{self._task.delegate_to}: {error}\n{remedy}") from None

    def _run(self, variables: dict[str, Any]) -> dict[str, Any]:
        lacking = self._task.args.get("lacking", [])
        if not lacking or self._task.check_mode:
            return self._module({}, variables)
        run, shell = Path(constants.DEFAULT_LOCAL_TMP), self._connection._shell
        try:
            if shell.tmpdir is None:
                self._make_tmp_path()
            archives = {
                digest: self._transfer_file(
                    str(archive(run, digest)), shell.join_path(shell.tmpdir, f"{digest}.tar.gz")
                )
                for digest in lacking
            }
            return self._module({"_archives": archives}, variables)
        finally:
            self._remove_tmp_path(shell.tmpdir)

    def _module(self, more: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="webstack.python.nginx_static",
            module_args={**self._task.args, **more},
            task_vars=variables,
        )
        return answer
