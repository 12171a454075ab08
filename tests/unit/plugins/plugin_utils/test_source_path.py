"""What of a controller's folder becomes a source tree."""

from __future__ import annotations

import os
import socket
import subprocess
import tarfile

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _source_git, _source_path
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "shop"
    put(path, "shop/__init__.py", "app = 1\n")
    return path


def put(folder, name, text=""):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def names(folder):
    return [entry.path for entry in _source_path.collect(folder).entries]


def commit(folder):
    for command in (
        ("init", "-q"),
        ("add", "-A"),
        ("-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "-qm", "a"),
    ):
        subprocess.run(["git", "-C", str(folder), *command], check=True)


def test_all_files_travel_in_order(folder):
    put(folder, "b.txt")
    put(folder, "a/deep/c.txt")
    assert names(folder) == ["a/deep/c.txt", "b.txt", "shop/__init__.py"]


def test_files_and_folders_are_told_apart(folder):
    put(folder, "var/uploads/a.txt")
    (folder / "link").symlink_to("shop")
    tree = _source_path.collect(folder)
    paths = ["var", "var/uploads", "var/uploads/a.txt", "link", "nothing"]
    assert tree.kinds(paths) == {"var": "folder", "var/uploads": "folder", "var/uploads/a.txt": "file"}


@pytest.mark.parametrize(
    "name",
    [
        ".env",
        "shop/.env",
        ".venv/bin/python",
        ".git/config",
        "shop/__pycache__/x.cpython-311.pyc",
        "shop/old.pyc",
    ],
)
def test_what_never_travels(folder, name):
    put(folder, name)
    assert names(folder) == ["shop/__init__.py"]


def test_names_that_only_begin_alike_travel(folder):
    put(folder, ".env.example")
    put(folder, ".github/workflow.yml")
    assert names(folder) == [".env.example", ".github/workflow.yml", "shop/__init__.py"]


def test_gitignore_is_honoured_outside_a_work_tree(folder):
    put(folder, ".gitignore", "*.log\n/build/\n!keep.log\n")
    put(folder, "shop/.gitignore", "secret.txt\n")
    for name in ("a.log", "keep.log", "build/x", "shop/build/x", "shop/secret.txt", "secret.txt"):
        put(folder, name)
    assert names(folder) == [
        ".gitignore",
        "keep.log",
        "secret.txt",
        "shop/.gitignore",
        "shop/__init__.py",
        "shop/build/x",
    ]


def test_gitignore_is_honoured_in_a_work_tree(folder):
    put(folder, ".gitignore", "*.log\n")
    put(folder, "tracked.txt")
    commit(folder)
    put(folder, "new.txt")
    put(folder, "new.log")
    assert names(folder) == [".gitignore", "new.txt", "shop/__init__.py", "tracked.txt"]


def test_subfolder_of_a_work_tree_is_seen_from_its_own_top(folder):
    put(folder, ".gitignore", "/apps/one/data/\n")
    put(folder, "apps/one/app.py")
    put(folder, "apps/one/data/x")
    commit(folder)
    assert names(folder / "apps/one") == ["app.py"]


def test_file_deleted_from_the_work_tree_stays_behind(folder):
    path = put(folder, "gone.txt")
    commit(folder)
    path.unlink()
    assert names(folder) == ["shop/__init__.py"]


def test_file_with_odd_name_travels(folder):
    put(folder, 'a "b"\n\tc ü.txt')
    commit(folder)
    assert names(folder) == ['a "b"\n\tc ü.txt', "shop/__init__.py"]


def test_gitignore_without_git_is_refused(folder, monkeypatch):
    put(folder, ".gitignore", "*.log\n")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SourceError, match="no git to honour it; install git"):
        names(folder)


def test_folder_without_gitignore_needs_no_git(folder, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    assert names(folder) == ["shop/__init__.py"]


def test_temporary_repository_is_removed(folder, tmp_path, monkeypatch):
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    put(folder, ".gitignore", "*.log\n")
    names(folder)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "shop/../../outside"])
