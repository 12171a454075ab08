"""What is done to the two apps of a scenario while a fault is about."""

from __future__ import annotations

import dataclasses
import itertools
import json
import time
from collections.abc import Mapping
from typing import Any

import faults
import harness

PLAYS = harness.ROOT / "molecule/faults/plays"
FRONT = harness.ROOT / "playbooks/_front.yml"
ROLLBACK = harness.ROOT / "playbooks/rollback.yml"
HEALTH = {"path": "/healthz", "timeout": 20}  # seconds
KEEP = 2  # so that each swap drops an instance, and each build makes a release go
# Some seconds after it has started, the instance with this environment is well no more.
TURNS_BAD = '''
if os.environ.get("TURNS_BAD"):
    import time

    WELL, STARTED = app, time.monotonic()

    def app(environ, start_response):
        """Answer, but no longer on the health path."""
        if environ["PATH_INFO"] != "/healthz" or time.monotonic() - STARTED < 4:
            return WELL(environ, start_response)
        start_response("500 Turned bad", [])
        return [b""]
'''
REQUIREMENTS = itertools.cycle(f"idna==3.{number}\n" for number in (10, 9, 8, 7))


@dataclasses.dataclass(frozen=True)
class Traced:
    """The events of an operation that count, and what is on the host after it."""

    events: list[faults.Event]
    reference: list[str]


