# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What state=present of the module instance does."""

from __future__ import annotations

import pwd
import secrets
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _instance, _instance_host
from ansible_collections.webstack.python.plugins.module_utils._files import now, read_text, write_text
from ansible_collections.webstack.python.plugins.module_utils._instance_log import Attempt, logged
from ansible_collections.webstack.python.plugins.module_utils._instance_notify import make_notify
from ansible_collections.webstack.python.plugins.module_utils._instance_options import links
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import (
    closed_up,
    decide,
    describe_repairs,
    is_good,
    predecessor,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import mask, secrets_of
from ansible_collections.webstack.python.plugins.module_utils._instance_settings import (
    complaints,
    missing_class,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_sizing import (
    Workers,
    keepalive_seconds,
    read_machine,
    size_workers,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_swap import Swap, find_account
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused
from ansible_collections.webstack.python.plugins.module_utils._instance_watch import Watch
from ansible_collections.webstack.python.plugins.module_utils._probe import Health


class Present:
    """The wanted instance of one app, compared with what is live on the host."""

    def __init__(self, module: AnsibleModule, env: dict[str, str]) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.env = env
        self.paths = _instance.Paths(self.params["name"])
        self.current, self.previous = links(self.params)
        self.release = self._read_release()
        self.workers = self._size_workers()
        self.wanted = self._build()
        self.observed = _instance_host.observe(self.paths, self.wanted, self.current, self.previous)
        self.plan = decide(self.paths, self.wanted, self.observed, self.params["listen"], self.params["keep"])

    @property
    def unproven(self) -> bool:
        """Tell whether the wanted instance is live, but a run was ended while it was watched."""
        return not self.plan.swap and not is_good(self.observed.records.get(self.wanted.id, {}))

    @property
    def _before(self) -> str | None:
        """Name the instance that is live before the wanted one, or was before the run that was ended."""
        return predecessor(self.observed, self.wanted.id) if self.unproven else self.observed.live

    @property
    def settles(self) -> bool:
        """Tell whether this run closes sockets that are no longer wanted."""
        return bool(self.params["settle"] and self.plan.leave)

    def _read_release(self) -> _instance.Release:
        directory, virtualenv = Path(self.params["directory"]), Path(self.params["virtualenv"])
        planned = self.params["planned"]
        if self.module.check_mode and planned:
            directory, virtualenv = Path(planned["directory"]), Path(planned["virtualenv"])
        elif planned:
            refuse_other_release(self.paths.app, directory, Path(planned["directory"]))
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
        account = find_account(self.paths.app, self.params["user"])
        notify = make_notify(
            self.params,
            self.params["user"],
            self.release,
            self.env,
            instance=self.wanted.id,
            previous=self._before,
            action="deploy",
        )
        swap = Swap(
            paths=self.paths,
            wanted=self.wanted,
            observed=self.observed,
            plan=self.plan,
            health=Health.of(self.params["health"]),
            account=account,
            listen=self.params["listen"],
            current=self.current,
            previous=self.previous,
            record=self._record(),
            others=closed_up(self.observed.records, self.wanted.id),
            keep=self.params["keep"],
            secrets=secrets_of(self.env),
            before=notify.before if notify.commands["before"] else None,
        )
        with logged(self._attempt(), self._hide, self.module.warn):
            if self.plan.swap:
                self._ask_gunicorn(account)
            swap.run(settle=self.params["settle"])
            if self.plan.swap or self.unproven:
                self._watch(swap)
        if self.plan.swap or self.unproven:
            notify.after(self.module.warn)
        return swap.steps

    def _watch(self, swap: Swap) -> None:
        """See that the live instance stays well. Raises TakenBack, Unproven."""
        Watch(
            paths=self.paths,
            instance=self.wanted.id,
            health=swap.health,
            seconds=self.params["health"]["watch"],
            hide=self._hide,
            recycles=bool(self.params["settings"].get("max_requests")),
            continued=self.unproven,
        ).run(self.module, swap.steps)

    def _attempt(self) -> Attempt | None:
        if not self.plan.swap and not self.unproven:
            return None
        return Attempt(
            paths=self.paths,
            by=self.params["by"],
            action="deploy",
            before=self._before,
            to=self.wanted.id,
            release=self.release.name,
        )

    def _hide(self, text: str) -> str:
        return mask(text, secrets_of(self.env))

    def _ask_gunicorn(self, account: pwd.struct_passwd) -> None:
        missing = missing_class(self.params["worker_class"], self.release)
        if missing:
            raise Refused(f"{self.params['name']}: {missing}")
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
            "created": now(),
            "since": now(),
            "by": self.params["by"],
            "previous": predecessor(self.observed, self.wanted.id),
            "accepted": False,
            "health": self.params["health"],
            "workers": self.workers.count,
            "gunicorn": self.release.gunicorn,
        }

    def result(self) -> dict[str, Any]:
        """Return what is known before anything is done."""
        result = {
            "changed": self.plan.changes or self.settles or self.unproven,
            "instance": self.wanted.id,
            "previous": self.observed.live,
            "release": self.release.name,
            "workers": {"count": self.workers.count, "reason": self.workers.reason},
            "held": False,
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
            if file.path.name.startswith("check."):
                continue
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


def refuse_other_release(app: str, pointer: Path, built: Path) -> None:
    """Raise Refused where what is to run is no longer the release that this very run has built."""
    if pointer.resolve() != built.resolve():
        raise Refused(
            f"{app}: {pointer} leads to {pointer.resolve()} by now, but this run has built {built}: another "
            "run came between; run again, so that one of them has the last word"
        )


def read_key(path: Path, *, create: bool) -> bytes:
    """Return the host's secret, made on first use; without it, ids would tell of environments.

    create: whether to make it; otherwise, where it is missing, any key will do.
    """
    if create and not path.exists():
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        write_text(path, secrets.token_hex(), 0o600)
    return path.read_bytes() if path.exists() else b""