def test_link_that_leaves_the_folder_is_refused(folder, target):
    (folder / "link").symlink_to(target)
    with pytest.raises(SourceError, match=f"link -> {target}.* leaves the source"):
        names(folder)


def test_link_inside_the_folder_travels_as_a_link(folder):
    (folder / "shop/link").symlink_to("../shop")
    entry = _source_path.collect(folder).entries[-1]
    assert (entry.path, entry.target, entry.content) == ("shop/link", "../shop", "")


def test_ignored_link_that_leaves_the_folder_is_no_matter(folder):
    put(folder, ".gitignore", "link\n")
    (folder / "link").symlink_to("/etc/passwd")
    assert names(folder) == [".gitignore", "shop/__init__.py"]


def test_fifo_is_refused(folder):
    os.mkfifo(folder / "pipe")
    with pytest.raises(SourceError, match="pipe is neither a file"):
        names(folder)


def test_socket_is_refused(folder, monkeypatch):
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind("s.sock")
        with pytest.raises(SourceError, match=r"s\.sock is neither a file"):
            names(folder)


def test_repository_inside_is_refused(folder):
    put(folder, "vendor/other/x.py")
    commit(folder / "vendor/other")
    commit(folder)
    with pytest.raises(SourceError, match=r"vendor/other.* is a Git repository of its own"):
        names(folder)


def test_empty_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="nothing to deploy"):
        names(tmp_path)


def test_folder_that_is_ignored_as_a_whole_is_refused(folder):
    put(folder, ".gitignore", "/build/\n")
    put(folder, "build/app.py")
    commit(folder)
    with pytest.raises(SourceError, match="nothing to deploy"):
        names(folder / "build")


def test_missing_folder_is_refused(tmp_path):
    with pytest.raises(SourceError, match="is not a folder of the controller"):
        names(tmp_path / "none")


def test_work_tree_that_git_refuses_is_an_error(folder, monkeypatch):
    commit(folder)
    monkeypatch.setattr(
        _source_path,
        "git",
        lambda *_arguments: (_ for _ in ()).throw(_source_git.GitError("detected dubious ownership")),
    )
    with pytest.raises(SourceError, match="dubious ownership"):
        names(folder)


def digest(folder):
    return _source_path.collect(folder).digest


def test_digest_does_not_depend_on_time_or_place(folder, tmp_path):
    before = digest(folder)
    os.utime(folder / "shop/__init__.py", (1, 1))
    folder.rename(tmp_path / "moved")
    assert digest(tmp_path / "moved") == before


@pytest.mark.parametrize("change", ["content", "name", "executable", "link"])
def test_digest_tells_each_change(folder, change):
    path = put(folder, "run.sh", "echo\n")
    before = digest(folder)
    if change == "content":
        path.write_text("true\n")
    elif change == "name":
        path.rename(folder / "run")
    elif change == "executable":
        path.chmod(0o755)
    else:
        path.unlink()
        path.symlink_to("shop")
    assert digest(folder) != before


def test_archive_holds_the_tree(folder, tmp_path):
    path = put(folder, "run.sh", "echo\n")
    path.chmod(0o700)
    os.utime(path, (1000, 1000))
    (folder / "link").symlink_to("run.sh")
    archive = tmp_path / "a.tar.gz"
    with archive.open("wb") as handle:
        _source_path.collect(folder).pack(handle)
    with tarfile.open(archive) as tar:
        assert tar.getnames() == ["link", "run.sh", "shop/__init__.py"]
        assert tar.getmember("link").linkname == "run.sh"
        member = tar.getmember("run.sh")
        assert (member.mode, member.mtime, member.size) == (0o755, 1000, 5)


def test_file_that_changes_while_it_is_packed_is_refused(folder, tmp_path):
    tree = _source_path.collect(folder)
    put(folder, "shop/__init__.py", "app = 2\n")
    with (tmp_path / "a").open("wb") as handle, pytest.raises(SourceError, match="changed while it was read"):
        tree.pack(handle)
