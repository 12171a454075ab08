#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build an app's release on the host, prune old ones, or remove the app."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release
short_description: Build, prune and remove the releases of a Python app
version_added: 0.1.0
description:
  - Collects a source tree on the controller, builds it on the host into an immutable release with a
    virtualenv, and lets C(/srv/<app>/next) point to it. Nothing that runs is touched.
  - A release is known by a digest of what goes in. The same source tree, dependencies, interpreter and
    shared directories are the same release, for which nothing is built and nothing changes.
  - The virtualenv is made by uv and shared by all releases with the same lock, interpreter and Gunicorn.
  - The source tree travels only where the host lacks the release. Git and its credentials stay on the
    controller.
  - A build that fails leaves no release behind, and no virtualenv.
options:
  name:
    description:
      - The app's name, which is its unix user's and its directory's below C(/srv) too.
      - Needed for every state but V(compared), unless O(apps) has it.
    type: str
  apps:
    description:
      - For O(state=compared), what O(state=present) would be asked of each app, with these options as keys.
      - With O(state=present), one such mapping. Options beside O(apps) are common to all.
    type: list
    elements: dict
    default: []
  state:
    description:
      - V(present) builds the release and points to it.
      - V(compared) changes nothing. It tells in one call for which of many apps V(present) has something
        to do.
      - V(migrated) runs O(migrate) in the release that was built, unless they were run for it on this host
        before, or it was live there. Where one fails, the release is removed and C(/srv/<app>/next) leads to
        the live one again.
      - V(pruned) removes releases and virtualenvs that nothing needs any more.
      - V(absent) removes the app's directory, with its shared directories, its user and its group.
        While units of its Gunicorn are there, it does nothing but warn. What the collection did not
        make is nothing to remove.
    type: str
    choices: [present, compared, absent, pruned, migrated]
    default: present
  source:
    description: Where the source tree comes from; needed for O(state=present).
    type: dict
    suboptions:
      path:
        description:
          - A folder on the controller, absolute or relative to the playbook's directory.
          - What its C(.gitignore) files name stays behind; so do C(.git), C(.env), C(.venv),
            C(__pycache__) and C(*.pyc) in any case, and folders without files.
        type: str
      git:
        description:
          - A Git repository that the controller can read, by https, ssh or file.
          - Git LFS is refused, and so are submodules without O(source.submodules).
        type: str
      ref:
        description: A branch, a tag or a commit of O(source.git).
        type: str
        default: HEAD
      submodules:
        description:
          - Whether to take the files of Git submodules, too, from the commits that O(source.git) names.
            A submodule of the same host is fetched with the same credentials, another one without any.
        type: bool
        default: false
      token:
        description:
          - The password for O(source.git), an https URL. Its user is that of the URL, else C(x-token-auth).
        type: str
        default: ""
      deploy_key:
        description:
          - The text of the private key for O(source.git), by ssh; a key without a passphrase.
        type: str
        default: ""
      archive:
        description:
          - An archive, as tar.gz, tar.bz2, tar.xz or zip. An https URL, that the controller fetches and keeps
            by its checksum, or a file on the controller.
          - One folder that holds all of it, as release archives have it, is left out of the paths.
          - An archive with a path that leaves it, a link that does, or a device is refused.
        type: str
      checksum:
        description:
          - The checksum of O(source.archive), C(sha256:) and 64 hex digits; needed for a URL.
        type: str
        default: ""
      subfolder:
        description: The folder of O(source.git) or O(source.archive) that is taken; all, where it is empty.
        type: str
        default: ""
      package:
        description:
          - One version of a package of the index, as C(NAME==VERSION). Its code is in the virtualenv, and the
            release's own folder is empty but for O(shared).
          - What O(requirements) lists is installed beside it, such as exact versions of what it depends on.
        type: str
  requirements:
    description:
      - V(auto) takes the first that the source tree has at its top of C(uv.lock), C(pylock.toml), a
        C(pyproject.toml) that has a project table, and C(requirements.txt). None of them means that
        there are no dependencies.
      - A list holds requirement specifiers, and no file is read.
    type: raw
    default: auto
  python:
    description: The interpreter of the virtualenv, a command's name or an absolute path on the host.
    type: str
    default: python3
  shared:
    description:
      - Folders and files that all releases share and that the app may write to, relative to the source
        tree. An entry is a file where the source tree has a file of that name, else a folder.
    type: list
    elements: str
    default: []
  build:
    description:
      - Commands that are run in the new release before anything may use it, each as by C(/bin/sh -ec),
        as the app's user, with O(env) and in its sandbox. They may write to the release's code, which is
        root's afterwards, and to O(shared).
      - One that fails or does not end in O(hook_timeout) discards the release.
      - They are part of the release's id, O(env) is not.
    type: list
    elements: str
    default: []
  migrate:
    description:
      - Commands that O(state=migrated) runs in the release as it will run, in the same way as O(build), but
        that its code cannot be written to.
    type: list
    elements: str
    default: []
  static:
    description:
      - Folders of the code that Nginx serves. Once the release is built, their text files get a compressed
        copy beside them with the ending C(.gz), and C(.br) where the host has the program C(brotli); what
        is there already stays. They are part of what the release is known by.
    type: list
    elements: str
    default: []
  release:
    description: The id of the release, for O(state=migrated).
    type: str
    default: ""
  env:
    description: The app's environment, for O(build) and O(migrate).
    type: dict
    default: {}
  sandbox:
    description: The profile of the sandbox in which O(build) and O(migrate) run, as of the app's service.
    type: str
    choices: [strict, jit, "off"]
    default: strict
  hook_timeout:
    description: Seconds that each command of O(build) and O(migrate) has.
    type: int
    default: 600
  keep:
    description:
      - How many releases O(state=pruned) keeps. Those that are in use stay in any case and count among them;
        where there is room, the newest of the others stay, too.
      - With O(state=present) it only decides RV(prunable).
    type: int
    default: 5
  uv:
    description: The uv command on the host; needed for O(state=present).
    type: path
  gunicorn_version:
    description:
      - The Gunicorn that is added where the app's own dependencies bring none; needed for O(state=present).
    type: str
  worker_class:
    description:
      - Gunicorn's worker class. What V(gevent) needs is added where the app's own dependencies lack it.
    type: str
    choices: [gthread, sync, gevent, asgi]
    default: gthread
  index_url:
    description: The package index, with credentials if it wants any; PyPI where it is empty.
    type: str
    default: ""
  uv_arguments:
    description:
      - More arguments for C(uv sync) and C(uv pip install). They are public on the host, so one that has a
        user or password in a URL is refused.
    type: list
    elements: str
    default: []
  system_certs:
    description: Whether uv trusts the host's certificate store, instead of the one it brings.
    type: bool
    default: true
  ca_bundle:
    description: A file on the controller with the certificates by which O(source.git) and
      O(source.archive) are trusted.
    type: path
