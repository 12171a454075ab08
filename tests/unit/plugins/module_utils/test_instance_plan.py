"""What a run has to do, decided from what is on the host."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils._instance import File, Instance, Paths
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import (
    Observed,
    Unit,
    beyond,
    closed_up,
    decide,
    describe_repairs,
    predecessor,
)

PATHS = Paths("shop")
LIVE, OLD, OTHER = "aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"
SERVICE = PATHS.unit(LIVE, "service")
WANTED = Instance(
    id=LIVE,
    own=(
        File(PATHS.instance(LIVE) / "gunicorn.conf.py", "# A\nworkers = 3\n", 0o640),
        File(PATHS.instance(LIVE) / "env", "# A\nX=1\n", 0o600),
    ),
    check=(),
    shared=(
        File(PATHS.units / "gunicorn-shop.socket", "ListenStream=a\n", 0o644),
        File(PATHS.units / PATHS.handle, "Type=oneshot\n", 0o644),
        File(PATHS.units / PATHS.target, "Wants=a\n", 0o644),
    ),
)


def units(*names: str) -> dict[str, Unit]:
    return {name: Unit(name, active="active") for name in names}


CONVERGED = Observed(
    live=LIVE,
    records={LIVE: {"created": "2", "previous": OLD}, OLD: {"created": "1"}},
    leftovers=frozenset(),
    checks=(),
    litter=(),
    public_sockets=("gunicorn-shop.socket",),
    texts={file.path: file.text for file in (*WANTED.own, *WANTED.shared)},
    units={
        **units("gunicorn-shop.socket", PATHS.target, PATHS.unit(LIVE, "socket")),
        SERVICE: Unit(SERVICE, active="active", wants=frozenset({"gunicorn-shop.socket"})),
        PATHS.handle: Unit(PATHS.handle, active="active", wants=frozenset({SERVICE, "sysinit.target"})),
    },
    enabled=True,
    current=True,
    previous=True,
    access=True,
)
FRESH = Observed(
    live=None,
    records={},
    leftovers=frozenset(),
    checks=(),
    litter=(),
    public_sockets=(),
    texts={},
    units={},
    enabled=False,
    current=True,
    previous=True,
    access=True,
)


def planned(observed: Observed, listen: str = "unix", keep: int = 5):
    return decide(PATHS, WANTED, observed, listen, keep)


def repairs(observed: Observed) -> list[str]:
    return describe_repairs(PATHS, observed, planned(observed))


def with_unit(**changes: Unit) -> Observed:
    return replace(CONVERGED, units={**CONVERGED.units, **{u.name: u for u in changes.values()}})


def test_nothing_is_done_where_all_is_as_wanted():
    plan = planned(CONVERGED)
    assert not plan.changes
    assert not repairs(CONVERGED)
    assert not plan.leave


def test_an_open_socket_with_another_owner_is_put_right():
    other = replace(CONVERGED, access=False)
    assert planned(other).changes
    assert repairs(other) == ["gave /run/webstack/shop/http.sock its owner and mode again"]


def test_another_comment_at_the_top_is_no_change():
    texts = {path: f"# on another controller\n{text}" for path, text in CONVERGED.texts.items()}
    assert not planned(replace(CONVERGED, texts=texts)).changes


def test_a_fresh_host_gets_a_swap_and_needs_no_repair():
    plan = planned(FRESH)
    assert plan.swap
    assert plan.shared == WANTED.shared
    assert not plan.repairs
    assert not repairs(FRESH)


def test_another_live_instance_is_swapped_and_not_repaired():
    observed = replace(CONVERGED, live=OLD, texts={})
    observed = replace(observed, units={PATHS.unit(OLD, "service"): Unit("x", active="active")})
    plan = planned(observed)
    assert plan.swap
    assert not plan.rewrite


@pytest.mark.parametrize("state", ["active", "activating", "failed", "deactivating"])
def test_an_instance_beside_the_live_one_is_stopped(state):
    stray = PATHS.unit(OTHER, "service")
    observed = with_unit(stray=Unit(stray, active=state))
    assert planned(observed).strays == (stray,)
    assert repairs(observed) == [f"stopped {stray}, which no record wants"]


def test_a_rehearsal_of_the_live_instance_itself_is_stopped():
    check = PATHS.check_unit(LIVE, "service")
    assert planned(with_unit(check=Unit(check, active="active"))).strays == (check,)


def test_a_stopped_older_instance_is_left_alone():
    assert not planned(with_unit(old=Unit(PATHS.unit(OLD, "service"), active="inactive"))).changes


def test_without_a_record_every_running_instance_is_a_stray():
    observed = replace(FRESH, units=units(SERVICE))
    assert planned(observed).strays == (SERVICE,)


def test_unfinished_instances_and_files_are_removed():
    litter = Path("/etc/systemd/system/.gunicorn-shop.target.x1y2")
    check = PATHS.runtime_units / PATHS.check_unit(OTHER, "service")
    observed = replace(CONVERGED, leftovers=frozenset({OTHER}), checks=(check,), litter=(litter,))
    plan = planned(observed)
    assert plan.debris == (OTHER,)
    assert plan.litter == (check, litter)
    assert plan.changes


def test_the_live_instance_is_never_taken_for_unfinished():
    records = {OLD: CONVERGED.records[OLD]}
    assert not planned(replace(CONVERGED, records=records, leftovers=frozenset({LIVE}))).debris


@pytest.mark.parametrize(
    "handle",
    [
        Unit(PATHS.handle, active="active", needs_reload=True, wants=frozenset({SERVICE})),
        Unit(PATHS.handle, active="active", wants=frozenset({PATHS.unit(OLD, "service")})),
    ],
    ids=["changed on disk", "still wants the old one"],
)
def test_a_record_that_systemd_has_not_read_is_read(handle):
    observed = with_unit(handle=handle)
    assert planned(observed).reload
    assert repairs(observed) == ["let systemd read the record of what is live"]


@pytest.mark.parametrize("name", ["gunicorn-shop.socket", PATHS.handle, PATHS.target, SERVICE])
@pytest.mark.parametrize("state", ["inactive", "failed", "deactivating"])
def test_what_should_run_and_does_not_is_started(name, state):
    observed = with_unit(down=Unit(name, active=state))
    assert planned(observed).revive == (name,)
    assert repairs(observed) == [f"started {name}, which was down"]


def test_a_crashing_live_instance_is_left_to_systemd():
    assert not planned(with_unit(live=Unit(SERVICE, active="activating"))).revive


def test_a_lost_file_of_the_live_instance_is_written_again_without_a_restart():
    env = WANTED.own[1]
    plan = planned(replace(CONVERGED, texts={**CONVERGED.texts, env.path: None}))
    assert plan.rewrite == (env,)
    assert not plan.restart


def test_an_edited_file_of_the_live_instance_is_written_again_with_a_restart():
    env = WANTED.own[1]
    observed = replace(CONVERGED, texts={**CONVERGED.texts, env.path: "# A\nX=2\n"})
    assert planned(observed).restart
    assert repairs(observed) == [f"wrote {env.path} again and restarted the live instance"]


def test_a_lost_link_for_the_boot_and_a_wrong_current_are_mended():
    plan = planned(replace(CONVERGED, enabled=False, current=False))
    assert (plan.enable, plan.relink, plan.changes) == (True, True, True)
    plan = planned(replace(CONVERGED, previous=False))
    assert (plan.enable, plan.relink, plan.changes) == (False, True, True)


def test_an_address_the_app_has_left_waits_until_it_is_settled():
    observed = replace(CONVERGED, public_sockets=("gunicorn-shop-10.0.0.1:80.socket", "gunicorn-shop.socket"))
    plan = planned(observed)
    assert plan.leave == ("gunicorn-shop-10.0.0.1:80.socket",)
    assert not plan.changes


def test_a_new_address_has_no_socket_that_could_be_down():
    plan = planned(CONVERGED, listen="10.0.0.1:80")
    assert not plan.revive
    assert plan.leave == ("gunicorn-shop.socket",)


def test_a_socket_that_a_killed_run_was_about_to_open_is_no_reason_to_stop_the_live_instance():
    about_to_open = ("gunicorn-shop.socket", "gunicorn-shop-10.0.0.1:80.socket")
    observed = replace(CONVERGED, public_sockets=about_to_open)
    assert not planned(observed, listen="10.0.0.1:80").revive


def test_a_socket_that_is_down_is_opened_with_an_instance_that_is_down_too():
    names = (PATHS.handle, PATHS.target, SERVICE, "gunicorn-shop.socket")
    observed = replace(CONVERGED, units={})
    assert planned(observed).revive == names


def test_the_oldest_instances_beyond_those_to_keep_are_dropped():
    records = {f"{number:012d}": {"created": str(number)} for number in range(6)}
    assert beyond(records, 3, "000000000005") == ("000000000002", "000000000001", "000000000000")


def test_the_live_instance_and_the_one_before_it_are_never_dropped():
    records = {
        LIVE: {"created": "0", "previous": OLD},
        OLD: {"created": "1"},
        OTHER: {"created": "2"},
    }
    assert beyond(records, 1, LIVE) == (OTHER,)
    assert beyond(records, 3, LIVE) == ()


def test_an_instance_that_never_proved_itself_is_dropped_before_an_older_good_one():
    records = {
        LIVE: {"created": "3", "previous": OLD},
        OLD: {"created": "0"},
        OTHER: {"created": "1"},
        "dddddddddddd": {"created": "2", "accepted": False},
    }
    assert beyond(records, 3, LIVE) == ("dddddddddddd",)


def test_what_was_gone_back_to_counts_by_when_it_went_live_again():
    records = {
        LIVE: {"created": "4", "since": "4"},
        OLD: {"created": "0", "since": "3"},
        OTHER: {"created": "2", "since": "2"},
    }
    assert beyond(records, 2, LIVE) == (OTHER,)


def test_a_new_instance_follows_the_live_one_if_that_is_good():
    assert predecessor(CONVERGED, OTHER) == LIVE
    unproven = {**CONVERGED.records, LIVE: {"previous": OLD, "accepted": False}}
    assert predecessor(replace(CONVERGED, records=unproven), OTHER) == OLD
    assert predecessor(FRESH, OTHER) is None


def test_an_instance_is_never_the_one_before_itself():
    records = {
        LIVE: {"previous": OLD, "accepted": False},
        OLD: {"previous": OTHER},
        OTHER: {"previous": None},
    }
    assert predecessor(replace(CONVERGED, records=records), OLD) == OTHER


def test_an_instance_that_is_deployed_once_more_leaves_its_old_place_in_the_line():
    records = {LIVE: {"previous": OLD}, OLD: {"previous": OTHER}, OTHER: {"previous": None}}
    assert closed_up(records, OLD) == {LIVE: {"previous": OTHER}}
    assert closed_up(records, LIVE) == {}
    assert closed_up({LIVE: {"previous": None}}, "dddddddddddd") == {}
