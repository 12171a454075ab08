# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's half of webstack.python.release: the source tree and its way to the host."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from ansible import constants
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.plugins.action import ActionBase
from ansible_collections.webstack.python.plugins.module_utils._release_options import (
    OPTIONS,
    REQUIRED_IF,
)
from ansible_collections.webstack.python.plugins.plugin_utils import (
    _index,
    _source_archive,
    _source_git,
    _source_package,
    _source_path,
)
from ansible_collections.webstack.python.plugins.plugin_utils._git import Repository
from ansible_collections.webstack.python.plugins.plugin_utils._person import person
from ansible_collections.webstack.python.plugins.plugin_utils._resolution import build_once
from ansible_collections.webstack.python.plugins.plugin_utils._source_requirements import discover
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import (
    SourceError,
    Tree,
    refuse_changed,
)
from ansible_collections.webstack.python.plugins.plugin_utils._url import is_url

# What only the controller needs; a repository's address may hold credentials, too.
OWN_OPTIONS = ("source", "ca_bundle", "apps")
REMOTE_ADDRESS = re.compile(r"[^/]+:")


class ActionModule(ActionBase):
    """Collect the source tree, ask the host whether it lacks it, and send it only then."""

    _requires_connection = True
    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the task on one host. Raises AnsibleActionFail where the source cannot be had."""
        variables = task_vars or {}
        super().run(tmp, variables)
        common = {name: value for name, value in self._task.args.items() if name != "apps"}
        apps = [{**common, **app} for app in self._task.args.get("apps", [])]
        if common.get("state") == "compared":
            return self._compare(apps, variables)
        if len(apps) > 1:
            raise AnsibleActionFail(f"apps: one is wanted for this state, and there are {len(apps)}")
        return self._run_one(validated(apps[0] if apps else common), variables)

    def _compare(self, apps: list[dict[str, Any]], variables: dict[str, Any]) -> dict[str, Any]:
        """Ask the host in one call which of many apps differ from what it has."""
        wanted, unknown = [], []
        for app in apps:
            options = validated({**app, "state": "present"})
            try:
                _tree, arguments = self._describe(options, variables)
                wanted.append(arguments)
            except (SourceError, OSError):
                # To be said where the app's release is built.
                unknown.append(options["name"])
        answer = self._module({"state": "compared", "apps": wanted}, variables)
        return {**answer, "differing": [*answer.get("differing", []), *unknown]}

    def _run_one(self, options: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        if options["state"] != "present":
            return self._module(module_options(options), variables)
        try:
            tree, arguments = self._describe(options, variables)
            answer = self._module(arguments, variables)
            if answer.pop("archive_wanted", False):
                answer = self._build_as_others(answer["resolution"], tree, arguments, variables)
        except (SourceError, OSError) as error:
            raise AnsibleActionFail(
                f"{options['name']}: {said(error)}\nNothing was changed on the host."
            ) from None
        return answer

    def _describe(self, options: dict[str, Any], variables: dict[str, Any]) -> tuple[Tree, dict[str, Any]]:
        """Return an app's source tree, and the module's arguments. Raises SourceError."""
        tree = self._collect(options)
        if may_change(options["source"]):
            refuse_changed(tree, Path(constants.DEFAULT_LOCAL_TMP))
        arguments = module_options(options)
        if options["source"]["package"]:
            arguments["requirements"] = _source_package.requirements(
                options["source"]["package"], options["requirements"]
            )
        requirements = discover(tree, arguments["requirements"])
        arguments["_found"] = {
            "kind": tree.kind,
            "origin": tree.origin,
            "revision": tree.revision,
            "tree": tree.digest,
            "lock_kind": requirements.kind,
            "lock": requirements.digest,
            "shipped": tree.kinds(name.rstrip("/") for name in options["shared"]),
            "controller": person(),
            "remote_user": self._remote_user(variables),
        }
        return tree, arguments

    def _module(self, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = self._execute_module(
            module_name="webstack.python.release", module_args=arguments, task_vars=variables
        )
        return answer

    def _collect(self, options: dict[str, Any]) -> Tree:
        source, folder = options["source"], Path(self._loader.get_basedir())
        if source["path"]:
            return _source_path.collect(absolute(source["path"], folder))
        if source["package"]:
            return _source_package.collect(source["package"])
        caches = Path(constants.config.get_config_value("ANSIBLE_HOME"))
        ca_bundle = options["ca_bundle"] or ""
        if source["archive"]:
            place = source["archive"]
            archive = _source_archive.Archive(
                place=place if is_url(place) else str(absolute(place, folder)),
                checksum=source["checksum"],
                cache=caches / "webstack-archives",
                ca_bundle=ca_bundle,
            )
            return _source_archive.collect(archive, source["subfolder"])
        repository = Repository(
            url=repository_url(source["git"], folder),
            cache=caches / "webstack-git",
            ca_bundle=ca_bundle,
            token=source["token"],
            deploy_key=source["deploy_key"],
            scratch=constants.DEFAULT_LOCAL_TMP,
        )
        # The folder is the same for all tasks and hosts of a run, and another one in the next run.
        run = Path(constants.DEFAULT_LOCAL_TMP)
        return _source_git.collect(
            repository, source["ref"], run, source["subfolder"], submodules=source["submodules"]
        )

    def _build_as_others(
        self, resolution: str, tree: Tree, arguments: dict[str, Any], variables: dict[str, Any]
    ) -> dict[str, Any]:
        """Build with the versions of dependencies that another host of this run has found, if one has."""
        if not resolution:
            return self._build(tree, arguments, variables)
        # The folder belongs to this run, and to all of its forks.
        note = Path(constants.DEFAULT_LOCAL_TMP) / f"webstack-resolution-{resolution}"
        return build_once(note, lambda pins: self._build(tree, {**arguments, "_pins": pins}, variables))

    def _build(self, tree: Tree, arguments: dict[str, Any], variables: dict[str, Any]) -> dict[str, Any]:
        """Send the tree and run the module on it; no copy of it is left behind on either side."""
        shell = self._connection._shell
        try:
            if shell.tmpdir is None:
                self._make_tmp_path()
            with tempfile.NamedTemporaryFile(dir=constants.DEFAULT_LOCAL_TMP) as archive:
                tree.pack(archive)
                archive.flush()
                remote = self._transfer_file(archive.name, shell.join_path(shell.tmpdir, "source.tar.gz"))
            return self._module({**arguments, "_archive": remote}, variables)
        finally:
            self._remove_tmp_path(shell.tmpdir)

    def _remote_user(self, variables: dict[str, Any]) -> str:
        return str(variables.get("ansible_user") or self._play_context.remote_user or "")


def said(error: SourceError | OSError) -> str:
    """Return what went wrong on the controller, with a remedy."""
    if isinstance(error, SourceError):
        return str(error)
    place = error.filename or "a file of the controller"
    return (
        f"{place}: {error.strerror or error}; let the user who runs Ansible read the source and write to "
        "ANSIBLE_HOME, and make room where the disk is full"
    )


def validated(options: dict[str, Any]) -> dict[str, Any]:
    """Return an app's options with their defaults. Raises AnsibleActionFail for wrong ones."""
    checked = ArgumentSpecValidator(OPTIONS, required_if=REQUIRED_IF).validate(options)
    if checked.error_messages:
        raise AnsibleActionFail("; ".join(checked.error_messages))
    right = dict(checked.validated_parameters)
    if problem := next(_index.uv_arguments(right["uv_arguments"]), ""):
        raise AnsibleActionFail(f"uv_arguments: {problem}")
    return right


def module_options(options: dict[str, Any]) -> dict[str, Any]:
    """Return those of an app's options that are for the host."""
    return {name: value for name, value in options.items() if name not in OWN_OPTIONS}


def may_change(source: dict[str, Any]) -> bool:
    """Tell whether a source is read anew for each task and host, with nothing that fixes what it holds.

    A checksum fixes what a URL gives.
    """
    archive = source["archive"]
    return bool(source["path"] or (archive and not is_url(archive)))


def repository_url(url: str, folder: Path) -> str:
    """Return a repository's address; a relative path starts at the playbook's folder."""
    if REMOTE_ADDRESS.match(url):
        return url
    return str(absolute(url, folder))


def absolute(place: str, folder: Path) -> Path:
    """Return a path of the controller; a relative one starts at the playbook's folder."""
    return Path(os.path.normpath(folder / Path(place).expanduser()))