attributes:
  check_mode:
    support: full
    description: The answer holds the id and the paths that the release will have.
  diff_mode:
    support: full
    description: Shows the release that was pointed to and the one that is.
notes:
  - Needs root on the host.
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
- name: Build a release from a folder beside the playbook
  webstack.python.release:
    name: shop
    source:
      path: ../shop
    shared: [uploads]
    uv: /opt/webstack/uv-0.13.8/bin/uv
    gunicorn_version: 27.0.1

- name: Build a release from a tag
  webstack.python.release:
    name: shop
    source:
      git: https://git.example.com/shop.git
      ref: v1.4.0
    uv: /opt/webstack/uv-0.13.8/bin/uv
    gunicorn_version: 27.0.1

- name: Build a release from an archive
  webstack.python.release:
    name: shop
    source:
      archive: https://git.example.com/shop/archive/v1.4.0.tar.gz
      checksum: sha256:6f8a0f6d2d3a5a2a9a0c7cb4d3fbb6e0c1d7a1be0bf0f6b1e0d7c9a4f1d2e3b4
    uv: /opt/webstack/uv-0.13.8/bin/uv
    gunicorn_version: 27.0.1

- name: Migrate the database before the release is live
  webstack.python.release:
    name: shop
    state: migrated
    release: 3f9a1c0b77de
    migrate: ["flask --app shop db upgrade"]
    env: {DATABASE_URL: "{{ vault_shop_database }}"}

- name: Keep three releases, and what is in use
  webstack.python.release:
    name: shop
    state: pruned
    keep: 3
"""

RETURN = r"""
id:
  description:
    - The release's id, twelve hex digits.
    - Empty in check mode where the host has no such interpreter yet; then the paths are, too.
  returned: when O(state=present)
  type: str
  sample: 3f9a1c0b77de
directory:
  description: The release's source tree.
  returned: when O(state=present)
  type: str
  sample: /srv/shop/releases/3f9a1c0b77de/code
