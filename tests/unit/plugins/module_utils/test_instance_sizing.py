"""How many workers suit a machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils._instance_sizing import (
    MIB,
    Machine,
    keepalive_seconds,
    parse_size,
    read_machine,
    size_workers,
)

GIB = 1024 * MIB


@pytest.mark.parametrize(
    ("wanted", "worker_class", "machine", "memory_max", "count", "reason"),
    [
        ("auto", "sync", Machine(2, 8 * GIB), "", 5, "sync: 2 x 2 cpus + 1"),
        ("auto", "gevent", Machine(2, 8 * GIB), "", 3, "gevent: 2 cpus + 1"),
        ("auto", "asgi", Machine(1, 8 * GIB), "", 2, "asgi: 1 cpu + 1"),
        ("auto", "gthread", Machine(2, 8 * GIB), "", 3, "gthread: 2 cpus + 1"),
        ("auto", "gthread", Machine(1, 8 * GIB), "", 2, "gthread: 1 cpu + 1"),
        ("auto", "sync", Machine(8, 1 * GIB), "", 5, "half of the host's memory holds 5 of 100 MiB"),
        ("auto", "gthread", Machine(2, 64 * MIB), "", 1, "half of the host's memory holds 1 of 100 MiB"),
        ("auto", "gthread", Machine(8, 64 * GIB), "512M", 5, "memory_max 512M holds 5 of 100 MiB"),
        ("auto", "gthread", Machine(2, 8 * GIB), "50%", 3, "gthread: 2 cpus + 1"),
        ("7", "gthread", Machine(1, 64 * MIB), "", 7, "as configured"),
    ],
)
def test_workers_suit_the_machine_and_say_why(
    wanted: str, worker_class: str, machine: Machine, memory_max: str, count: int, reason: str
) -> None:
    workers = size_workers(wanted, worker_class, machine, memory_max)
    assert (workers.count, workers.reason) == (count, reason)


@pytest.mark.parametrize("wanted", ["0", "-1", "many"])
def test_a_number_of_workers_that_is_none_is_refused(wanted: str) -> None:
    with pytest.raises(ValueError, match=wanted):
        size_workers(wanted, "gthread", Machine(2, GIB))


@pytest.mark.parametrize(
    ("text", "size"), [("512M", 512 * MIB), ("1G", GIB), ("2048", 2048), ("", 0), ("infinity", 0)]
)
def test_a_size_is_read_as_systemd_reads_it(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("worker_class", "version", "seconds"),
    [
        ("gthread", (27, 0, 1), 75),
        ("gevent", (28,), 75),
        ("asgi", (27, 0, 1), 75),
        ("asgi", (27, 0), 0),
        ("gthread", (27, 0), 0),
        ("sync", (27, 0, 1), 0),
    ],
)
def test_connections_are_kept_only_where_that_costs_no_request(
    worker_class: str, version: tuple[int, ...], seconds: int
) -> None:
    assert keepalive_seconds(worker_class, version) == seconds


def host(root: Path, cgroup: str, **limits: str) -> Path:
    """Make the few files that tell what a process may use."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/meminfo").write_text("MemTotal:        8388608 kB\nMemFree: 1 kB\n")
    (root / "proc/self/cgroup").write_text(cgroup)
    for name, text in limits.items():
        path = root / "sys/fs/cgroup" / name.replace("__", "/").replace("_DOT_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture(autouse=True)
def _four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})


def test_a_machine_without_limits_is_used_whole(tmp_path: Path) -> None:
    root = host(tmp_path, "0::/user.slice\n", user_DOT_slice__memory_DOT_max="max\n")
    assert read_machine(root) == Machine(4, 8 * GIB)


def test_the_limits_of_every_group_above_count(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        "0::/outer/inner\n",
        outer__cpu_DOT_max="250000 100000\n",
        outer__inner__cpu_DOT_max="max 100000\n",
        outer__memory_DOT_max=f"{GIB}\n",
    )
    assert read_machine(root) == Machine(2, GIB)


def test_the_first_version_of_control_groups_counts_too(tmp_path: Path) -> None:
    root = host(
        tmp_path,
        "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x\n1:name=systemd:/\n",
        cpu__cpu_DOT_cfs_quota_us="50000\n",
        cpu__cpu_DOT_cfs_period_us="100000\n",
        memory__memory_DOT_limit_in_bytes=f"{2 * GIB}\n",
    )
    assert read_machine(root) == Machine(1, 2 * GIB)
