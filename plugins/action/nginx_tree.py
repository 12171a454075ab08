# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of webstack.python.nginx_tree: templates become texts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import lookup_loader

ARGUMENTS = {
    "templates": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "src": {"type": "str", "required": True},
            "dest": {"type": "str", "required": True},
            "each": {"type": "list", "elements": "dict"},
            "as": {"type": "str", "default": "entry"},
        },
    },
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "drop_in": {"type": "str"},
    "remove_default_site": {"type": "bool", "default": True},
    # The module says what is in them.
    "certificates": {"type": "list", "elements": "dict", "default": []},
    "keep_certificates": {"type": "list", "elements": "str", "default": []},
    "logs": {"type": "list", "elements": "str", "default": []},
    "caches": {"type": "list", "elements": "str", "default": []},
    "static": {"type": "list", "elements": "str", "default": []},
    "worker_connections": {"type": "int", "default": 0},
    "purge": {"type": "bool", "default": False},
}
# What the module gets as it is given here.
PASSED_ON = (
    "remove_default_site",
    "certificates",
    "keep_certificates",
    "logs",
    "caches",
    "static",
    "worker_connections",
    "purge",
)
SECRET_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
FILE_NAME = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


class ActionModule(ActionBase):
    """Render the templates, then let the module put the texts in place."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task on one host. Raises AnsibleActionFail where a file cannot be rendered."""
        variables = task_vars or {}
        super().run(tmp, variables)
        _validation, arguments = self.validate_argument_spec(ARGUMENTS)
        files: dict[str, str] = {}
        for template in arguments["templates"]:
            for path, extra in destinations(template):
                if path in files:
                    raise AnsibleActionFail(f"two templates want to be the file {path}")
                files[path] = self._render(template["src"], path, extra, variables)
        refuse_misplaced(files, arguments["secrets"])
        drop_in = arguments["drop_in"]
        result: dict[str, Any] = self._execute_module(
            module_name="webstack.python.nginx_tree",
            module_args={
                "files": files,
                "secrets": arguments["secrets"],
                "drop_in": drop_in and self._render(drop_in, "the drop-in", {}, variables),
                **{name: arguments[name] for name in PASSED_ON},
            },
            task_vars=variables,
        )
        return result

    def _render(self, src: str, path: str, extra: dict[str, Any], variables: dict[str, Any]) -> str:
        lookup = lookup_loader.get("ansible.builtin.template", loader=self._loader, templar=self._templar)
        try:
            texts = lookup.run([src], variables=variables, template_vars=extra)
        except AnsibleError as error:
            raise AnsibleActionFail(f"cannot render {src} as {path}: {error}") from error
        return str(texts[0])


def destinations(template: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each file that a template becomes: its path, and the variables it has of its own.

    Raises AnsibleActionFail for a path that is not a plain one inside the tree.
    """
    entries = template["each"]
    for entry in [None] if entries is None else entries:
        try:
            path = template["dest"].format_map(entry or {})
        except KeyError as error:
            raise AnsibleActionFail(
                f"dest '{template['dest']}' names a key that an entry does not have: {error}"
            ) from None
        if not FILE_NAME.fullmatch(path):
            raise AnsibleActionFail(
                f"'{path}' cannot be the path of a file in the tree: it is to be made of lower-case "
                "letters, digits, '.', '_' and '-', with '/' between directories"
            )
        yield path, {} if entry is None else {template["as"]: entry}


def refuse_misplaced(files: Iterable[str], secrets: Iterable[str]) -> None:
    """Keep what is secret and what is not in folders of their own. Raises AnsibleActionFail."""
    for path in files:
        if path.startswith("secrets/"):
            raise AnsibleActionFail(f"'{path}' is no secret, so it cannot be in the tree's folder of secrets")
    for name in secrets:
        if not SECRET_NAME.fullmatch(name):
            raise AnsibleActionFail(
                f"'{name}' cannot be the name of a secret: it is to be made of lower-case letters, digits, "
                "'.', '_' and '-'"
            )
