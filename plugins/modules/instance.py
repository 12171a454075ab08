#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make an instance of an app the live one, or remove all of an app's instances."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance
short_description: Swap an app's Gunicorn instance in without losing a request
version_added: 0.1.0
description:
  - An instance is one release with one Gunicorn config, one environment and one unit. Where the
    instance that is wanted is not the live one, it is rehearsed on a socket of its own, started
    beside the live one on the public socket, recorded as live, and the old one is stopped.
  - Where it does not answer as O(health) wants, the module fails with its answer and its journal,
    and the live instance goes on as if nothing had been.
  - What a killed run left behind is put right first, and named in RV(repaired).
  - Every swap that was tried is a line of the deploy log, C(/var/log/webstack/<app>.jsonl).
  - The role P(webstack.python.gunicorn#role) renders the files; the module fills in what only the
    host knows, C(__INSTANCE__), C(__DIRECTORY__), C(__VIRTUALENV__), C(__RELEASE__),
    C(__PYTHONPATH__), C(__READ_ONLY_PATHS__), C(__PUBLIC_SOCKETS__), C(__WORKERS__) and
    C(__KEEPALIVE__).
options:
  name:
    description: The app's name; needed for every state but V(compared).
    type: str
  apps:
    description:
      - Entries as P(webstack.python.gunicorn_resolve#filter) gives them. The controller fills in the other
        options from them, and renders O(files) by O(templates).
      - With O(state=present) it is one, with O(state=compared) any number.
    type: list
    elements: dict
    default: []
  templates:
    description:
      - The templates of O(files), by the files' names. In a template, C(app) is the entry, and C(check)
        tells whether the file is one of the rehearsal.
    type: dict
    default: {}
  state:
    description:
      - V(present) makes the instance that the other options describe the live one, unless it was
        rolled back; see O(force).
      - V(compared) changes nothing. It tells in one call for which of many apps V(present) has something
        to do.
      - V(rolled_back) makes an instance that was live before the live one again, from its own files; see
        O(to). Where the public sockets are others than they were, or with O(environment=current), what
        is swapped in is a copy of it with an id of its own.
      - V(absent) removes all that the app's instances have on the host.
    type: str
    choices: [present, compared, rolled_back, absent]
    default: present
  to:
    description:
      - The instance to go back to, by its id, or the release by its. Only O(state=rolled_back) reads it.
      - Ids of instances are a host's own, so a release is what to name where the app is on several hosts.
        Hosts whose interpreters differ (path, patch version, platform) have different releases, too.
      - Where it is live already, nothing is swapped; what a run that was cut off has left is put right.
      - By default the nearest instance before the live one that proved itself and was not rolled back.
    type: str
    default: ""
  environment:
    description:
      - The environment of an instance that is gone back to, the one it had, V(recorded), or O(env),
        V(current), for one as a secret may have been revoked since.
    type: str
    choices: [recorded, current]
    default: recorded
  force:
    description: Make the instance live though it was rolled back.
    type: bool
    default: false
  user:
    description: The unix user that the units name; its group may read the Gunicorn config.
    type: str
  directory:
    description: The release's working directory. A link is followed.
    type: path
  virtualenv:
    description: The virtualenv with the app's dependencies and Gunicorn. A link is followed.
    type: path
  current:
    description: A link that is to follow the live instance's directory.
    type: path
  previous:
    description:
      - A link that is to follow the directory that was live before the one that O(current) leads to.
        While another one is started, it leads there. It needs O(current).
    type: path
  planned:
    description:
      - The release that a check-mode run would have built, with C(directory), C(virtualenv) and
        C(id). A run that is none must find it where O(directory) leads. With O(apps), by the apps' names.
    type: dict
    default: {}
  listen:
    description: V(unix), or the C(HOST:PORT) of the public socket.
    type: str
    default: unix
  env:
    description: The app's environment. Values are never shown.
    type: dict
    default: {}
  workers:
    description: The number of workers, or V(auto) for one that suits the host's cpus and memory.
    type: str
    default: auto
  worker_class:
    description: Gunicorn's worker class, for which the release's Gunicorn must be new enough.
    type: str
    choices: [gthread, sync, gevent, asgi]
    default: gthread
  memory_max:
    description: The unit's C(MemoryMax), which bounds the number of workers too.
    type: str
    default: ""
  settings:
    description:
      - The settings among O(files.config) that are not the role's own. The release's Gunicorn is
        asked about them before anything is started.
    type: dict
    default: {}
  health:
    description: What the new instance is asked, and what it must answer.
    type: dict
    default: {}
    suboptions:
      path:
        description: The path that is asked.
        type: str
        default: /
      status:
        description: Good statuses; none given means any below 500.
        type: list
        elements: int
        default: []
      timeout:
        description: Seconds until a good answer must have come.
        type: float
        default: 30
      host:
        description: The C(Host) that the app is told.
        type: str
        default: localhost
      scheme:
        description: The C(X-Forwarded-Proto) that the app is told.
        type: str
        default: http
      body:
        description: Text that a good answer has in the first 64 KiB of its body.
        type: str
        default: ""
      watch:
        description:
          - Seconds for which the new instance is observed after it became the live one, 0 for none.
          - Three bad answers in a row, a restart by systemd, or a worker that died take it back, and the
            module fails with the evidence. An answer that takes 5 s is bad. Workers that C(max_requests)
            or a reload replaces do not count.
          - A run that ends meanwhile is continued by the next one.
        type: float
        default: 0
  files:
    description: The rendered files.
    type: dict
    suboptions:
      config:
        description: The instance's C(gunicorn.conf.py).
        type: str
        required: true
      service:
        description: The instance's service unit.
        type: str
        required: true
      socket:
        description: The unit of the instance's own socket.
        type: str
        required: true
      check_service:
        description: The service unit of the rehearsal.
        type: str
        required: true
      check_socket:
        description: The socket unit of the rehearsal.
        type: str
        required: true
      public_socket:
        description: The unit of the public socket.
        type: str
        required: true
      handle:
        description: The unit that stands for the live instance.
        type: str
        required: true
      target:
        description: The unit that stands for the whole app.
        type: str
        required: true
  notify:
    description:
      - The app's own commands around a swap, run as O(user) in the release that is to be live, with its
        environment and in its sandbox. They see C(WEBSTACK_APP), C(WEBSTACK_RELEASE), C(WEBSTACK_INSTANCE),
        C(WEBSTACK_PREVIOUS) (the instance that was live, or nothing) and C(WEBSTACK_ACTION) (C(deploy),
        C(rollback) or C(take-back)). Each has 60 seconds.
    type: dict
    default: {}
    suboptions:
      before:
        description: Run once the rehearsal went well. One that fails refuses the swap.
        type: list
        elements: str
        default: []
      after:
        description: Run after the switch, and after the watch. One that fails is a warning.
        type: list
        elements: str
        default: []
  sandbox:
    description: The sandbox that O(notify) runs in.
    type: str
    choices: [strict, jit, "off"]
    default: strict
  writable:
    description: What O(notify) can write to, paths that exist.
    type: list
    elements: path
    default: []
  keep:
    description: How many instances stay on the host, the live one among them.
    type: int
    default: 5
  settle:
    description:
      - Leave public sockets of addresses where the app no longer listens. Until then a new O(listen)
        is served beside the old one, so that a proxy can change over; see RV(pending).
    type: bool
    default: false
  by:
    description:
      - Who runs Ansible, for the deploy log and for whoever finds the app locked. Filled in at the
        controller.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Tells whether there would be a swap, and shows what would differ.
  diff_mode:
    support: full
    description: Of the environment, only the names of what changes are shown.
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
- name: Swap the instance in
  webstack.python.instance:
    name: shop
    user: shop
    directory: /srv/shop/next/code
    virtualenv: /srv/shop/next/venv
    current: /srv/shop/current
    env:
      SECRET_KEY: "{{ vault_shop_secret }}"
    health:
      path: /healthz
      status: [200]
      host: shop.example.com
    files: "{{ shop_files }}"

- name: Go back to the instance before the live one
  webstack.python.instance:
    name: shop
    current: /srv/shop/current
    state: rolled_back

- name: Remove all of an app's instances
  webstack.python.instance:
    name: shop
    state: absent
"""

RETURN = r"""
instance:
  description: The live instance; in check mode, the one that would be.
  returned: when O(state=present) or O(state=rolled_back)
  type: str
  sample: 3f9c0a51be77
previous:
  description: The instance that was live before this run.
  returned: when O(state=present) or O(state=rolled_back)
  type: str
previous_release:
  description: The release that it runs.
  returned: when O(state=rolled_back)
  type: str
held:
  description:
    - Whether the wanted instance was left aside, as it was rolled back; RV(instance) is the one that
      stays live then.
  returned: when O(state=present) or O(state=rolled_back)
  type: bool
release:
  description: The release that the live instance runs.
  returned: when O(state=present) or O(state=rolled_back)
  type: str
workers:
  description: The number of workers, C(count), and why it is that one, C(reason).
  returned: when O(state=present) or O(state=rolled_back)
  type: dict
  sample: {count: 3, reason: "gthread: 2 cpus + 1"}
pending:
  description: Whether old public sockets are still open and wait for O(settle).
  returned: when O(state=present) or O(state=rolled_back)
  type: bool
repaired:
  description: What a killed run or somebody else had left, and was put right.
  returned: always
  type: list
  elements: str
waiting:
  description: The apps that are as they should be, but for public sockets that wait for O(settle).
  returned: when O(state=compared)
  type: list
  elements: str
differing:
  description: The apps for which O(state=present) has something to do, or something to refuse.
  returned: when O(state=compared)
  type: list
  elements: str
steps:
  description: What was done, with the C(seconds) that each C(step) took.
  returned: always
  type: list
  elements: dict
  sample: [{step: rehearse, seconds: 0.8}, {step: start, seconds: 0.7}]
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _instance, _instance_host, _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import Locked, lock, read_text
from ansible_collections.webstack.python.plugins.module_utils._instance_absent import remove
from ansible_collections.webstack.python.plugins.module_utils._instance_compared import compare
from ansible_collections.webstack.python.plugins.module_utils._instance_options import (
    ARGUMENTS,
    REQUIRED_IF,
    links,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_present import Present
from ansible_collections.webstack.python.plugins.module_utils._instance_rollback import (
    Kept,
    RolledBack,
    keep_live,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import (
    hide_environment,
    mask,
    secrets_of,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused, Unproven
from ansible_collections.webstack.python.plugins.module_utils._signals import (
    Terminated,
    raise_terminated,
)


def refuse_foreign_units(paths: _instance.Paths) -> None:
    """Raise Refused where a unit of the app's names belongs to someone else."""
    foreign = _instance_host.foreign_units(paths)
    if foreign:
        names = ", ".join(str(path) for path in foreign)
        raise Refused(
            f"{paths.app}: {names} was not made by webstack.python; remove it or choose another name"
        )


def ensure_present(module: AnsibleModule, env: dict[str, str]) -> dict[str, Any]:
    """Do what state=present asks for, and return the result."""
    present = Present(module, env)
    kept = keep_live(module, present.paths, present.wanted.id)
    if kept is not None:
        return carry_out(module, kept, {**kept.result(), "held": True})
    return carry_out(module, present, present.result())


def ensure_rolled_back(module: AnsibleModule, env: dict[str, str]) -> dict[str, Any]:
    """Do what state=rolled_back asks for, and return the result."""
    rolled_back = RolledBack(module, env)
    return carry_out(module, rolled_back, rolled_back.result())


def carry_out(
    module: AnsibleModule, asked: Present | RolledBack | Kept, result: dict[str, Any]
) -> dict[str, Any]:
    """Do what is to be done, but not in check mode, and return the result with its steps."""
    if not module.check_mode and result["changed"]:
        result["steps"] = asked.apply()
    return result


def ensure_absent(module: AnsibleModule) -> dict[str, Any]:
    """Do what state=absent asks for, and return the result."""
    paths = _instance.Paths(module.params["name"])
    kept = [link for link in links(module.params) if link]
    changed, steps = remove(paths, kept, dry=module.check_mode)
    return {"changed": changed, "repaired": [], "steps": steps}


def live_instance(paths: _instance.Paths) -> str | None:
    """Return the instance that the record names; None for no record."""
    return _instance.recorded_instance(read_text(paths.record))


def still_live(paths: _instance.Paths, before: str | None) -> str:
    """Say what visitors get after a failure. before: the instance that was live before the run."""
    live = live_instance(paths)
    if live is None:
        return f"{paths.app}: no instance is live."
    release = _instance_host.read_records(paths).get(live, {}).get("release", "unknown")
    since = "as before" if live == before else "since this run"
    return f"{paths.app}: instance {live} (release {release}) is live, {since}."


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=REQUIRED_IF,
        supports_check_mode=True,
    )
    if module.params["state"] == "compared":
        module.exit_json(**compare(module))
    env = hide_environment(module.params)
    module.no_log_values = set(secrets_of(env))
    raise_terminated()
    paths = _instance.Paths(module.params["name"])
    before = live_instance(paths)
    try:
        refuse_foreign_units(paths)
        if module.check_mode:
            result = run(module, env)
        else:
            with lock(paths.lock, module.params["by"]):
                before = live_instance(paths)
                result = run(module, env)
                if module.params["state"] == "absent":
                    paths.lock.unlink()
    except (Refused, Unproven, Locked, Terminated, _systemd.SystemdError, ValueError, OSError) as error:
        module.fail_json(msg=mask(f"{error}\n{still_live(paths, before)}", module.no_log_values))
    module.exit_json(**result)


def run(module: AnsibleModule, env: dict[str, str]) -> dict[str, Any]:
    """Do what the state asks for, and return the result."""
    if module.params["state"] == "absent":
        return ensure_absent(module)
    if module.params["state"] == "rolled_back":
        return ensure_rolled_back(module, env)
    return ensure_present(module, env)


if __name__ == "__main__":
    main()
