"""Branches, tags and commits of a repository as source trees, without any network."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _source_git
from ansible_collections.webstack.python.plugins.plugin_utils._git import Repository
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError


class Origin:
    """A repository that others fetch from."""

    def __init__(self, path):
        self.path = path
        path.mkdir()
        self.git("init", "-q", "-b", "main")

    def git(self, *arguments):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        command = ["git", "-C", str(self.path), *author, "-c", "protocol.file.allow=always", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def commit(self, **files):
        for name, text in files.items():
            (self.path / name).write_text(text)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change")
        return self.git("rev-parse", "HEAD")


@pytest.fixture(autouse=True)
def runs(tmp_path, monkeypatch):
    """The folders of two runs, at hand by their names."""
    monkeypatch.chdir(tmp_path)
    for name in ("1", "2"):
        (tmp_path / name).mkdir()


@pytest.fixture
def origin(tmp_path):
    made = Origin(tmp_path / "origin")
    made.commit(app="one")
    return made


@pytest.fixture
def repository(origin, tmp_path):
    return Repository(str(origin.path), tmp_path / "cache")


def app(repository, ref="HEAD", run="1"):
    return _source_git.collect(repository, ref, Path(run)).read("app")


def test_default_is_the_default_branch(origin, repository):
    tree = _source_git.collect(repository, "HEAD", Path("1"))
    assert tree.revision == origin.git("rev-parse", "main")
    assert [entry.path for entry in tree.entries] == ["app"]
    assert tree.read("app") == b"one"


def test_branch_tag_and_commits(origin, repository):
    first = origin.git("rev-parse", "HEAD")
    origin.git("tag", "-a", "v1", "-m", "v1")
    origin.git("checkout", "-q", "-b", "feature/x")
    origin.commit(app="two")
    origin.git("checkout", "-q", "main")
    origin.commit(app="three")
    assert app(repository, "feature/x") == b"two"
    assert app(repository, "v1") == b"one"
    assert app(repository, "main") == b"three"
    assert app(repository, first) == b"one"
    assert app(repository, first[:10]) == b"one"
    assert app(repository, "refs/heads/feature/x") == b"two"


def test_tag_wins_over_a_branch_of_the_same_name(origin, repository):
    origin.git("tag", "same")
    origin.git("branch", "same")
    origin.git("checkout", "-q", "refs/heads/same", "-B", "same")
    origin.commit(app="branch")
    assert app(repository, "same") == b"one"


def test_next_run_sees_what_was_pushed_and_forced(origin, repository):
    app(repository, "main", run="1")
    origin.git("commit", "-q", "--amend", "-m", "other")
    origin.commit(app="two")
    assert app(repository, "main", run="2") == b"two"


def test_branch_that_became_a_folder_of_branches_is_fetched(origin, repository):
    origin.git("branch", "a")
    app(repository, "a", run="1")
    origin.git("branch", "-D", "a")
    origin.git("branch", "a/b")
    assert app(repository, "a/b", run="2") == b"one"


def test_one_run_gives_every_host_the_same_commit(origin, repository):
    app(repository, "main", run="1")
    origin.commit(app="two")
    assert app(repository, "main", run="2") == b"two"
    assert app(repository, "main", run="1") == b"one"


def test_commit_in_the_cache_needs_no_repository(origin, repository, tmp_path):
    commit = origin.git("rev-parse", "HEAD")
    app(repository, "main")
    origin.path.rename(tmp_path / "away")
    assert app(repository, commit, run="2") == b"one"
    with pytest.raises(SourceError):
        app(repository, "main", run="2")


def test_missing_ref_is_named(repository):
    with pytest.raises(SourceError, match=r"has no branch, tag or commit 'v9'; check source\.ref"):
        app(repository, "v9")


def test_missing_repository_shows_gits_words(tmp_path):
    repository = Repository(str(tmp_path / "none"), tmp_path / "cache")
    with pytest.raises(SourceError, match=r"reading 'HEAD' from .*/none failed:\n(.|\n)*not appear"):
        app(repository)


@pytest.mark.parametrize("ref", ["--upload-pack=touch /tmp/x", "-h"])
def test_option_as_ref_is_refused(repository, ref):
    with pytest.raises(SourceError, match="may not begin with '-'"):
        app(repository, ref)


def test_transport_that_runs_commands_is_refused_even_where_git_is_told_to_allow_it(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", "protocol.ext.allow")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "always")
    repository = Repository(f"ext::touch {tmp_path}/made", tmp_path / "cache")
    with pytest.raises(SourceError, match="transport 'ext' not allowed"):
        app(repository)
    assert not (tmp_path / "made").exists()


def test_modes_and_links_are_kept(origin, repository):
    (origin.path / "run").write_text("x")
    (origin.path / "run").chmod(0o755)
    (origin.path / "link").symlink_to("run")
    origin.commit()
    tree = _source_git.collect(repository, "main", Path("1"))
    found = {entry.path: (entry.executable, entry.target) for entry in tree.entries}
    assert found == {"app": (False, ""), "run": (True, ""), "link": (False, "run")}


def test_link_that_leaves_the_repository_is_refused(origin, repository):
    (origin.path / "link").symlink_to("../../etc/passwd")
    origin.commit()
    with pytest.raises(SourceError, match="leaves the source"):
        app(repository)


def test_what_never_travels_stays_behind(origin, repository):
    (origin.path / ".env").write_text("SECRET=1")
    origin.commit()
    assert [entry.path for entry in _source_git.collect(repository, "main", Path("1")).entries] == ["app"]


def test_subfolder_is_all_that_is_read(origin, repository):
    (origin.path / "backend").mkdir()
    (origin.path / "backends").touch()
    (origin.path / "backend/big").write_text("x")
    first = origin.commit(big="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    tree = _source_git.collect(repository, "main", Path("1"), "backend/")
    assert (list(tree.files), tree.read("big")) == (["big"], b"x")
    assert (tree.origin, tree.revision) == (f"{origin.path}#subdirectory=backend", first)
    with pytest.raises(SourceError, match=r"has no files in the folder 'bakend'; check source\.subfolder"):
        _source_git.collect(repository, "main", Path("1"), "bakend")


@pytest.fixture
def other(tmp_path):
    """A second repository."""
    made = Origin(tmp_path / "other")
    made.commit(x="x")
    return made


def add_submodule(origin, url, path="vendor/other"):
    origin.git("submodule", "--quiet", "add", url, path)
    return origin.commit()


def test_submodule_is_refused_without_the_key_that_allows_it(origin, repository, other):
    add_submodule(origin, str(other.path))
    with pytest.raises(SourceError, match=r"submodule at vendor/other; set source\.submodules to true"):
        app(repository)


def test_submodules_bring_their_files_at_the_commit_that_is_named(origin, repository, other, tmp_path):
    inner = Origin(tmp_path / "inner")
    inner.commit(deep="deep")
    add_submodule(other, "../inner", "deeper")
    commit = add_submodule(origin, str(other.path))
    other.commit(x="later")
    tree = _source_git.collect(repository, "main", Path("1"), submodules=True)
    assert sorted(tree.files) == [
        ".gitmodules",
        "app",
        "vendor/other/.gitmodules",
        "vendor/other/deeper/deep",
        "vendor/other/x",
    ]
    assert (tree.read("vendor/other/x"), tree.read("vendor/other/deeper/deep")) == (b"x", b"deep")
    assert tree.revision == commit
    below = _source_git.collect(repository, "main", Path("1"), "vendor", submodules=True)
    assert below.read("other/x") == b"x"


def test_submodule_beside_the_subfolder_is_not_even_asked_for(origin, repository, other, tmp_path):
    add_submodule(origin, str(other.path))
    (origin.path / "backend").mkdir()
    (origin.path / "backend/app").touch()
    origin.commit()
    other.path.rename(tmp_path / "away")
    assert list(_source_git.collect(repository, "main", Path("1"), "backend").files) == ["app"]


def test_repository_may_be_its_own_submodule(origin, repository):
    add_submodule(origin, str(origin.path), "old")
    tree = _source_git.collect(repository, "main", Path("1"), submodules=True)
    assert sorted(tree.files) == [".gitmodules", "app", "old/app"]


def test_missing_submodule_is_named_with_its_way(origin, repository, other, tmp_path):
    add_submodule(origin, str(other.path))
    other.path.rename(tmp_path / "away")
    with pytest.raises(SourceError) as caught:
        _source_git.collect(repository, "main", Path("1"), submodules=True)
    assert f"the submodule vendor/other of {origin.path}: reading '" in str(caught.value)
    assert f"' from {other.path} failed:" in str(caught.value)


def test_submodule_without_an_address_is_said(origin, repository, other):
    add_submodule(origin, str(other.path))
    origin.git("rm", "-q", "--cached", ".gitmodules")
    (origin.path / ".gitmodules").write_text("")
    origin.commit()
    with pytest.raises(SourceError, match=r"its address is not in \.gitmodules"):
        _source_git.collect(repository, "main", Path("1"), submodules=True)


def test_lfs_pointer_is_refused(origin, repository):
    origin.commit(big="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(SourceError, match="keeps big in Git LFS"):
        app(repository)


def test_binary_and_empty_files_are_read_whole(origin, repository):
    (origin.path / "bytes").write_bytes(bytes(range(256)) * 9)
    (origin.path / "empty").write_bytes(b"")
    origin.commit()
    tree = _source_git.collect(repository, "main", Path("1"))
    assert tree.read("bytes") == bytes(range(256)) * 9
    assert tree.read("empty") == b""


def test_same_content_is_the_same_digest_at_another_commit(origin, repository):
    before = _source_git.collect(repository, "main", Path("1"))
    origin.commit()
    after = _source_git.collect(repository, "main", Path("2"))
    assert before.digest == after.digest
    assert before.revision != after.revision
