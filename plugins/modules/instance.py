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
  - The role P(webstack.python.gunicorn#role) renders the files; the module fills in what only the
    host knows, C(__INSTANCE__), C(__DIRECTORY__), C(__VIRTUALENV__), C(__RELEASE__),
    C(__PYTHONPATH__), C(__READ_ONLY_PATHS__), C(__PUBLIC_SOCKETS__), C(__WORKERS__) and
    C(__KEEPALIVE__).
options:
  name:
    description: The app's name.
    type: str
    required: true
  state:
    description: Whether the app has a live instance, or nothing at all on the host.
    type: str
    choices: [present, absent]
    default: present
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
  planned:
    description:
      - The release that a check-mode run would have built, with C(directory), C(virtualenv) and
        C(id). Only check mode reads it.
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
    description: Gunicorn's worker class.
    type: str
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

- name: Remove all of an app's instances
  webstack.python.instance:
    name: shop
    state: absent
"""

RETURN = r"""
instance:
  description: The live instance; in check mode, the one that would be.
  returned: when O(state=present)
  type: str
  sample: 3f9c0a51be77
previous:
  description: The instance that was live before this run.
  returned: when O(state=present)
  type: str
release:
  description: The release that the live instance runs.
  returned: when O(state=present)
  type: str
workers:
  description: The number of workers, C(count), and why it is that one, C(reason).
  returned: when O(state=present)
  type: dict
  sample: {count: 3, reason: "gthread: 2 cpus + 1"}
pending:
  description: Whether old public sockets are still open and wait for O(settle).
  returned: when O(state=present)
  type: bool
repaired:
  description: What a killed run or somebody else had left, and was put right.
  returned: always
  type: list
  elements: str
steps:
  description: What was done, with the C(seconds) that each C(step) took.
  returned: always
  type: list
  elements: dict
  sample: [{step: rehearse, seconds: 0.8}, {step: start, seconds: 0.7}]
"""

import datetime
import pwd
import secrets
import signal
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _instance, _instance_host, _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import (
    Locked,
    lock,
    read_text,
    write_text,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_absent import remove
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import (
    decide,
    describe_repairs,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import mask, secrets_of
from ansible_collections.webstack.python.plugins.module_utils._instance_settings import complaints
from ansible_collections.webstack.python.plugins.module_utils._instance_sizing import (
    Workers,
    keepalive_seconds,
    read_machine,
    size_workers,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_swap import Refused, Swap
from ansible_collections.webstack.python.plugins.module_utils._probe import Health

ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)

HEALTH_OPTIONS: dict[str, Any] = {
    "path": {"type": "str", "default": "/"},
    "status": {"type": "list", "elements": "int", "default": []},
    "timeout": {"type": "float", "default": 30},
    "host": {"type": "str", "default": "localhost"},
    "scheme": {"type": "str", "default": "http"},
}
FILES = (
    "config",
    "service",
    "socket",
    "check_service",
    "check_socket",
    "public_socket",
    "handle",
    "target",
)
ARGUMENTS: dict[str, Any] = {
    "name": {"type": "str", "required": True},
    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
    "user": {"type": "str"},
    "directory": {"type": "path"},
    "virtualenv": {"type": "path"},
    "current": {"type": "path"},
    "planned": {"type": "dict", "default": {}},
    "listen": {"type": "str", "default": "unix"},
    "env": {"type": "dict", "default": {}, "no_log": True},
    "workers": {"type": "str", "default": "auto"},
    "worker_class": {"type": "str", "default": "gthread"},
    "memory_max": {"type": "str", "default": ""},
    "settings": {"type": "dict", "default": {}},
    "health": {"type": "dict", "default": {}, "options": HEALTH_OPTIONS, "apply_defaults": True},
    "files": {
        "type": "dict",
        "options": {name: {"type": "str", "required": True} for name in FILES},
    },
    "keep": {"type": "int", "default": 5},
    "settle": {"type": "bool", "default": False},
}


class Terminated(Exception):
    """A signal asked the run to end."""


def raise_terminated(number: int, _frame: FrameType | None) -> NoReturn:
    """Turn a signal into an exception, so that what was begun is undone, and undone to the end."""
    for other in ENDINGS:
        signal.signal(other, signal.SIG_IGN)
    raise Terminated(f"the run was ended by {signal.Signals(number).name}")


def hide_environment(module: AnsibleModule) -> dict[str, str]:
    """Take the environment out of all that the module will show, and return it."""
    env = {name: str(value) for name, value in module.params["env"].items()}
    module.params["env"] = dict.fromkeys(env, "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER")
    module.no_log_values = set(secrets_of(env))
    return env


class Present:
    """The wanted instance of one app, compared with what is live on the host."""

    def __init__(self, module: AnsibleModule, env: dict[str, str]) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.env = env
        self.paths = _instance.Paths(self.params["name"])
        self.current = Path(self.params["current"]) if self.params["current"] else None
        self.release = self._read_release()
        self.workers = self._size_workers()
        self.wanted = self._build()
        self.observed = _instance_host.observe(self.paths, self.wanted, self.current)
        self.plan = decide(self.paths, self.wanted, self.observed, self.params["listen"], self.params["keep"])

    @property
    def settles(self) -> bool:
        """Tell whether this run closes sockets that are no longer wanted."""
        return bool(self.params["settle"] and self.plan.leave)

    def _read_release(self) -> _instance.Release:
        directory, virtualenv = Path(self.params["directory"]), Path(self.params["virtualenv"])
        planned = self.params["planned"]
        if self.module.check_mode and planned:
            directory, virtualenv = Path(planned["directory"]), Path(planned["virtualenv"])
        try:
            return _instance_host.read_release(directory, virtualenv)
        except ValueError:
            if not self.module.check_mode:
                raise
        return _instance_host.foresee_release(directory, virtualenv, _instance_host.live_release(self.paths))

    def _size_workers(self) -> Workers:
        return size_workers(
            self.params["workers"],
            self.params["worker_class"],
            read_machine(),
            self.params["memory_max"],
        )

    def _build(self) -> _instance.Instance:
        public = self.paths.public_socket(self.params["listen"])
        others = [] if self.params["settle"] else _instance_host.public_sockets(self.paths)
        keepalive = keepalive_seconds(self.params["worker_class"], self.release.gunicorn_version)
        return _instance.build(
            self.paths,
            _instance.Texts(**self.params["files"]),
            self.release,
            self.env,
            {"__WORKERS__": str(self.workers.count), "__KEEPALIVE__": str(keepalive)},
            [public, *(unit for unit in others if unit != public)],
            self.params["listen"],
            read_key(self.paths.key, create=not self.module.check_mode),
        )

    def apply(self) -> list[dict[str, Any]]:
        """Carry the plan out and return its steps. Raises Refused, SystemdError or OSError."""
        account = self._account()
        if self.plan.swap:
            self._ask_gunicorn(account)
        health = self.params["health"]
        swap = Swap(
            paths=self.paths,
            wanted=self.wanted,
            observed=self.observed,
            plan=self.plan,
            health=Health(
                path=health["path"],
                statuses=tuple(health["status"]),
                timeout=health["timeout"],
                host=health["host"],
                scheme=health["scheme"],
            ),
            account=account,
            listen=self.params["listen"],
            current=self.current,
            record=self._record(),
            keep=self.params["keep"],
            secrets=secrets_of(self.env),
        )
        swap.run(settle=self.params["settle"])
        return swap.steps

    def _account(self) -> pwd.struct_passwd:
        try:
            return pwd.getpwnam(self.params["user"])
        except KeyError:
            raise Refused(
                f"{self.params['name']}: there is no unix user '{self.params['user']}' on this host; "
                "make it before the app is started"
            ) from None

    def _ask_gunicorn(self, account: pwd.struct_passwd) -> None:
        found = complaints(self.release.virtualenv, self.params["settings"], account.pw_uid, account.pw_gid)
        if found:
            name = self.params["name"]
            raise Refused("\n".join(f"{name}: gunicorn.settings.{line}" for line in found))

    def _record(self) -> dict[str, Any]:
        return {
            "managed_by": "webstack.python",
            "app": self.params["name"],
            "instance": self.wanted.id,
            "directory": str(self.release.directory),
            "virtualenv": str(self.release.virtualenv),
            "release": self.release.name,
            "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "workers": self.workers.count,
            "gunicorn": self.release.gunicorn,
        }

    def result(self) -> dict[str, Any]:
        """Return what is known before anything is done."""
        result = {
            "changed": self.plan.changes or self.settles,
            "instance": self.wanted.id,
            "previous": self.observed.live,
            "release": self.release.name,
            "workers": {"count": self.workers.count, "reason": self.workers.reason},
            "pending": bool(self.plan.leave) and not self.params["settle"],
            "repaired": describe_repairs(self.paths, self.observed, self.plan),
            "steps": [],
        }
        if self.module._diff:
            result["diff"] = self._diff()
        return result

    def _diff(self) -> list[dict[str, str]]:
        """Show each file that changes; an instance's own beside the live one's, under one id."""
        live = self.observed.live or self.wanted.id
        diffs = []
        for file in (*self.wanted.own, *self.wanted.shared):
            counterpart = Path(str(file.path).replace(self.wanted.id, live))
            before = (read_text(counterpart) or "").replace(live, self.wanted.id)
            after = file.text
            if file.path.name == "env":
                before, after = _instance.changed_names(before, after)
            if _instance.body(before) != _instance.body(after):
                header = str(file.path)
                diffs.append(
                    {"before_header": header, "after_header": header, "before": before, "after": after}
                )
        return diffs


def read_key(path: Path, *, create: bool) -> bytes:
    """Return the host's secret, made on first use; without it, ids would tell of environments.

    create: whether to make it; otherwise, where it is missing, any key will do.
    """
    if create and not path.exists():
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_text(path, secrets.token_hex(), 0o600)
    return path.read_bytes() if path.exists() else b""


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
    result = present.result()
    if not module.check_mode and result["changed"]:
        result["steps"] = present.apply()
    return result


def ensure_absent(module: AnsibleModule) -> dict[str, Any]:
    """Do what state=absent asks for, and return the result."""
    paths = _instance.Paths(module.params["name"])
    current = Path(module.params["current"]) if module.params["current"] else None
    changed, steps = remove(paths, current, dry=module.check_mode)
    return {"changed": changed, "repaired": [], "steps": steps}


def still_live(paths: _instance.Paths) -> str:
    """Say what visitors get after a failure."""
    live = _instance.recorded_instance(read_text(paths.record))
    if live is None:
        return f"{paths.app}: no instance is live."
    release = _instance_host.read_records(paths).get(live, {}).get("release", "unknown")
    return f"{paths.app}: instance {live} (release {release}) is live, as before."


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        required_if=[("state", "present", ["user", "directory", "virtualenv", "files"])],
        supports_check_mode=True,
    )
    env = hide_environment(module)
    for number in ENDINGS:
        signal.signal(number, raise_terminated)
    paths = _instance.Paths(module.params["name"])
    try:
        refuse_foreign_units(paths)
        if module.check_mode:
            result = run(module, env)
        else:
            with lock(paths.lock):
                result = run(module, env)
                if module.params["state"] == "absent":
                    paths.lock.unlink()
    except (Refused, Locked, Terminated, _systemd.SystemdError, ValueError, OSError) as error:
        module.fail_json(msg=mask(f"{error}\n{still_live(paths)}", module.no_log_values))
    module.exit_json(**result)


def run(module: AnsibleModule, env: dict[str, str]) -> dict[str, Any]:
    """Do what the state asks for, and return the result."""
    if module.params["state"] == "absent":
        return ensure_absent(module)
    return ensure_present(module, env)


if __name__ == "__main__":
    main()
