"""What tells that a server which starts will never answer."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils._boot import Boot


def write(root: Path, path: str, text: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text(text)


def children(root: Path, pids: str) -> None:
    write(root, "proc/7/task/7/children", pids)


def test_a_process_that_is_gone_is_said_to_have_ended(tmp_path):
    assert Boot(7, tmp_path).trouble() == "the process ended"
    assert Boot(0, tmp_path).trouble() == "the process ended"


def test_workers_that_stay_are_no_trouble(tmp_path):
    children(tmp_path, "")
    boot = Boot(7, tmp_path)
    for pids in ("", "8 ", "8 9 ", "8 9 10 ", "8 9 10 "):
        children(tmp_path, pids)
        assert boot.trouble() == ""


def test_workers_that_end_one_after_the_other_are_trouble(tmp_path):
    children(tmp_path, "")
    boot = Boot(7, tmp_path)
    said = []
    for pid in ("8", "9", "10", "11"):
        children(tmp_path, pid)
        said.append(boot.trouble())
    assert said[:3] == ["", "", ""]
    assert said[3].startswith("its workers end while they boot, 3 so far; ")
    assert "sys.exit" in said[3]


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [
        (
            "0::/web.slice",
            {"web.slice/memory.events": "low 0\noom_kill 2\n", "web.slice/memory.max": "100663296\n"},
        ),
        (
            "4:memory:/web.slice\n1:cpu:/\n0::/web.slice",
            {
                "memory/web.slice/memory.oom_control": "under_oom 0\noom_kill 2\n",
                "memory/web.slice/memory.limit_in_bytes": "100663296\n",
            },
        ),
    ],
    ids=["version 2", "version 1"],
)
def test_processes_killed_for_memory_are_trouble_at_once(tmp_path, cgroup, files):
    children(tmp_path, "8")
    write(tmp_path, "proc/7/cgroup", f"{cgroup}\n")
    for path, text in files.items():
        write(tmp_path, f"sys/fs/cgroup/{path}", text)
    assert Boot(7, tmp_path).trouble() == (
        "it ran out of memory: the kernel killed 2 of its processes at its bound of 96M (service.memory_max)"
    )


@pytest.mark.parametrize("bound", ["max", "9223372036854771712"])
def test_without_a_bound_none_is_named(tmp_path, bound):
    children(tmp_path, "8")
    write(tmp_path, "proc/7/cgroup", "0::/a\n")
    write(tmp_path, "sys/fs/cgroup/a/memory.events", "oom_kill 1\n")
    write(tmp_path, "sys/fs/cgroup/a/memory.max", f"{bound}\n")
    assert Boot(7, tmp_path).trouble() == "it ran out of memory: the kernel killed 1 of its processes"
