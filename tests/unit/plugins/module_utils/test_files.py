"""Locks: who holds one, and where its file lies."""

from __future__ import annotations

import os
import stat

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _files


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_lock_lies_where_nobody_but_root_can_reach_it(tmp_path, umask):
    path = _files.lock_path("nginx", tmp_path)
    previous = os.umask(umask)
    try:
        with _files.lock(path):
            pass
    finally:
        os.umask(previous)
    assert path == tmp_path / "run/webstack/.lock/nginx.lock"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.parent.parent.stat().st_mode) == 0o755


def test_a_lock_that_is_held_is_refused_and_free_again_afterwards(tmp_path):
    path = _files.lock_path("nginx", tmp_path)
    with (
        _files.lock(path),
        pytest.raises(_files.Locked, match=r"another run holds .*nginx\.lock"),
        _files.lock(path),
    ):
        pass
    with _files.lock(path):
        pass


def test_a_file_that_its_holder_deletes_is_not_locked(tmp_path, monkeypatch):
    path = _files.lock_path("nginx", tmp_path)
    real = _files.fcntl.flock
    deleted = []

    def delete_first(handle: object, operation: int) -> None:
        if not deleted:
            deleted.append(path.unlink())
        real(handle, operation)

    monkeypatch.setattr(_files.fcntl, "flock", delete_first)
    with _files.lock(path), pytest.raises(_files.Locked), _files.lock(path):
        pass
    assert path.exists()
