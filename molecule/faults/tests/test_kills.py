"""A run that is killed at an event leaves a site that answers, and a host that the next run mends."""

from __future__ import annotations

import faults
import harness
import pytest
from turns import WIDE

# What `make test` hits, at the last event of these steps. `make matrix` does all of it at each step's
# last event, in every operation on every host; it kills the module at the others, too, which the hosts
# take in turn.
NARROW = {
    "kill_module": {
        "swap": {"rehearse", "start", "commit", "retire", "drop"},
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
    *("move", "absent", "first"),
)
DISRUPTIVE = ("rollback", "take_back", "move", "absent", "first")


def points(fault: str, name: str, events: list[faults.Event], turn: int) -> list[faults.Event]:
    """Return the events at which an operation is hit. turn: the host's, from 0."""
    last = faults.last_of_each_step(events)
    if WIDE:
        if fault != "kill_module":
            # With each of these it is the step that counts: a module that is asked to end undoes it, and
            # one whose controller is gone ends it.
            return last
        # What Nginx is to judge is a copy: half of it is as good as another half.
        others = [event for event in events if event.step != "judge" and event not in last]
        taken = {*last, *others[turn :: len(harness.host_names())]}
        return [event for event in events if event in taken]
    wanted = NARROW[fault][name]
    assert wanted <= {event.step for event in events}
    return [event for event in last if event.step in wanted]


@pytest.mark.parametrize(
    ("fault", "name"),
    [(fault, name) for fault, narrow in NARROW.items() for name in (OPERATIONS if WIDE else narrow)],
)
def test_next_run_converges_after(fault, name, site, operations, rows):
    operation = operations.get(name)
    traced = operations.traced(name)
    site.start_asking(operation.asked)
    chosen = points(fault, name, traced.events, harness.host_names().index(site.host.name))
    assert chosen
    for event in chosen:
        rows.add(faults.hit(site, operation, fault, event, traced.reference))
    site.stop_asking()
    changed = site.again()
    if name in DISRUPTIVE:
        operations.restore()
    assert rows.bad == []
    assert changed == [], "what the further run left is not what it wants"
