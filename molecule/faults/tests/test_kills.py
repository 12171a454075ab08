"""A run that is killed at an event leaves a site that answers, and a host that the next run mends."""

from __future__ import annotations

import faults
import pytest
from turns import WIDE

# What `make test` hits, at the last event of these steps. `make matrix` kills the module at every event
# of every operation on every host, and does the rest at each step's last.
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


def points(fault: str, name: str, events: list[faults.Event]) -> list[faults.Event]:
    """Return the events at which an operation is hit."""
    last = faults.last_of_each_step(events)
    if WIDE:
        # What Nginx is to judge is a copy: half of it is as good as another half. And a module whose
        # controller is gone goes on to its end.
        counted = [event for event in events if event.step != "judge" or event in last]
        return counted if fault == "kill_module" else last
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
    first, chosen = len(rows), points(fault, name, traced.events)
    assert chosen
    for event in chosen:
        rows.append(faults.hit(site, operation, fault, event, traced.reference))
    site.stop_asking()
    changed = site.again()
    if name in DISRUPTIVE:
        operations.restore()
    assert [row for row in rows[first:] if not row.good] == []
    assert changed == [], "what the further run left is not what it wants"
