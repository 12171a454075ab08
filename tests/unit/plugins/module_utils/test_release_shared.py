"""What releases share: how it starts, how it is linked, and what is refused."""

from __future__ import annotations

import grp
import os
import stat

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_shared
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError


@pytest.fixture
def shared(tmp_path, monkeypatch):
    """The directory of shared entries; there is no user of the app to give them to."""
    monkeypatch.setattr(_release_shared, "give", lambda _path, _app: None)
    path = tmp_path / "shared"
    path.mkdir()
    return path


@pytest.fixture
def code(tmp_path):
    path = tmp_path / "releases/a/code"
    path.mkdir(parents=True)
    return path


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_starts_with_what_the_release_ships(code, shared):
    (code / "uploads/old").mkdir(parents=True)
    (code / "uploads/old/a.txt").write_text("a")
    _release_shared.make(["uploads", "instance/data"], shared, code, "shop")
    _release_shared.link(["uploads", "instance/data"], shared, code)
    assert (code / "uploads/old/a.txt").read_text() == "a"
    assert (code / "uploads").resolve() == shared / "uploads"
    assert os.readlink(code / "instance/data") == "../../../../shared/instance/data"
    assert mode(shared / "uploads") == 0o750
    assert sorted(path.name for path in shared.iterdir()) == ["instance", "uploads"]


def test_a_file_starts_with_what_the_release_ships(code, shared):
    (code / "etc").mkdir()
    (code / "etc/counter.txt").write_text("1")
    _release_shared.make(["etc/counter.txt"], shared, code, "shop")
    _release_shared.link(["etc/counter.txt"], shared, code)
    assert (code / "etc/counter.txt").resolve() == shared / "etc/counter.txt"
    assert (code / "etc/counter.txt").read_text() == "1"
    assert mode(shared / "etc/counter.txt") == 0o640


@pytest.mark.parametrize("shipped", [{"kept": "file"}, {}], ids=["shipped again", "no longer shipped"])
def test_a_second_release_does_not_touch_a_file(code, shared, shipped):
    (shared / "kept").write_text("kept")
    if shipped:
        (code / "kept").write_text("shipped")
    assert _release_shared.missing(["kept"], shared, shipped) == []
    _release_shared.link(["kept"], shared, code)
    assert (code / "kept").read_text() == "kept"


def test_a_second_release_does_not_touch_a_folder(code, shared):
    (shared / "uploads").mkdir()
    (shared / "uploads/kept").write_text("kept")
    (code / "uploads").mkdir()
    (code / "uploads/kept").write_text("shipped")
    assert _release_shared.missing(["uploads"], shared, {"uploads": "folder"}) == []
    _release_shared.link(["uploads"], shared, code)
    assert (code / "uploads/kept").read_text() == "kept"


def test_a_folder_in_the_place_of_a_file_is_refused(shared):
    (shared / "a").write_text("")
    with pytest.raises(ReleaseError) as caught:
        _release_shared.missing(["a"], shared, {"a": "folder"})
    assert str(caught.value) == (
        f"shared: 'a' is a folder in this release, but {shared}/a is a file; "
        "rename the folder, or move the file away"
    )


def test_a_link_that_leads_nowhere_is_left_and_told(shared):
    (shared / "uploads").symlink_to("/mnt/none")
    with pytest.raises(ReleaseError) as caught:
        _release_shared.missing(["uploads"], shared, {})
    assert str(caught.value) == (
        "shared: 'uploads' leads to /mnt/none, which is not there; bring it back (is a file system not "
        f"mounted?), or remove the link {shared}/uploads"
    )


def test_a_file_in_the_place_of_a_folder_is_refused(shared):
    (shared / "a").mkdir()
    with pytest.raises(ReleaseError, match="; rename the file, or move the folder away"):
        _release_shared.missing(["a"], shared, {"a": "file"})


@pytest.mark.parametrize("entries", [["../x"], ["/etc"], [""], ["a", "a/b"]])
def test_unsafe_names_are_refused(shared, entries):
    with pytest.raises(ReleaseError):
        _release_shared.missing(entries, shared, {})


def test_what_was_made_for_a_release_that_failed_goes_again(code, shared):
    (code / "a").write_text("")
    _release_shared.make(["a", "b"], shared, code, "shop")
    _release_shared.discard(["a", "b", "c"], shared)
    assert list(shared.iterdir()) == []


@pytest.mark.parametrize("harm", ["folder", "link", "gone"])
def test_a_link_that_was_replaced_is_refused(code, shared, harm):
    _release_shared.make(["uploads"], shared, code, "shop")
    _release_shared.link(["uploads"], shared, code)
    _release_shared.refuse_replaced(["uploads"], shared, code)
    (code / "uploads").unlink()
    if harm == "folder":
        (code / "uploads").mkdir()
    elif harm == "link":
        (code / "uploads").symlink_to("elsewhere")
    with pytest.raises(ReleaseError, match="something else in the place of the shared 'uploads'"):
        _release_shared.refuse_replaced(["uploads"], shared, code)


@pytest.fixture
def shown(shared, monkeypatch):
    """What Nginx's group was given, by its path below the shared entries."""
    found = set()

    def give(path, _uid, gid, *, dir_fd=None, follow_symlinks=True):
        assert gid == grp.getgrnam("www-data").gr_gid
        assert dir_fd is None or not follow_symlinks
        found.add(os.path.join(os.readlink(f"/proc/self/fd/{dir_fd}") if dir_fd else "", path))

    monkeypatch.setattr(os, "chown", give)
    monkeypatch.setattr(
        os, "fchown", lambda descriptor, *owner: give(os.readlink(f"/proc/self/fd/{descriptor}"), *owner)
    )
    return lambda: {os.path.relpath(path, shared) for path in found}


@pytest.fixture
def kept(shared):
    """Shared entries with something in them."""
    for folder in ("media/public/new", "data"):
        (shared / folder).mkdir(parents=True)
    for name in ("media/public/a.png", "media/private", "data/secret"):
        (shared / name).write_text("a")
    return ["media", "data"]


def test_nginx_reads_what_it_serves_of_a_shared_folder_and_nothing_else(kept, shared, shown):
    _release_shared.show(kept, ["static", "media/public"], shared)
    assert shown() == {"media", "media/public", "media/public/new", "media/public/a.png"}
    assert mode(shared / "media/public/new") & stat.S_ISGID
    assert not mode(shared / "media") & stat.S_ISGID


@pytest.mark.parametrize("served", ["data", "."])
def test_nginx_reads_a_shared_folder_that_is_served_or_lies_in_what_is_served(kept, shared, shown, served):
    _release_shared.show(kept, [served], shared)
    assert {"data", "data/secret"} <= shown()
    assert ("media/private" in shown()) is (served == ".")


def test_nginx_is_led_nowhere_by_a_link(kept, shared, shown, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").write_text("a")
    (shared / "data/link").symlink_to(tmp_path / "elsewhere")
    _release_shared.show(kept, ["data"], shared)
    assert not any("elsewhere" in path for path in shown())


def test_nginx_reads_a_shared_file_that_is_served(kept, shared, shown):
    (shared / "robots.txt").write_text("a")
    _release_shared.show([*kept, "robots.txt"], ["."], shared)
    assert "robots.txt" in shown()
