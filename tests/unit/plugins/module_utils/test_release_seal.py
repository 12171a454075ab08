"""A tree that the app could write in, on its way to being root's."""

from __future__ import annotations

import os
import socket
import stat

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_seal
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError


@pytest.fixture
def owners(monkeypatch):
    """Who owns what, as root would have it; whoever runs the tests need not be root."""
    owners = {}

    def chown(name, uid, gid, *, dir_fd, follow_symlinks):
        assert not follow_symlinks
        assert dir_fd
        owners[name] = (uid, gid)

    def fchown(descriptor, uid, gid):
        owners[os.path.basename(os.readlink(f"/proc/self/fd/{descriptor}"))] = (uid, gid)

    monkeypatch.setattr(os, "chown", chown)
    monkeypatch.setattr(os, "fchown", fchown)
    return owners


@pytest.fixture
def code(tmp_path, owners):
    assert owners == {}
    path = tmp_path / "code"
    path.mkdir()
    return path


def seal(code, *allowed, uid=None):
    _release_seal.seal(code, os.getuid() if uid is None else uid, allowed)


def mode(path):
    return stat.S_IMODE(path.lstat().st_mode)


def test_all_is_roots_and_has_normal_modes(code, owners):
    (code / "static").mkdir(mode=0o2777)
    for name, bits in {"a": 0o666, "b": 0o6777, "static/c": 0o400}.items():
        (code / name).write_text("")
        (code / name).chmod(bits)
    (code / "link").symlink_to("static/c")
    seal(code)
    assert [mode(code / name) for name in ("a", "b", "static", "static/c")] == [0o644, 0o755, 0o755, 0o644]
    assert set(owners) == {"code", "a", "b", "static", "c", "link"}
    assert set(owners.values()) == {(0, 0)}


def test_sockets_and_pipes_do_not_stay(code):
    os.mkfifo(code / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(code / "s"))
    seal(code)
    assert list(code.iterdir()) == []


def test_links_may_lead_to_the_virtualenv_and_to_what_is_shared(code, tmp_path):
    (tmp_path / "venv/admin").mkdir(parents=True)
    (code / "admin").symlink_to(tmp_path / "venv/admin")
    (code / "dangling").symlink_to("not/there")
    seal(code, tmp_path / "venv")
    assert os.readlink(code / "admin") == str(tmp_path / "venv/admin")


@pytest.mark.parametrize("target", ["/etc/passwd", "../../outside", "up/../outside"])
def test_a_link_that_leaves_the_release_is_refused(code, target):
    (code / "up").symlink_to(".")
    (code / "link").symlink_to(target)
    with pytest.raises(ReleaseError, match=f"build left the link link -> {target}, which leaves the release"):
        seal(code)


def test_bytecode_is_not_written_through_a_link(code, tmp_path):
    (tmp_path / "venv").mkdir()
    (code / "__pycache__").symlink_to(tmp_path / "venv")
    seal(code, tmp_path / "venv")
    assert not (code / "__pycache__").is_symlink()


def test_another_name_of_a_file_of_someone_else_is_refused(code, tmp_path):
    (tmp_path / "theirs").write_text("")
    os.link(tmp_path / "theirs", code / "mine")
    with pytest.raises(ReleaseError, match="another name of a file that is not the app's"):
        seal(code, uid=os.getuid() + 1)


def test_a_file_of_the_app_may_have_two_names(code, owners, monkeypatch):
    (code / "a").write_text("")
    os.link(code / "a", code / "b")
    true_stat, uid = os.stat, os.getuid()
    seen = []

    def after_the_first(name, **options):
        status = true_stat(name, **options)
        seen.append(name)
        return os.stat_result((*status[:4], uid + 1, *status[5:])) if seen != ["a"] else status

    monkeypatch.setattr(os, "stat", after_the_first)
    seal(code)
    assert owners["b"] == (0, 0)
