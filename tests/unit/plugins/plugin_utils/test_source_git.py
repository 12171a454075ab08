"""Branches, tags and commits of a repository as source trees, without any network."""

from __future__ import annotations

import subprocess

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _source_git
from ansible_collections.webstack.python.plugins.plugin_utils._source_git import Repository
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


@pytest.fixture
def origin(tmp_path):
    made = Origin(tmp_path / "origin")
    made.commit(app="one")
    return made


@pytest.fixture
def repository(origin, tmp_path):
    return Repository(str(origin.path), tmp_path / "cache")


def app(repository, ref="HEAD", run="1"):
    return _source_git.collect(repository, ref, run).read("app")


def test_default_is_the_default_branch(origin, repository):
    tree = _source_git.collect(repository, "HEAD", "1")
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
    tree = _source_git.collect(repository, "main", "1")
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
    assert [entry.path for entry in _source_git.collect(repository, "main", "1").entries] == ["app"]


def test_subfolder_is_all_that_is_read(origin, repository):
    (origin.path / "backend").mkdir()
    (origin.path / "backends").touch()
    (origin.path / "backend/big").write_text("x")
    first = origin.commit(big="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    tree = _source_git.collect(repository, "main", "1", "backend/")
    assert (list(tree.files), tree.read("big")) == (["big"], b"x")
    assert (tree.origin, tree.revision) == (f"{origin.path}#subdirectory=backend", first)
    with pytest.raises(SourceError, match=r"has no files in the folder 'bakend'; check source\.subfolder"):
        _source_git.collect(repository, "main", "1", "bakend")


def test_submodule_is_refused(origin, repository, tmp_path):
    other = Origin(tmp_path / "other")
    other.commit(x="x")
    origin.git("submodule", "--quiet", "add", str(other.path), "vendor/other")
    origin.commit()
    with pytest.raises(SourceError, match="submodule at vendor/other"):
        app(repository)


def test_lfs_pointer_is_refused(origin, repository):
    origin.commit(big="version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(SourceError, match="keeps big in Git LFS"):
        app(repository)


def test_binary_and_empty_files_are_read_whole(origin, repository):
    (origin.path / "bytes").write_bytes(bytes(range(256)) * 9)
    (origin.path / "empty").write_bytes(b"")
    origin.commit()
    tree = _source_git.collect(repository, "main", "1")
    assert tree.read("bytes") == bytes(range(256)) * 9
    assert tree.read("empty") == b""


def test_same_content_is_the_same_digest_at_another_commit(origin, repository):
    before = _source_git.collect(repository, "main", "1")
    origin.commit()
    after = _source_git.collect(repository, "main", "2")
    assert before.digest == after.digest
    assert before.revision != after.revision


def recorded(monkeypatch):
    calls = []

    def record(*arguments, more=None):
        calls.append((arguments, more))
        return b""

    monkeypatch.setattr(_source_git, "git", record)
    return calls


def test_credentials_are_neither_arguments_nor_shown(monkeypatch, tmp_path):
    repository = Repository("https://bob:p%40ss@git.example.com/shop.git", tmp_path)
    calls = recorded(monkeypatch)
    repository.fetch("+HEAD:refs/webstack/HEAD")
    arguments, more = calls[0]
    assert "https://git.example.com/shop.git" in arguments
    assert not [argument for argument in arguments if "p%40ss" in argument or "p@ss" in argument]
    assert (more["WEBSTACK_GIT_USER"], more["WEBSTACK_GIT_PASSWORD"]) == ("bob", "p@ss")
    assert repository.address == "https://git.example.com/shop.git"


def test_helper_gives_git_the_credentials():
    printed = _source_git.git(
        *("-c", "credential.helper=", "-c", f"credential.helper={_source_git._HELPER}"),
        *("credential", "fill"),
        typed=b"protocol=https\nhost=git.example.com\n\n",
        more={"WEBSTACK_GIT_USER": "bob", "WEBSTACK_GIT_PASSWORD": "p@ss"},
    )
    assert b"username=bob\n" in printed
    assert b"password=p@ss\n" in printed


def test_ca_bundle_reaches_git(monkeypatch, tmp_path):
    calls = recorded(monkeypatch)
    Repository("https://git.example.com/shop.git", tmp_path, "/ca.pem").fetch("main")
    assert calls[0][1] == {"GIT_SSL_CAINFO": "/ca.pem"}


def test_git_never_asks_and_forgets_the_surrounding_repository(monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    printed = _source_git.git("-c", "alias.e=!env", "e").decode()
    assert "GIT_TERMINAL_PROMPT=0" in printed
    assert "BatchMode=yes" in printed
    assert "GIT_DIR=/somewhere" not in printed


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/shop.git", "git://127.0.0.1:9/shop.git"])
def test_a_transport_that_the_manifest_refuses_is_not_used(url):
    with pytest.raises(_source_git.GitError, match=r"transport .(http|git). not allowed"):
        _source_git.git("ls-remote", url)
