"""A run that is killed at an event leaves a site that answers, and a host that the next run mends."""

from __future__ import annotations

import re
import zlib

import faults
import harness
import pytest
from turns import WIDE

# What `make test` hits, at the last event of these steps.
NARROW = {
    "kill_module": {
        "swap": {"place", "rehearse", "start", "commit", "retire", "drop"},
        "front": {"judge", "commit", "reload", "write_mark", "prune"},
        "repair": {"repair"},
        "release": {"pip", "pruned"},
        "move": {"settle"},
    },
    "end_module": {"swap": {"rehearse", "commit"}},
    "kill_controller": {"swap": {"start", "commit"}, "front": {"commit"}},
    "kill_host": {"swap": {"commit"}, "front": {"commit"}},
}
OPERATIONS = (
    *("swap", "repair", "reread", "rollback", "watch", "take_back", "release", "front", "refront"),
    *("open", "move", "absent", "first"),
)
DISRUPTIVE = ("rollback", "take_back", "open", "move", "absent", "first")
# What `make matrix` hits, at the last event of every step, which the hosts take in turn; the swap and
# the transaction, of which the others are made, on every host, and where the module is killed at their
# other events, too. Where the controller is gone, the module itself goes on to its end; one that is asked
# to end does so where a killed one does, but for what it takes back: so these have fewer operations.
TRANSACTIONS = ("swap", "front")
ROLES = (*TRANSACTIONS, "release", "first")
BROAD = {
    "kill_module": OPERATIONS,
    "end_module": (*ROLES, "rollback", "take_back", "open"),
    "kill_controller": ROLES,
    "kill_host": OPERATIONS,
}
IDS = re.compile(r"[0-9a-f]{6,}|\d+")


def points(fault: str, name: str, events: list[faults.Event], turn: int, hosts: int) -> list[faults.Event]:
    """Return the events at which an operation is hit. turn: the host's, from 0."""
    last = faults.last_of_each_step(events)
    if not WIDE:
        wanted = NARROW[fault][name]
        assert wanted <= {event.step for event in events}
        return [event for event in last if event.step in wanted]
    if name not in TRANSACTIONS:
        # All of them, where a single step is what an operation is about.
        steps = {event.step for event in events}
        return share(last if len(steps) > 1 else events, turn, hosts)
    if fault != "kill_module":
        return last
    # What Nginx is to judge is a copy: half of it is as good as another half.
    others = [event for event in events if event.step != "judge" and event not in last]
    taken = {*last, *share(others, turn, hosts)}
    return [event for event in events if event in taken]


def share(events: list[faults.Event], turn: int, hosts: int) -> list[faults.Event]:
    """Return a host's part of the events, whatever their numbers; the last one where it has no other."""
    part = [
        event
        for event in events
        if zlib.crc32(IDS.sub("", f"{event.step} {event.what}").encode()) % hosts == turn
    ]
    return part or events[-1:]


@pytest.mark.parametrize(
    ("fault", "name"),
    [(fault, name) for fault, names in (BROAD if WIDE else NARROW).items() for name in names],
)
def test_next_run_converges_after(fault, name, site, operations, rows):
    operation = operations.get(name)
    traced = operations.traced(name)
    site.start_asking(operation.asked)
    hosts = harness.host_names()
    chosen = points(fault, name, traced.events, hosts.index(site.host.name), len(hosts))
    assert chosen
    for event in chosen:
        rows.add(faults.hit(site, operation, fault, event, traced.reference))
    site.stop_asking()
    changed = site.again()
    if name in DISRUPTIVE:
        operations.restore()
    assert rows.bad == []
    assert changed == [], "what the further run left is not what it wants"
