"""The controller's half: when the source travels, and that no copy of it stays."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.webstack.python.plugins.action import release


class Action(release.ActionModule):
    """The plugin with a connection that only notes what goes over it."""

    def __init__(self, folder, answers, **options):
        self.answers = list(answers)
        self.calls = []
        self.sent = []
        self.removed = []
        shell = SimpleNamespace(tmpdir=None, join_path=lambda *parts: "/".join(parts))
        self._connection = SimpleNamespace(_shell=shell)
        self._loader = SimpleNamespace(get_basedir=lambda: str(folder))
        self._task = SimpleNamespace(
            _uuid="1", args={"name": "shop", "uv": "/opt/uv", "gunicorn_version": "27.0.1", **options}
        )
        self._play_context = SimpleNamespace(remote_user="deploy")

    def run(self, tmp=None, task_vars=None):
        base = release.ActionBase.run
        release.ActionBase.run = lambda *_arguments: {}
        try:
            return super().run(tmp, task_vars)
        finally:
            release.ActionBase.run = base

    def _execute_module(self, *, module_args, **_options):
        self.calls.append(module_args)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _make_tmp_path(self):
        self._connection._shell.tmpdir = "/remote"

    def _transfer_file(self, local, remote):
        self.sent.append((Path(local), Path(local).read_bytes()))
        return remote

    def _remove_tmp_path(self, path):
        self.removed.append(path)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/app.py").write_text("app = 1\n")
    return tmp_path


SOURCE = {"path": "shop"}
WANTED = {"changed": False, "archive_wanted": True, "resolution": ""}


def test_nothing_travels_when_the_host_has_the_release(folder):
    action = Action(folder, [{"changed": False, "id": "1"}], source=SOURCE)
    assert action.run() == {"changed": False, "id": "1"}
    found = action.calls[0]["_found"]
    assert (found["kind"], found["origin"], found["lock_kind"]) == ("path", str(folder / "shop"), "none")
    assert found["remote_user"] == "deploy"
    assert action.sent == []


def test_archive_beside_the_playbook_is_a_source(folder):
    with tarfile.open(folder / "shop.tar.gz", "w:gz") as packed:
        packed.add(folder / "shop/app.py", "shop-1/app.py")
    action = Action(folder, [{}], source={"archive": "shop.tar.gz"})
    action.run()
    found = action.calls[0]["_found"]
    assert (found["kind"], found["origin"]) == ("archive", str(folder / "shop.tar.gz"))
    same = Action(folder, [{}], source=SOURCE)
    same.run()
    assert same.calls[0]["_found"]["tree"] == found["tree"]


@pytest.mark.parametrize(
    ("source", "origin", "remedy"),
    [
        (SOURCE, "shop", "run again; where a run itself writes it, let .gitignore name it"),
        ({"archive": "shop.tar"}, "shop.tar", "run again"),
    ],
    ids=["path", "archive"],
)
def test_source_that_changes_in_a_run_is_refused_with_the_first_file(
    folder, tmp_path, monkeypatch, source, origin, remedy
):
    def pack():
        with tarfile.open(folder / "shop.tar", "w") as packed:
            packed.add(folder / "shop", "shop")

    (tmp_path / "run").mkdir()
    monkeypatch.setattr(release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "run"))
    (folder / "shop/about.py").write_text("")
    pack()
    for _host in range(2):
        Action(folder, [{}], source=source).run()
    (folder / "shop/app.py").write_text("app = 2\n")
    (folder / "shop/late.log").write_text("")
    pack()
    with pytest.raises(AnsibleActionFail) as caught:
        Action(folder, [], source=source).run()
    assert str(caught.value) == (
        f"shop: app.py of {folder / origin} was changed while it was read; {remedy}\n"
        "Nothing was changed on the host."
    )
    (tmp_path / "next").mkdir()
    monkeypatch.setattr(release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path / "next"))
    Action(folder, [{}], source=source).run()


def test_two_archives_at_addresses_that_differ_in_their_query_are_two(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    monkeypatch.setenv("ANSIBLE_HOME", str(tmp_path / "home"))
    cache = tmp_path / "home/webstack-archives"
    cache.mkdir(parents=True)
    trees = set()
    for name in ("shop", "blog"):
        with tarfile.open(folder / f"{name}.tar", "w") as packed:
            packed.add(folder / "shop/app.py", f"{name}.py")
        content = (folder / f"{name}.tar").read_bytes()
        wanted = hashlib.sha256(content).hexdigest()
        (cache / wanted).write_bytes(content)
        source = {
            "archive": f"https://files.example.com/get?app={name}",
            "checksum": f"sha256:{wanted}",
        }
        action = Action(folder, [{}], source=source)
        action.run()
        trees.add(action.calls[0]["_found"]["tree"])
    assert len(trees) == 2


def test_host_is_told_which_shared_entries_the_source_has(folder):
    action = Action(folder, [{"changed": False}], source=SOURCE, shared=["app.py", "uploads/"])
    action.run()
    assert action.calls[0]["_found"]["shipped"] == {"app.py": "file"}


def test_second_host_of_a_run_gets_the_versions_of_the_first(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(release.constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    wanted = {**WANTED, "resolution": "abc"}
    first = Action(folder, [dict(wanted), {"id": "1", "pins": ["flask==3.1.3"]}], source=SOURCE)
    assert first.run() == {"id": "1"}
    assert first.calls[1]["_pins"] == []
    second = Action(folder, [dict(wanted), {"id": "1"}], source=SOURCE)
    assert second.run() == {"id": "1"}
    assert second.calls[1]["_pins"] == ["flask==3.1.3"]
    other = Action(folder, [{**wanted, "resolution": "def"}, {"id": "1"}], source=SOURCE)
    other.run()
    assert other.calls[1]["_pins"] == []


@pytest.mark.parametrize(
    ("wanted", "installed"),
    [("auto", ["shop==1.4.0"]), (["flask==3.1.3", "redis"], ["shop==1.4.0", "flask==3.1.3", "redis"])],
)
def test_package_is_a_requirement_with_an_empty_tree(folder, wanted, installed):
    action = Action(
        folder, [dict(WANTED), {"id": "1"}], source={"package": "shop==1.4.0"}, requirements=wanted
    )
    action.run()
    found = action.calls[1]["_found"]
    assert (found["kind"], found["origin"], found["revision"]) == ("package", "shop==1.4.0", "1.4.0")
    assert (found["lock_kind"], action.calls[1]["requirements"]) == ("list", installed)
    with tarfile.open(fileobj=io.BytesIO(action.sent[0][1])) as packed:
        assert packed.getnames() == []


def test_another_version_of_a_package_is_another_lock(folder):
    locks = set()
    for version in ("1.4.0", "1.4.1"):
        action = Action(folder, [{}], source={"package": f"shop=={version}"})
        action.run()
        locks.add(action.calls[0]["_found"]["lock"])
    assert len(locks) == 2


def test_source_travels_when_the_host_wants_it_and_no_copy_stays(folder):
    action = Action(folder, [dict(WANTED), {"changed": True, "id": "1"}], source=SOURCE)
    assert action.run() == {"changed": True, "id": "1"}
    assert action.calls[1] == {**action.calls[0], "_archive": "/remote/source.tar.gz"}
    local, content = action.sent[0]
    assert content[:2] == b"\x1f\x8b"
    assert not local.exists()
    assert action.removed == ["/remote"]


def test_no_copy_stays_when_the_build_fails(folder):
    action = Action(folder, [dict(WANTED), RuntimeError("gone")], source=SOURCE)
    with pytest.raises(RuntimeError):
        action.run()
    assert not action.sent[0][0].exists()
    assert action.removed == ["/remote"]


def test_module_is_told_neither_the_address_nor_the_bundle(folder):
    action = Action(folder, [{}], source=SOURCE, ca_bundle="/ca.pem")
    action.run()
    assert not {"source", "ca_bundle"} & set(action.calls[0])


@pytest.mark.parametrize("state", ["absent", "pruned"])
def test_other_states_need_no_source(folder, state):
    action = Action(folder, [{"changed": False}], state=state)
    assert action.run() == {"changed": False}
    assert action.calls[0]["state"] == state


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": {"path": "none"}}, "shop: .*/none is not a folder of the controller"),
        ({"source": SOURCE, "requirements": "pip"}, "shop: requirements: use auto, or a list"),
        ({"source": {"path": "a", "git": "b"}}, "mutually exclusive: path\\|git\\|archive\\|package"),
        ({"source": {"ref": "main"}}, "one of the following is required: path, git, archive, package"),
        ({"source": {"package": "shop>=1"}}, "shop: 'shop>=1' is not an exact pin; write source.package as"),
        ({}, "missing: source"),
        (
            {"source": SOURCE, "uv_arguments": ["--index-url=https://bob:pw@pypi.example.com/simple"]},
            "^uv_arguments: item 0 has a user or password in a URL, and arguments are public on the host; ",
        ),
    ],
)
def test_wrong_options_are_refused_before_the_host_is_asked(folder, options, message):
    action = Action(folder, [], **options)
    with pytest.raises(AnsibleActionFail, match=message):
        action.run()


@pytest.mark.parametrize(
    ("url", "meant"),
    [
        ("https://git.example.com/shop.git", "https://git.example.com/shop.git"),
        ("git@git.example.com:shop.git", "git@git.example.com:shop.git"),
        ("/srv/git/shop.git", "/srv/git/shop.git"),
        ("../shop.git", "/plays/shop.git"),
    ],
)
def test_relative_repository_starts_at_the_playbook(url, meant):
    assert release.repository_url(url, Path("/plays/site")) == meant


def test_comparison_asks_the_host_once_for_all_apps(folder):
    apps = [{"name": "shop", "source": SOURCE}, {"name": "blog", "source": SOURCE, "keep": 3}]
    action = Action(
        folder, [{"changed": False, "releases": [], "differing": ["blog"]}], state="compared", apps=apps
    )
    del action._task.args["name"]
    assert action.run() == {"changed": False, "releases": [], "differing": ["blog"]}
    (asked,) = action.calls
    assert asked["state"] == "compared"
    assert [(app["name"], app["keep"], app["state"]) for app in asked["apps"]] == [
        ("shop", 5, "present"),
        ("blog", 3, "present"),
    ]
    assert all("source" not in app and app["_found"]["kind"] == "path" for app in asked["apps"])


def test_app_whose_source_cannot_be_had_is_one_that_differs(folder):
    apps = [{"name": "shop", "source": {"path": "nowhere"}}]
    action = Action(
        folder, [{"changed": False, "releases": [], "differing": []}], state="compared", apps=apps
    )
    assert action.run()["differing"] == ["shop"]
    assert action.calls[0]["apps"] == []


REMEDY = (
    "let the user who runs Ansible read the source and write to ANSIBLE_HOME, and make room where the disk "
    "is full\nNothing was changed on the host."
)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (PermissionError(13, "Permission denied", "/x/app.py"), "shop: /x/app.py: Permission denied; "),
        (OSError(28, "No space left on device"), "shop: a file of the controller: No space left on device; "),
        (OSError("no more"), "shop: a file of the controller: no more; "),
    ],
)
def test_trouble_with_the_controllers_files_names_the_app_and_a_remedy(folder, monkeypatch, error, message):
    def fail(_folder):
        raise error

    monkeypatch.setattr(release._source_path, "collect", fail)
    with pytest.raises(AnsibleActionFail) as caught:
        Action(folder, [], source=SOURCE).run()
    assert str(caught.value) == message + REMEDY
    answers = [{"changed": False, "releases": [], "differing": []}]
    asking = Action(folder, answers, state="compared", apps=[{"name": "shop", "source": SOURCE}])
    assert asking.run()["differing"] == ["shop"]


def test_release_is_built_for_one_app_at_a_time(folder):
    apps = [{"name": "shop", "source": SOURCE}, {"name": "blog", "source": SOURCE}]
    with pytest.raises(AnsibleActionFail, match="one is wanted"):
        Action(folder, [], apps=apps).run()


def test_one_app_is_built_as_it_is_asked_for(folder):
    action = Action(folder, [{"changed": False, "id": "1"}], apps=[{"name": "blog", "source": SOURCE}])
    assert action.run() == {"changed": False, "id": "1"}
    assert (action.calls[0]["name"], action.calls[0]["gunicorn_version"]) == ("blog", "27.0.1")