class Operations:
    """What is done to a pair of apps, and with which events. Each change is a new one."""

    def __init__(self, pair: Any, site: faults.Site) -> None:
        self.pair = pair
        self.site = site
        # A host that is kept for a second round knows none of them, and Nginx takes sizes of nine digits.
        self.number = int(time.time()) % 10**9
        self.known: dict[str, Traced] = {}

    def get(self, name: str) -> faults.Operation:
        """Return an operation by its name."""
        operation: faults.Operation = getattr(self, name)()
        return operation

    def traced(self, name: str) -> Traced:
        """Return what an operation does when nothing hits it; it is found out once."""
        if name not in self.known:
            operation = self.get(name)
            events = self.site.trace(operation)
            counted = [event for event in events if event.step.startswith(operation.step)]
            self.known[name] = Traced(counted, self.site.picture())
        return self.known[name]

    def restore(self) -> None:
        """Give alpha as many instances as it keeps."""
        for _ in range(KEEP):
            self.swap_in(self.alpha())

    def swap_in(self, variables: faults.Variables) -> None:
        """Swap what the variables say in, with no fault about."""
        self.site.run(PLAYS / "gunicorn.yml", variables).succeeded()

    def alpha(self, *, env: Mapping[str, str] | None = None, **keys: Any) -> faults.Variables:
        """Return alpha alone, with a new environment; beta stays as it is."""
        self.number += 1
        env = {"GREETING": f"number {self.number}", **(env or {})}
        return {"python_apps": [self.pair.alpha(env=env, keep_releases=KEEP, coda=TURNS_BAD, **keys)]}

    def both(self) -> faults.Variables:
        """Return both apps, with a new front of alpha."""
        self.number += 1
        front = {"domains": ["alpha.test"], "max_body_size": f"{self.number}k"}
        return {"python_apps": [self.pair.alpha(nginx=front, coda=TURNS_BAD), self.pair.beta()]}

    def swap(self) -> faults.Operation:
        """An instance with another environment takes over."""
        return faults.Operation("swap", "_instance_swap", PLAYS / "gunicorn.yml", self.alpha)

    def repair(self) -> faults.Operation:
        """A swap is done anew that was killed with its rehearsal running."""
        return self._after_a_kill("repair", self.swap(), "rehearse", "Popen systemctl stop", "repair")

    def reread(self) -> faults.Operation:
        """A swap is done to its end that was killed before systemd had read the record."""
        return self._after_a_kill("reread", self.swap(), "commit", "Popen systemctl daemon-reload")

    def move(self) -> faults.Operation:
        """An app listens elsewhere, and where it did no more."""

        def back(_variables: faults.Variables) -> None:
            self.swap_in(self.alpha(listen="127.0.0.1:8123"))

        # Nginx asks at the unix socket all the time.
        return faults.Operation(
            "move", "_instance_swap", PLAYS / "gunicorn.yml", self.alpha, back, "beta.test", "settle"
        )

    def open(self) -> faults.Operation:
        """An app comes to listen elsewhere, too: the socket there is opened beside the one that it has."""

        def back(_variables: faults.Variables) -> None:
            self.swap_in(self.alpha())

        def change() -> faults.Variables:
            return self.alpha(listen="127.0.0.1:8123")

        return faults.Operation(
            "open", "_instance_swap", PLAYS / "gunicorn.yml", change, back, "beta.test", "start"
        )

    def rollback(self) -> faults.Operation:
        """An app goes back to the instance before, which is named: so the run can be done again."""

        def change() -> faults.Variables:
            variables = self.alpha()
            self.swap_in(variables)
            live = self.site.host.instance("alpha")
            record = json.loads(self.site.host.sh(f"cat /etc/webstack/alpha/{live}/instance.json"))
            return {**variables, "app": "alpha", "to": record["previous"]}

        return faults.Operation("rollback", "_instance_swap", ROLLBACK, change)

    def watch(self) -> faults.Operation:
        """An instance is accepted after its watch."""

        def change() -> faults.Variables:
            return self.alpha(health={**HEALTH, "watch": 1})

        swap = self.swap()
        return faults.Operation("watch", swap.library, swap.playbook, change, step="watch")

    def take_back(self) -> faults.Operation:
        """An instance turns bad in its watch and is taken back; the further run has the good one again."""
        good = self.alpha()

        def before(_variables: faults.Variables) -> None:
            self.swap_in(good)

        def change() -> faults.Variables:
            return self.alpha(env={"TURNS_BAD": "yes"}, health={**HEALTH, "watch": 15})

        swap = self.swap()
        return faults.Operation(
            "take_back", swap.library, swap.playbook, change, before, step="take_back", mends=good
        )

    def first(self) -> faults.Operation:
        """An app gets its first instance."""

        def remove(_variables: faults.Variables) -> None:
            self.swap_in(self.gone())

        swap = self.swap()
        return faults.Operation("first", swap.library, swap.playbook, self.alpha, remove, "beta.test")

    def absent(self) -> faults.Operation:
        """An app's instances are removed."""

        def deploy(_variables: faults.Variables) -> None:
            # With two instances each time: their files are events, too.
            self.swap_in(self.gone())
            self.restore()

        swap = self.swap()
        return faults.Operation(
            "absent", swap.library, swap.playbook, self.gone, deploy, "beta.test", "remove"
        )

    def gone(self) -> faults.Variables:
        """Return alpha as an app that is to be absent."""
        return {"python_apps": [{"name": "alpha", "state": "absent"}]}

    def front(self) -> faults.Operation:
        """Nginx takes up another configuration."""
        return faults.Operation("front", "_nginx_transaction", FRONT, self.both)

    def refront(self) -> faults.Operation:
        """Nginx takes up a configuration that is on the disk, as a run was killed before the reload."""
        return self._after_a_kill("refront", self.front(), "reload", "Popen systemctl reload")

    def release(self) -> faults.Operation:
        """A release with other code and other requirements is built, swapped in, and an old one pruned."""

        def change() -> faults.Variables:
            return self.alpha(text=f"release {self.number}", requirements=next(REQUIREMENTS))

        return faults.Operation("release", "_release_build", PLAYS / "release.yml", change)

    def _after_a_kill(
        self, name: str, killed: faults.Operation, step: str, what: str, counted: str = ""
    ) -> faults.Operation:
        def kill(variables: faults.Variables) -> None:
            events = self.traced(killed.name).events
            event = next(event for event in events if event.step == step and event.what.startswith(what))
            self.site.kill_module(killed, variables, event)

        return faults.Operation(
            name, killed.library, killed.playbook, killed.change, kill, killed.asked, counted
        )
