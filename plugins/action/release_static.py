# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of webstack.python.release_static: it takes the archives from the host."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ansible import constants
from ansible.plugins.action import ActionBase
from ansible_collections.webstack.python.plugins.plugin_utils._static_hand_over import archive


class ActionModule(ActionBase):
    """Let the host pack what is wanted, and bring it into the run's own folder."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task on one host."""
        variables = task_vars or {}
        super().run(tmp, variables)
        run = Path(constants.DEFAULT_LOCAL_TMP)
        wanted = [digest for digest in self._task.args.get("wanted", []) if not archive(run, digest).exists()]
        if not wanted or self._task.check_mode:
            return self._module({}, variables)
        shell = self._connection._shell
        try:
            if shell.tmpdir is None:
                self._make_tmp_path()
            answer = self._module({"wanted": wanted, "_folder": shell.tmpdir}, variables)
            if not answer.get("failed"):
                for digest in wanted:
                    self._fetch(shell.join_path(shell.tmpdir, f"{digest}.tar.gz"), archive(run, digest))
        finally:
            self._remove_tmp_path(shell.tmpdir)
        return answer

    def _module(self, more: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="webstack.python.release_static",
            module_args={**self._task.args, "wanted": [], **more},
            task_vars=variables,
        )
        return answer

    def _fetch(self, remote: str, local: Path) -> None:
        """Bring a file to the controller; only a whole one has its name."""
        part = local.with_name(f"{local.name}.part")
        self._connection.fetch_file(remote, str(part))
        part.rename(local)
