"""What releases share: how it starts, how it is linked, and what is refused."""

from __future__ import annotations

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
