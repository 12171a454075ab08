"""Which releases and virtualenvs stay."""

from __future__ import annotations

import json

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_prune
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    Layout,
    Release,
    write_release,
)


@pytest.fixture
def layout(tmp_path, monkeypatch):
    # Files are given to root, whom the tests are not.
    monkeypatch.setattr("os.fchown", lambda *_arguments: None)
    return Layout("shop", tmp_path / "srv")


@pytest.fixture
def instances(tmp_path):
    return tmp_path / "etc"


def add(layout, identity, built_at, virtualenv="v1"):
    directory = layout.release(identity)
    (directory / "code").mkdir(parents=True)
    layout.virtualenv(virtualenv).mkdir(parents=True, exist_ok=True)
    write_release(
        directory,
        Release(
            id=identity,
            app="shop",
            source="path",
            origin="/shop",
            revision=None,
            tree="t",
            lock="l",
            virtualenv=virtualenv,
            python="3.11.2",
            shared=[],
            built_at=f"2026-01-{built_at:02}T00:00:00+00:00",
            built_by="a@b",
            remote_user="",
        ),
    )


def instance(instances, layout, identity, virtualenv):
    path = instances / "shop" / "i1" / "instance.json"
    path.parent.mkdir(parents=True)
    record = {"directory": str(layout.code(identity)), "virtualenv": str(layout.virtualenv(virtualenv))}
    path.write_text(json.dumps(record))


def gone(layout, keep, instances):
    return [path.name for path in _release_prune.excess(layout, keep, instances).paths(layout)]


def test_newest_stay(layout, instances):
    for day in (3, 1, 4, 2):
        add(layout, f"r{day}", day)
    assert gone(layout, 2, instances) == ["r1", "r2"]


def test_fewer_than_kept_are_left_alone(layout, instances):
    add(layout, "r1", 1)
    assert gone(layout, 5, instances) == []


def test_what_the_pointer_names_stays(layout, instances):
    for day in (1, 2, 3):
        add(layout, f"r{day}", day)
    layout.pointer.symlink_to("releases/r1")
    assert gone(layout, 2, instances) == ["r2"]


@pytest.mark.parametrize("target", ["{root}/releases/r1/code", "releases/r1/code"])
def test_what_is_live_stays(layout, instances, target):
    for day in (1, 2, 3):
        add(layout, f"r{day}", day)
    layout.current.symlink_to(target.format(root=layout.directory))
    assert gone(layout, 2, instances) == ["r2"]


def test_what_was_live_before_stays_until_a_swap_is_to_replace_it(layout, instances):
    for day in (1, 2, 3):
        add(layout, f"r{day}", day)
    layout.current.symlink_to("releases/r2/code")
    layout.previous.symlink_to("releases/r1/code")
    assert gone(layout, 1, instances) == ["r3"]
    assert _release_prune.excess(layout, 1, instances, swaps=True).releases == ["r1", "r3"]


def test_what_an_instance_was_made_of_stays(layout, instances):
    add(layout, "r1", 1, "v1")
    add(layout, "r2", 2, "v2")
    add(layout, "r3", 3, "v3")
    instance(instances, layout, "r1", "v2")
    assert gone(layout, 2, instances) == ["r2"]


def test_what_an_instance_was_made_of_stays_where_the_folder_is_a_link(tmp_path, instances):
    (tmp_path / "data").mkdir()
    (tmp_path / "srv").symlink_to("data")
    layout = Layout("shop", tmp_path / "srv")
    for day in (1, 2, 3):
        add(layout, f"r{day}", day)
    instance(instances, Layout("shop", tmp_path / "data"), "r1", "v1")
    assert gone(layout, 2, instances) == ["r2"]


def test_what_is_no_folder_is_left_alone(layout, instances):
    add(layout, "r1", 1)
    (layout.releases / "notes.txt").touch()
    (layout.releases / "newest").symlink_to("r1")
    assert gone(layout, 1, instances) == []


def test_releases_that_were_refused_take_no_room_of_those_that_are_needed_nor_more_than_there_is(
    layout, instances
):
    for day in (1, 2, 3, 4):
        add(layout, f"r{day}", day)
    layout.current.symlink_to("releases/r1/code")
    instance(instances, layout, "r2", "v1")
    assert gone(layout, 2, instances) == ["r3", "r4"]
    assert gone(layout, 3, instances) == ["r3"]
    assert gone(layout, 1, instances) == ["r3", "r4"]


def test_virtualenv_goes_with_its_last_release(layout, instances):
    add(layout, "r1", 1, "old")
    add(layout, "r2", 2, "both")
    add(layout, "r3", 3, "both")
    assert gone(layout, 1, instances) == ["r1", "r2", "old"]


def test_leftovers_of_killed_builds_go(layout, instances):
    add(layout, "r1", 1)
    (layout.releases / ".r9.tmp/code").mkdir(parents=True)
    (layout.releases / "r8").mkdir()
    layout.virtualenv("half").mkdir()
    assert gone(layout, 5, instances) == [".r9.tmp", "r8", "half"]


def test_live_release_with_an_unreadable_record_stays(layout, instances):
    add(layout, "r1", 1)
    (layout.release("r1") / "release.json").write_text("{")
    layout.current.symlink_to("releases/r1/code")
    instance(instances, layout, "r1", "v1")
    assert gone(layout, 1, instances) == []


def test_links_to_elsewhere_keep_nothing_and_break_nothing(layout, instances, tmp_path):
    for day in (1, 2):
        add(layout, f"r{day}", day)
    layout.current.symlink_to(tmp_path)
    layout.pointer.symlink_to("releases")
    assert gone(layout, 1, instances) == ["r1"]


def test_removed_paths_are_gone_and_missing_ones_no_error(layout, instances):
    for day in (1, 2):
        add(layout, f"r{day}", day)
    paths = _release_prune.excess(layout, 1, instances).paths(layout)
    _release_prune.remove([*paths, layout.release("never")])
    assert gone(layout, 1, instances) == []
    assert layout.release("r2").is_dir()


def test_only_the_newest_instances_may_be_counted(layout, instances):
    for day in (1, 2, 3):
        add(layout, f"r{day}", day)
        path = instances / f"shop/{9 - day}/instance.json"
        path.parent.mkdir(parents=True)
        record = {"directory": str(layout.code(f"r{day}")), "created": f"2026-01-0{day}"}
        path.write_text(json.dumps(record))
    assert gone(layout, 1, instances) == []
    excess = _release_prune.excess(layout, 1, instances, most_instances=2)
    assert excess.releases == ["r1"]
    layout.current.symlink_to("releases/r1/code")
    assert _release_prune.excess(layout, 1, instances, most_instances=2).releases == []
