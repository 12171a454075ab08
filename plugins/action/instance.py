# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of webstack.python.instance: whose run it is, and what the templates say."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader
from ansible_collections.webstack.python.plugins.plugin_utils._person import person

# What only the controller needs.
OWN_OPTIONS = ("apps", "templates", "planned")
# Keys of an entry that are options of the module.
SAME_OPTIONS = (
    "name",
    "user",
    "directory",
    "virtualenv",
    "listen",
    "env",
    "worker_class",
    "settings",
    "health",
    "notify",
    "keep",
)
REHEARSAL = "check_"  # how the names of its files begin


class ActionModule(ActionBase):
    """Turn entries of gunicorn_apps into the module's options, and run it."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task on one host. Raises AnsibleActionFail where a file cannot be rendered."""
        variables = task_vars or {}
        super().run(tmp, variables)
        arguments = {"by": person(), **self._task.args}
        if "apps" in arguments:
            arguments = self._fill_in(arguments, variables)
        answer: dict[str, Any] = self._execute_module(
            module_name="webstack.python.instance", module_args=arguments, task_vars=variables
        )
        return answer

    def _fill_in(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Return the module's arguments, with each app's options in place of its entry."""
        common = {name: value for name, value in arguments.items() if name not in OWN_OPTIONS}
        planned, templates = arguments.get("planned", {}), arguments.get("templates", {})
        apps = [
            {**common, **module_options(entry), "planned": planned.get(entry["name"], {})}
            for entry in arguments["apps"]
        ]
        if templates:
            for app, entry in zip(apps, arguments["apps"], strict=True):
                app["files"] = self._render(templates, entry, variables)
        if common.get("state") == "compared":
            return {"state": "compared", "apps": [{**app, "state": "present"} for app in apps]}
        if len(apps) != 1:
            raise AnsibleActionFail(f"apps: one entry is wanted for this state, and there are {len(apps)}")
        return apps[0]

    def _render(
        self, templates: Mapping[str, str], entry: Mapping[str, Any], variables: dict[str, Any]
    ) -> dict[str, str]:
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        texts = {}
        for name, source in templates.items():
            extra = {"app": entry, "check": name.startswith(REHEARSAL)}
            try:
                texts[name] = str(lookup.run([source], variables=variables, template_vars=extra)[0])
            except AnsibleError as error:
                raise AnsibleActionFail(f"{entry['name']}: cannot render {source}: {error}") from error
        return texts


def module_options(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the module's options that an entry of gunicorn_apps, with all of its keys set, gives."""
    options = {name: entry[name] for name in SAME_OPTIONS}
    return {
        **options,
        **{name: entry[name] for name in ("current", "previous") if entry[name]},
        "workers": str(entry["workers"]),
        "memory_max": entry["service"]["memory_max"],
        "sandbox": entry["service"]["sandbox"],
        "writable": entry["writable_paths"],
    }
