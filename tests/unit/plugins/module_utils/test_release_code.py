"""Unpacking, compiling and linking a source tree, without root."""

from __future__ import annotations

import errno
import io
import os
import stat
import sys
import tarfile

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_code
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError


def member(name, text="x", mode=0o644, kind=tarfile.REGTYPE, target=""):
    made = tarfile.TarInfo(name)
    made.type, made.linkname, made.mode, made.mtime = kind, target, mode, 1000
    content = text.encode() if kind == tarfile.REGTYPE else b""
    made.size = len(content)
    return made, content


def link(name, target):
    return member(name, kind=tarfile.SYMTYPE, target=target)


@pytest.fixture
def unpack(tmp_path):
    def run(*members):
        archive = tmp_path / "a.tar.gz"
        with tarfile.open(archive, "w:gz") as tar:
            for made, content in members:
                tar.addfile(made, io.BytesIO(content))
        code = tmp_path / "code"
        _release_code.unpack(archive, code)
        return code

    return run


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_modes_are_normal_and_times_are_kept(unpack):
    code = unpack(member("a", mode=0o600), member("bin/b", mode=0o4777), link("c", "bin/b"))
    assert (mode(code / "a"), mode(code / "bin/b")) == (0o644, 0o755)
    assert (code / "a").stat().st_mtime == 1000
    assert os.readlink(code / "c") == "bin/b"


@pytest.mark.parametrize("name", ["../a", "/a", "b/../../a"])
def test_member_that_leaves_the_folder_is_refused(unpack, tmp_path, name):
    with pytest.raises(ReleaseError, match="leaves the folder"):
        unpack(member(name))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.LNKTYPE])
def test_other_kinds_of_members_are_refused(unpack, kind):
    with pytest.raises(ReleaseError, match="neither a file nor a link"):
        unpack(member("a"), member("b", kind=kind, target="a"))


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "b/../../outside"])
def test_link_that_leaves_the_folder_is_refused(unpack, target):
    with pytest.raises(ReleaseError, match="leaves the source"):
        unpack(member("b/x"), link("a", target))


def test_links_that_only_together_leave_the_folder_are_refused(unpack):
    with pytest.raises(ReleaseError, match="leaves the source"):
        unpack(member("b/x"), link("b/up", ".."), link("a", "b/up/../outside"))


def test_full_disk_is_reported_with_the_file(unpack, monkeypatch, tmp_path):
    def full(*_given):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_release_code.shutil, "copyfileobj", full)
    with pytest.raises(OSError, match=rf"No space left on device: '{tmp_path}/code/bin/b'"):
        unpack(member("bin/b"))


def test_nothing_is_written_through_a_link(unpack, tmp_path):
    (tmp_path / "outside").mkdir()
    with pytest.raises((ReleaseError, OSError)):
        unpack(link("a", str(tmp_path / "outside")), member("a/x"))
    assert list((tmp_path / "outside").iterdir()) == []


def test_bytecode_is_written_and_a_broken_file_is_no_matter(tmp_path):
    (tmp_path / "good.py").write_text("a = 1\n")
    (tmp_path / "bad.py").write_text("a = = 1\n")
    _release_code.compile_code(sys.executable, tmp_path)
    assert [path.name.split(".")[0] for path in (tmp_path / "__pycache__").iterdir()] == ["good"]
