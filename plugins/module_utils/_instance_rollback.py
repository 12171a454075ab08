# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What state=rolled_back of the module instance does, and what keeps a rolled back instance away."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _instance_host
from ansible_collections.webstack.python.plugins.module_utils._files import now, read_text
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    Paths,
    decode_environment,
    recorded_instance,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_log import Attempt, logged
from ansible_collections.webstack.python.plugins.module_utils._instance_notify import (
    Notify,
    make_notify,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_options import links
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import (
    decide,
    describe_repairs,
    is_good,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_recorded import (
    Recorded,
    derive,
    earlier,
    inherited_sockets,
    listen_address,
    listing,
    named,
    read_held,
    read_recorded,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import mask, secrets_of
from ansible_collections.webstack.python.plugins.module_utils._instance_swap import Swap, find_account
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused
from ansible_collections.webstack.python.plugins.module_utils._probe import Health

USE_FORCE = "set gunicorn_force (by the playbook deploy: -e force=true)"


class Again:
    """A recorded instance of one app, compared with what is live on the host.

    target: the instance that is to be live. Raises ValueError or SystemdError.
    """

    def __init__(self, module: AnsibleModule, paths: Paths, target: Recorded) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.paths = paths
        self.target = target
        self.current, self.previous = links(self.params)
        self.env = decode_environment(target.own.environment)
        self.secrets = secrets_of(self.env)
        module.no_log_values.update(self.secrets)
        self.listen = listen_address(paths, target.sockets[0])
        self.wanted = target.instance(paths)
        self.observed = _instance_host.observe(paths, self.wanted, self.current, self.previous)
        self.plan = decide(paths, self.wanted, self.observed, self.listen, self.params["keep"])

    def swap(
        self,
        record: Mapping[str, Any],
        *,
        held: Sequence[Mapping[str, Any]] = (),
        before: Callable[[], None] | None = None,
        rehearses: bool = True,
    ) -> Swap:
        """Return the swap, not yet run. record: its instance.json. held, before, rehearses: see Swap."""
        return Swap(
            paths=self.paths,
            wanted=self.wanted,
            observed=self.observed,
            plan=self.plan,
            health=Health.of({**self.params["health"], **record.get("health", {})}),
            account=find_account(self.paths.app, self.target.user),
            listen=self.listen,
            current=self.current,
            previous=self.previous,
            record=record,
            held=held,
            keep=self.params["keep"],
            secrets=self.secrets,
            before=before,
            rehearses=rehearses,
        )

    def repair(self) -> list[dict[str, Any]]:
        """Put right what is wrong with the target, which is live, and return the steps."""
        swap = self.swap(self.target.record)
        swap.run(settle=False)
        return swap.steps

    def notify(self, action: str) -> Notify:
        """Return the commands around the swap. action: rollback or take-back."""
        return make_notify(
            self.params,
            self.target.user,
            _instance_host.read_release(
                Path(str(self.target.record["directory"])), Path(str(self.target.record["virtualenv"]))
            ),
            self.env,
            instance=self.wanted.id,
            previous=self.observed.live,
            action=action,
        )

    def hide(self, text: str) -> str:
        """Take the instance's environment out of a text."""
        return mask(text, self.secrets)

    def result(self) -> dict[str, Any]:
        """Return what is known before anything is done."""
        live = self.observed.records[self.observed.live or ""]
        return {
            "changed": self.plan.changes,
            "instance": self.wanted.id,
            "previous": self.observed.live,
            "release": self.target.record.get("release"),
            "previous_release": live.get("release"),
            "workers": {"count": self.target.record.get("workers"), "reason": "as recorded"},
            "pending": False,
            "held": False,
            "repaired": describe_repairs(self.paths, self.observed, self.plan),
            "steps": [],
        }


class Kept(Again):
    """The live instance, left in place of a wanted one that was rolled back."""

    def apply(self) -> list[dict[str, Any]]:
        """Put right what is wrong with the live instance, and return the steps."""
        return self.repair()


def keep_live(module: AnsibleModule, paths: Paths, wanted: str) -> Kept | None:
    """Return the live instance where the wanted one was rolled back, else None."""
    live = recorded_instance(read_text(paths.record))
    held = [entry for entry in read_held(paths) if entry["instance"] == wanted]
    if not held or live in (None, wanted) or module.params["force"]:
        return None
    try:
        kept = read_recorded(paths, str(live), _instance_host.read_records(paths)[str(live)])
    except (KeyError, ValueError) as error:
        raise Refused(
            f"{paths.app}: instance {wanted} was rolled back, and the files of the live one, {live}, are not "
            f"whole: {error}; change the manifest, or {USE_FORCE} to deploy {wanted} all the same"
        ) from None
    module.warn(
        f"{paths.app}: instance {wanted} was rolled back at {held[-1]['at']} and is not deployed again; "
        f"instance {live} stays live. Change the manifest, or {USE_FORCE} to deploy it all the same."
    )
    return Kept(module, paths, kept)


def as_of_today(
    paths: Paths, live: str, name: str, record: Mapping[str, Any], env: Mapping[str, str] | None
) -> Recorded:
    """Return an older instance at the public sockets of the live one: there the proxies ask.

    env: the environment that it is to have; None for its own. Raises ValueError where it cannot
    run any more.
    """
    sockets = inherited_sockets(paths, live)
    try:
        older = read_recorded(paths, name, record)
    except ValueError as error:
        raise ValueError(f"instance {name} cannot run any more, as {error}; choose another one") from None
    if env is None and older.sockets == sockets:
        return older
    return derive(older, env, sockets, paths.key.read_bytes())


def record_again(target: Recorded, by: str) -> dict[str, Any]:
    """Return an older instance's record from now on: it keeps its place in the line of good ones."""
    return {**target.record, "instance": target.id, "since": now(), "by": by}


class RolledBack:
    """An older instance of one app, to be swapped in once more.

    Raises Refused where there is none, and ValueError or SystemdError.
    """

    def __init__(self, module: AnsibleModule, env: dict[str, str]) -> None:
        self.module = module
        self.params: dict[str, Any] = module.params
        self.paths = Paths(self.params["name"])
        self.env = env if self.params["environment"] == "current" else None
        self.held = read_held(self.paths)
        self.records = _instance_host.read_records(self.paths)
        self.live = self._read_live()
        self.origin, target = self._choose()
        self.again = Again(module, self.paths, target)

    def _read_live(self) -> str:
        live = recorded_instance(read_text(self.paths.record))
        if live not in self.records:
            raise Refused(f"{self.paths.app}: no instance is live, so there is nothing to go back from")
        return live

    def _choose(self) -> tuple[str, Recorded]:
        """Return the instance to go back to, and what it would be today. Raises Refused."""
        held = [entry["instance"] for entry in self.held]
        try:
            if self.params["to"]:
                name = named(self.records, self.live, self.params["to"])
                self._tell_of_others(name)
                return name, self._today(name)
            for name in earlier(self.records, self.live, held):
                target = self._today(name)
                # One that differs by its public sockets alone would be the live one.
                if target.id != self.live:
                    return name, target
            raise ValueError("there is no earlier instance to go back to that would differ from the live one")
        except ValueError as error:
            there_is = listing(self.records, self.live, held)
            raise Refused(f"{self.paths.app}: {error}. There are:\n{there_is}") from None

    def _tell_of_others(self, name: str) -> None:
        """Warn where a release's name leaves the live instance, while there is another one of it."""
        release = self.params["to"]
        others = [
            other
            for other, record in self.records.items()
            if record.get("release") == release and other != name and is_good(record)
        ]
        if name == self.live != release and others:
            self.module.warn(
                f"{self.paths.app}: release {release} is live already, by instance {name}; to go back to "
                f"another instance of it, name it: {', '.join(sorted(others))}"
            )

    def _today(self, name: str) -> Recorded:
        return as_of_today(self.paths, self.live, name, self.records[name], self.env)

    def apply(self) -> list[dict[str, Any]]:
        """Swap the older instance in and return the steps. Raises Refused, SystemdError or OSError."""
        if not self.again.plan.swap:
            # It is live already: what a killed run has left of the way to it is done.
            return self.again.repair()
        notify = self.again.notify("rollback")
        swap = self.again.swap(
            record_again(self.again.target, self.params["by"]),
            held=self._held_afterwards(),
            before=notify.before if notify.commands["before"] else None,
        )
        attempt = Attempt(
            paths=self.paths,
            by=self.params["by"],
            action="rollback",
            before=self.live,
            to=swap.wanted.id,
            release=str(swap.record.get("release")),
        )
        with logged(attempt, self.again.hide, self.module.warn):
            swap.run(settle=False)
        notify.after(self.module.warn)
        return swap.steps

    def _held_afterwards(self) -> list[dict[str, Any]]:
        back = {self.origin, self.again.target.id}
        left = {self.live, self._live_today()} - {self.again.target.id}
        what = {"release": self.records[self.live].get("release"), "at": now(), "by": self.params["by"]}
        return [
            *(entry for entry in self.held if entry["instance"] not in back | left),
            *({"instance": instance, **what} for instance in sorted(left)),
        ]

    def _live_today(self) -> str:
        """Name the live instance as the next run of the same manifest wants it."""
        try:
            return self._today(self.live).id
        except ValueError:
            # What is not whole must not keep anybody from leaving it.
            return self.live

    def result(self) -> dict[str, Any]:
        """Return what is known before anything is done."""
        result = self.again.result()
        if self.module._diff:
            before, after = (
                f"instance {result[which]}, release {result[release]}\n"
                for which, release in (("previous", "previous_release"), ("instance", "release"))
            )
            result["diff"] = {"before": before, "after": after}
        return result