virtualenv:
  description: The release's virtualenv.
  returned: when O(state=present)
  type: str
  sample: /srv/shop/venvs/0d4c1f6a92b8
revision:
  description: The commit of O(source.git), the checksum of O(source.archive), the version of
    O(source.package); null for O(source.path).
  returned: when O(state=present)
  type: str
prunable:
  description: Whether O(state=pruned) may have something to remove once this release is live.
  returned: when O(state=present)
  type: bool
releases:
  description: What O(state=present) would answer for the apps of whose releases nothing is missing.
  returned: when O(state=compared)
  type: list
  elements: dict
differing:
  description: The apps for which O(state=present) has something to do, or something to refuse.
  returned: when O(state=compared)
  type: list
  elements: str
steps:
  description: What was done, in this order, and how many seconds each step took.
  returned: when O(state=present) or O(state=migrated)
  type: list
  elements: dict
  sample: [{"step": "unpack", "seconds": 0.021}]
removed:
  description: The paths that were removed, or would be.
  returned: when O(state=absent) or O(state=pruned)
  type: list
  elements: str
"""

import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.parameters import remove_values
from ansible_collections.webstack.python.plugins.module_utils import (
    _account,
    _hook,
    _release_hooks,
    _release_migration,
    _release_prune,
    _release_virtualenv,
)
from ansible_collections.webstack.python.plugins.module_utils._files import Locked, lock
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import secrets_of
from ansible_collections.webstack.python.plugins.module_utils._redact import redact
from ansible_collections.webstack.python.plugins.module_utils._release_build import (
    Builder,
    Steps,
    build,
    failure,
)
from ansible_collections.webstack.python.plugins.module_utils._release_compared import compare
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    Layout,
    ReleaseError,
    is_managed,
    pointed_release,
)
from ansible_collections.webstack.python.plugins.module_utils._release_options import (
    ADDED,
    NAMED,
    OPTIONS,
)
from ansible_collections.webstack.python.plugins.module_utils._release_request import (
    answer,
    make_plan,
    surroundings,
    unchanged,
)
from ansible_collections.webstack.python.plugins.module_utils._signals import (
    Terminated,
    raise_terminated,
)
from ansible_collections.webstack.python.plugins.module_utils._systemd import SystemdError

UNITS = Path("/etc/systemd/system")


def present(module: AnsibleModule) -> dict[str, Any]:
    """Build the release where it is wanted, and return the module's answer.

    Without the source tree at hand it only says that it wants it: the key archive_wanted. The
    first host of a run to resolve its dependencies says which versions it took: the key pins.
    """
    params = module.params
    try:
        interpreter = _release_virtualenv.probe(params["python"])
    except _release_virtualenv.InterpreterMissing as missing:
        if not module.check_mode:
            raise
        # A package that an earlier task of this very run would install may bring it.
        module.warn(f"{params['name']}: {missing}")
        return answer(None, changed=True)
    plan = make_plan(params, interpreter)
    before = pointed_release(plan.layout)
    if not plan.wants():
        return unchanged(plan, params["keep"])
    builder = Builder(params["_found"]["controller"], params["_found"]["remote_user"])
    steps = Steps()
    more: dict[str, Any] = {}
    if not module.check_mode:
        if plan.wants_code() and params["_archive"] is None:
            return {"changed": False, "archive_wanted": True, "resolution": plan.resolution()}
        with lock(plan.layout.lock, builder.controller):
            archive = params["_archive"]
            build(plan, builder, archive and Path(archive), steps)
        if params["_pins"] == []:
            # The first host of a run, whose versions the others take over.
            more["pins"] = _release_virtualenv.installed(plan.layout.virtualenv(plan.virtualenv))
    diff = {
        "before": before.summary() if before else {},
        "after": plan.describe(builder).summary(),
    }
    return answer(plan, changed=True, steps=steps.taken, diff=diff, **more)


def migrated(module: AnsibleModule) -> dict[str, Any]:
    """Run the migrations where the release wants them, and return the module's answer."""
    params = module.params
    layout, release, steps = Layout(params["name"]), params["release"], Steps()
    wanted = bool(params["migrate"]) and _release_migration.is_wanted(layout, release)
    if wanted and not module.check_mode:
        with lock(layout.lock), steps.step("migrate"):
            _release_migration.refuse_other(layout, release)
            try:
                _release_hooks.migrate(
                    params["migrate"], layout, release, params["shared"], surroundings(params)
                )
            except ReleaseError as error:
                _release_migration.discard(layout, release)
                raise ReleaseError(
                    f"{error}\nRelease {release} was discarded; what its commands changed is not taken back."
                ) from error
            _release_migration.note(layout, release)
    return {"changed": wanted, "steps": steps.taken}


