"""Files that are written whole; locks: who holds one, and where its file lies."""

from __future__ import annotations

import errno
import json
import os
import stat

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _files


def write(path, text):
    _files.write_text(path, text, uid=os.getuid(), gid=os.getgid())


@pytest.mark.parametrize("put", [write, _files.replace_link])
def test_what_a_killed_run_left_is_gone_when_the_file_is_written_again(tmp_path, put):
    path = tmp_path / "file"
    (tmp_path / ".file.new").write_text("half of the")
    put(path, "new")
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_is_reported_with_the_file_and_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write(path, "old")

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_files.os, "fsync", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{path}'"):
        write(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_word_of_a_library_is_left_as_it_is(tmp_path):
    with pytest.raises(OSError, match=r"^not a gzipped file$"), _files.naming(tmp_path):
        raise OSError("not a gzipped file")


def test_file_has_the_wanted_mode_whatever_the_umask(tmp_path):
    path = tmp_path / "file"
    previous = os.umask(0o077)
    try:
        _files.write_text(path, "text", 0o644, os.getuid(), os.getgid())
    finally:
        os.umask(previous)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


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
        pytest.raises(_files.Locked, match=r"another run \(pid \d+, since .*\) holds .*nginx\.lock"),
        _files.lock(path),
    ):
        pass
    with _files.lock(path):
        pass


def test_who_finds_a_lock_held_is_told_by_whom(tmp_path):
    path = _files.lock_path("app-shop", tmp_path)
    told = rf"another run of ann@ws \(pid {os.getpid()}, since 20\S+\+00:00\) holds .*app-shop\.lock; wait"
    with (
        _files.lock(path, "ann@ws"),
        pytest.raises(_files.Locked, match=told),
        _files.lock(path, "bob@ws"),
    ):
        pass
    with _files.lock(path, "bob@ws"):
        assert json.loads(path.read_text())["by"] == "bob@ws"
    assert path.read_text() == ""


def test_a_holder_that_has_not_written_its_name_yet_is_not_named(tmp_path):
    path = _files.lock_path("nginx", tmp_path)
    with _files.lock(path):
        path.write_text("")
        with pytest.raises(_files.Locked, match=r"^another run holds "), _files.lock(path):
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


def test_two_links_change_places(tmp_path):
    for name in ("one", "other"):
        (tmp_path / name).symlink_to(f"to-{name}")
    assert _files.exchange(tmp_path / "one", tmp_path / "other")
    assert [os.readlink(tmp_path / name) for name in ("one", "other")] == ["to-other", "to-one"]


def test_names_that_cannot_change_places_are_told(tmp_path, monkeypatch):
    (tmp_path / "one").symlink_to("x")
    with pytest.raises(FileNotFoundError, match=str(tmp_path / "one")):
        _files.exchange(tmp_path / "one", tmp_path / "missing")
    # A flag that no file system knows is refused as one is that this file system does not know.
    monkeypatch.setattr(_files, "RENAME_EXCHANGE", 1 << 20)
    assert not _files.exchange(tmp_path / "one", tmp_path / "missing")
