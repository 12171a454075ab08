"""A full disk, or one that cannot be written, costs a message and no visitor; then the next run converges."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import faults
import harness
import pytest
from turns import WIDE

# `make test` takes every second one.
CASES = (
    ("full disk", "release", "/srv/alpha"),
    ("read-only", "release", "/srv/alpha"),
    ("full disk", "swap", "/etc/systemd/system"),
    ("read-only", "swap", "/etc/systemd/system"),
    ("read-only", "swap", "/etc/webstack"),
    ("full disk", "swap", "/etc/webstack"),
    ("full disk", "front", "/etc/nginx"),
    ("read-only", "front", "/etc/nginx"),
)
# The folder itself, with all that is in it, on a file system of its own.
MOVE = """
mkdir -p /mnt/full /mnt/below
mount -t tmpfs -o size=200m,mode=$(stat -c %a {path}) tmpfs /mnt/full
cp -a {path}/. /mnt/full/
mount --bind /mnt/full {path}
used=$(df -k --output=used {path} | tail -n 1 | tr -d ' ')
mount -o remount,size=${{used}}k {path}
"""
MOVE_BACK = """
mount --bind / /mnt/below
find /mnt/below{path} -mindepth 1 -delete
cp -a {path}/. /mnt/below{path}/
umount -l {path} && umount -l /mnt/full && umount /mnt/below
systemctl daemon-reload
"""


@contextlib.contextmanager
def full(host: harness.Host, path: str) -> Iterator[None]:
    """Let there be no room below a path for the block; what changes in it stays."""
    host.sh(f"set -e; {MOVE.format(path=path)}")
    try:
        yield
    finally:
        host.sh(f"mount -o remount,size=200m {path}")


@contextlib.contextmanager
def read_only(host: harness.Host, path: str) -> Iterator[None]:
    """Let nothing below a path be changed for the block."""
    host.sh(f"mount --bind {path} {path} && mount -o remount,ro,bind {path}")
    try:
        yield
    finally:
        host.sh(f"umount -l {path}")


FAULTS = {
    "full disk": (full, "No space left on device"),
    "read-only": (read_only, "Read-only file system"),
}


@pytest.mark.parametrize(("fault", "name", "path"), CASES if WIDE else CASES[::2])
def test_disk_that_takes_nothing_is_named_and_costs_no_request(fault, name, path, site, operations, rows):
    host, operation = site.host, operations.get(name)
    reference = operations.traced(name).reference
    variables = operation.change()
    spoil, cause = FAULTS[fault]
    site.start_asking(operation.asked)
    with spoil(host, path):
        message = site.run(operation.playbook, variables).refused().message
    # What a fault leaves is mended on the very file system that it was left on.
    wrong = site.converge(operation, variables, reference)
    if fault == "full disk":
        host.sh(f"set -e; {MOVE_BACK.format(path=path)}")
    wrong += [f"no word of {word}: {message}" for word in (path, cause) if word not in message]
    asked, bad = site.answers()
    site.stop_asking()
    row = faults.row(site, operation, fault, path, asked, bad, wrong)
    rows.add(row)
    assert row.good, row
    assert site.again() == []