def pruned(module: AnsibleModule) -> dict[str, Any]:
    """Remove what nothing needs, and return the module's answer."""
    layout = Layout(module.params["name"])
    if not is_managed(layout):
        return {"changed": False, "removed": []}
    paths = _release_prune.excess(layout, module.params["keep"]).paths(layout)
    if paths and not module.check_mode:
        with lock(layout.lock):
            paths = _release_prune.excess(layout, module.params["keep"]).paths(layout)
            _release_prune.remove(paths)
    return {"changed": bool(paths), "removed": [str(path) for path in paths]}


def absent(module: AnsibleModule) -> dict[str, Any]:
    """Remove the app where nothing runs it any more, and return the module's answer."""
    layout = Layout(module.params["name"])
    directory, user = is_ours(lambda: is_managed(layout)), is_ours(lambda: _account.exists(layout.app))
    if not directory and not user:
        return {"changed": False, "removed": []}
    units = unit_names(layout.app)
    if units and not module.check_mode:
        module.warn(
            f"{layout.app}: not removed, as Gunicorn's units are still there ({', '.join(units)}); "
            "let the role gunicorn remove them first, then run again"
        )
        return {"changed": False, "removed": []}
    if not module.check_mode:
        with lock(layout.lock):
            _hook.clear(layout.app)
            if directory:
                _release_prune.remove([layout.directory])
            if user:
                _account.remove(layout.app)
            layout.lock.unlink()
    return {"changed": True, "removed": [str(layout.directory)] if directory else []}


def is_ours(is_there: Callable[[], bool]) -> bool:
    """Tell whether something of the collection is there; what is someone else's is not."""
    try:
        return is_there()
    except (ReleaseError, _account.AccountError):
        return False


def unit_names(app: str, units: Path = UNITS) -> list[str]:
    """Return the unit files by which Gunicorn serves an app."""
    # Not gunicorn-<app>-*: that may be the unit of another app whose name goes on.
    patterns = (
        f"gunicorn-{app}.target",
        f"gunicorn-{app}.service",
        f"gunicorn-{app}.socket",
        f"gunicorn-{app}@*",
    )
    return sorted(path.name for pattern in patterns for path in units.glob(pattern))


STATES = {"present": present, "migrated": migrated, "pruned": pruned, "absent": absent}


def secrets(requirements: object) -> set[str]:
    """Return the requirement specifiers with credentials in a URL, which no output may hold.

    Only these, as what is named here is masked wherever it occurs: flask would be, too.
    """
    specifiers = requirements if isinstance(requirements, list) else []
    return {text for text in map(str, specifiers) if redact(text) != text}


def hide(module: AnsibleModule) -> None:
    """Tell the module what is secret, and only that.

    A short value of the environment cannot be a secret, and to mask it would blot out every "1".
    """
    env = {name: str(value) for name, value in module.params["env"].items()}
    secret = secrets_of(env)
    module.no_log_values -= set(env.values()) - secret
    module.no_log_values |= secret | secrets(module.params["requirements"])
    module.params["env"] = env


def mask_options(module: AnsibleModule) -> None:
    """Mask what is secret in the options, which Ansible shows at -vvv, and nowhere else.

    Ansible itself would mask it in the answer, too, whose names and paths are for the next tasks.
    """
    env = dict.fromkeys(module.params["env"], "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    module.params = {**remove_values(module.params, module.no_log_values), "env": env}
    module.no_log_values = set()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={**OPTIONS, **ADDED}, required_if=NAMED, supports_check_mode=True)
    if module.params["state"] == "compared":
        module.exit_json(**compare(module))
    hide(module)
    raise_terminated()
    os.umask(0o022)
    failed = ""
    try:
        result = STATES[module.params["state"]](module)
    except (
        _account.AccountError,
        ReleaseError,
        SystemdError,
        Locked,
        Terminated,
        OSError,
        tarfile.TarError,
    ) as error:
        said = remove_values(redact(str(error)), module.no_log_values)
        failed = failure(Layout(module.params["name"]), said)
    mask_options(module)
    if failed:
        module.fail_json(msg=failed)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
