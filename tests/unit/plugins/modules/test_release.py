"""The module on a tree that stands for a host; uv and the account tools are stand-ins."""

from __future__ import annotations

import functools
import io
import json
import os
import shutil
import tarfile
import types
from pathlib import Path

import pytest
from ansible.module_utils import basic
from ansible_collections.webstack.python.plugins.module_utils import (
    _account,
    _hook,
    _release_build,
    _release_code,
    _release_compared,
    _release_hooks,
    _release_migration,
    _release_prune,
    _release_request,
    _release_seal,
    _release_shared,
    _release_static,
    _release_virtualenv,
)
from ansible_collections.webstack.python.plugins.module_utils._account import AccountError
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    Layout,
    ReleaseError,
    digest,
    read_release,
)
from ansible_collections.webstack.python.plugins.modules import release


class Host:
    """A host with nothing on it, and what the module is told."""

    def __init__(self, root, monkeypatch):
        self.root = root
        self.layout = Layout("shop", root)
        self.users = set()
        self.built = []
        self.ran = []
        self.left = False
        self.cleared = []
        self.hook = lambda _code: None
        self.warnings = []
        self.check_mode = False
        self.params = {
            "name": "shop",
            "state": "present",
            "requirements": "auto",
            "python": "python3",
            "shared": [],
            "build": [],
            "migrate": [],
            "static": [],
            "release": "",
            "env": {},
            "sandbox": "strict",
            "hook_timeout": 600,
            "keep": 5,
            "uv": "/opt/uv",
            "gunicorn_version": "27.0.1",
            "worker_class": "gthread",
            "index_url": "",
            "uv_arguments": [],
            "system_certs": True,
            "_archive": None,
            "_pins": None,
            "_found": {
                "kind": "git",
                "origin": "https://git.example.com/shop.git",
                "revision": "c" * 40,
                "tree": "1",
                "lock_kind": "requirements.txt",
                "lock": "2",
                "shipped": {},
                "controller": "alice@laptop",
                "remote_user": "deploy",
            },
        }
        monkeypatch.setattr("os.fchown", lambda *_arguments: None)
        for module in (release, _release_request):
            monkeypatch.setattr(module, "Layout", lambda name: Layout(name, root))
        monkeypatch.setattr(Layout, "lock", property(lambda layout: layout.root / "lock"))
        monkeypatch.setattr(_account, "exists", lambda app: app in self.users)
        monkeypatch.setattr(_account, "create", lambda app, _home: self.users.add(app))
        monkeypatch.setattr(_account, "remove", self.users.remove)
        monkeypatch.setattr(_release_shared, "give", lambda _path, _app: None)
        monkeypatch.setattr(_release_hooks, "give", lambda _path, _app: None)
        monkeypatch.setattr(_release_hooks, "owner", lambda _app: (os.getuid(), os.getgid()))
        monkeypatch.setattr(os, "chown", lambda *_arguments, **_options: None)
        monkeypatch.setattr(_hook, "is_left", lambda _app: self.left)
        monkeypatch.setattr(_hook, "clear", self.clear)
        monkeypatch.setattr(_hook, "run", self.run)
        monkeypatch.setattr(_release_code, "compile_code", lambda _python, _code: None)
        monkeypatch.setattr(_release_virtualenv, "build", self.make_virtualenv)

    def make_virtualenv(self, directory, *_arguments):
        self.built.append(directory.name)
        directory.mkdir()
        for part in ("bin", "lib/python3/site-packages/gunicorn-27.0.1.dist-info"):
            (directory / part).mkdir(parents=True)
        (directory / "bin/python").touch()
        (directory / ".complete").touch()

    def clear(self, app):
        self.left = False
        self.cleared.append(app)

    def run(self, command, context):
        """Stand in for a command: what it does to the code is the test's; it fails where it is false."""
        self.ran.append((command, context))
        self.hook(context.release.directory)
        return _hook.Outcome(command, int(command == "false"), "", False, 0.1, ("a line",))

    def warn(self, text):
        self.warnings.append(text)

    def archive(self, **files):
        path = self.root / "source.tar.gz"
        with tarfile.open(path, "w:gz") as tar:
            for name, text in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(text)
                tar.addfile(member, io.BytesIO(text.encode()))
        self.params["_archive"] = str(path)

    def deploy(self, tree="1", **changes):
        self.params["_found"]["tree"] = tree
        self.params.update(changes)
        self.archive(app=tree)
        return release.present(self)


@pytest.fixture
def host(tmp_path, monkeypatch):
    return Host(tmp_path, monkeypatch)


def test_first_call_asks_for_the_source_and_touches_nothing(host):
    asked = release.present(host)
    assert (asked["changed"], asked["archive_wanted"], len(asked["resolution"])) == (False, True, 12)
    assert list(host.root.iterdir()) == []


def test_first_host_says_its_versions_and_no_other_does(host, monkeypatch):
    monkeypatch.setattr(_release_virtualenv, "installed", lambda _directory: ["flask==3.1.3"])
    assert host.deploy("1", _pins=[])["pins"] == ["flask==3.1.3"]
    assert "pins" not in host.deploy("2", _pins=["flask==3.1.3"])
    assert "pins" not in host.deploy("3", _pins=None)


def test_virtualenv_that_is_there_is_not_resolved(host):
    host.deploy("1")
    host.params["_found"]["tree"], host.params["_archive"] = "2", None
    assert release.present(host)["resolution"] == ""


def test_check_mode_plans_what_the_run_then_does(host):
    host.check_mode = True
    planned = release.present(host)
    assert list(host.root.iterdir()) == []
    host.check_mode = False
    done = host.deploy()
    for key in ("changed", "id", "directory", "virtualenv", "revision", "diff"):
        assert planned[key] == done[key]
    assert done["changed"]
    assert done["diff"]["before"] == {}


def test_release_lies_where_the_answer_says(host):
    answer = host.deploy()
    assert Path(answer["directory"], "app").read_text() == "1"
    assert os.path.realpath(host.layout.pointer / "venv") == answer["virtualenv"]
    assert os.readlink(host.layout.pointer) == f"releases/{answer['id']}"
    record = read_release(host.layout.release(answer["id"]))
    assert (record.built_by, record.remote_user, record.revision) == ("alice@laptop", "deploy", "c" * 40)
    assert record.built_at.endswith("+00:00")
    assert [step["step"] for step in answer["steps"]][:2] == ["directories", "user"]


def test_same_inputs_again_change_nothing(host):
    host.deploy()
    host.params["_archive"] = None
    answer = release.present(host)
    assert not answer["changed"]
    assert answer["steps"] == []
    assert host.built == [Path(answer["virtualenv"]).name]


def test_changed_code_keeps_the_virtualenv(host):
    first, second = host.deploy("1"), host.deploy("2")
    assert first["id"] != second["id"]
    assert first["virtualenv"] == second["virtualenv"]
    assert len(host.built) == 1
    assert second["diff"]["before"]["id"] == first["id"]


@pytest.mark.parametrize(
    "change",
    [{"gunicorn_version": "26.0.0"}, {"uv_arguments": ["--no-build"]}, {"worker_class": "gevent"}],
)
def test_changed_virtualenv_is_another_release(host, change):
    first, second = host.deploy(), host.deploy(**change)
    assert first["id"] != second["id"]
    assert len(set(host.built)) == 2


def test_changed_shared_directories_are_another_release_with_the_same_virtualenv(host):
    first, second = host.deploy(), host.deploy(shared=["uploads"])
    assert first["id"] != second["id"]
    assert first["virtualenv"] == second["virtualenv"]


def test_earlier_release_is_pointed_to_without_a_build(host):
    first = host.deploy("1")
    host.deploy("2")
    host.params["_found"]["tree"] = "1"
    host.params["_archive"] = None
    answer = release.present(host)
    assert answer["changed"]
    assert [step["step"] for step in answer["steps"]] == ["pointer"]
    assert os.readlink(host.layout.pointer) == f"releases/{first['id']}"


def test_lost_virtualenv_is_made_anew_from_the_release(host):
    answer = host.deploy()
    shutil.rmtree(answer["virtualenv"])
    host.params["_archive"] = None
    assert [step["step"] for step in release.present(host)["steps"]] == ["virtualenv"]


def test_failed_build_leaves_the_old_release_pointed_to_and_no_new_one(host, monkeypatch):
    first = host.deploy("1")

    def fail(*_arguments):
        raise ReleaseError("no such package")

    monkeypatch.setattr(_release_virtualenv, "build", fail)
    with pytest.raises(ReleaseError) as caught:
        host.deploy("2", gunicorn_version="0")
    assert [path.name for path in host.layout.releases.iterdir()] == [first["id"]]
    assert os.readlink(host.layout.pointer) == f"releases/{first['id']}"
    message = _release_build.failure(host.layout, str(caught.value))
    assert message == (
        f"shop: no such package\nNothing that runs was touched; release {first['id']} stays the one to run."
    )


def test_left_over_of_a_killed_build_is_no_obstacle(host):
    answer = host.deploy()
    release = host.layout.release(answer["id"])
    (release / "release.json").unlink()
    (release / "code/half").touch()
    assert host.deploy()["changed"]
    assert [path.name for path in (release / "code").iterdir()] == ["app"]


def test_command_that_a_killed_run_left_is_ended_by_the_next_run(host):
    host.deploy()
    host.left = True
    host.check_mode = True
    assert release.present(host)["changed"]
    assert host.left
    host.check_mode = False
    assert [step["step"] for step in release.present(host)["steps"]] == ["repair"]
    assert host.cleared == ["shop"]
    assert not release.present(host)["changed"]


def test_build_writes_into_the_release_that_it_is_for(host):
    host.hook = lambda code: (code / "built").write_text("yes")
    answer = host.deploy(build=["make", "make install"], env={"KEY": "v"}, sandbox="jit", hook_timeout=5)
    code = Path(answer["directory"])
    assert (code / "built").read_text() == "yes"
    assert [command for command, _context in host.ran] == ["make", "make install"]
    context = host.ran[0][1]
    assert (context.release.directory, context.writable) == (code, (code,))
    assert (context.user, context.env, context.sandbox, context.timeout) == ("shop", {"KEY": "v"}, "jit", 5)
    assert "build" in [step["step"] for step in answer["steps"]]


def test_build_may_write_to_what_is_shared(host):
    host.deploy(build=["make"], shared=["uploads"])
    assert host.ran[0][1].writable[1:] == (host.layout.shared,)


def test_build_is_run_once(host):
    host.deploy(build=["make"])
    assert not host.deploy(build=["make"])["changed"]
    assert len(host.ran) == 1


def test_another_build_is_another_release_and_another_environment_is_not(host):
    plain, built = host.deploy(), host.deploy(build=["make"])
    assert plain["id"] != built["id"] != host.deploy(build=["make all"])["id"]
    assert host.deploy(build=["make"], env={"KEY": "new"})["id"] == built["id"]


def test_folders_that_nginx_serves_are_compressed_once_they_are_built_and_sealed(host, monkeypatch):
    def write(code):
        (code / "static").mkdir()
        (code / "static/style.css").write_text("a" * 2000)

    host.hook = write
    order = []
    compress = _release_static.compress
    monkeypatch.setattr(_release_seal, "seal", lambda *_arguments: order.append("seal"))
    monkeypatch.setattr(
        _release_static, "compress", lambda *given: [order.append("compress"), compress(*given)]
    )
    answer = host.deploy(build=["make"], static=["static/"])
    assert (Path(answer["directory"]) / "static/style.css.gz").exists()
    assert order == ["seal", "compress"]
    assert "compress" in [step["step"] for step in answer["steps"]]


def test_other_folders_that_nginx_serves_are_another_release(host):
    without = host.deploy()["id"]
    one = host.deploy(static=["static"])["id"]
    assert host.deploy(static=["static/", "static"])["id"] == one
    both = {host.deploy(static=given)["id"] for given in (["static", "media"], ["media", "static"])}
    assert len({without, one, *both}) == 3
    assert len(host.built) == 1


def test_a_release_without_such_folders_is_known_as_before_there_could_be_any(host):
    answer = host.deploy(static=[])
    assert answer["id"] == digest([1, "1", Path(answer["virtualenv"]).name, []])


def test_failed_build_command_leaves_nothing_and_says_why(host):
    first = host.deploy("1")
    with pytest.raises(ReleaseError) as caught:
        host.deploy("2", build=["true", "false"], shared=["uploads"], gunicorn_version="26.0.0")
    assert _release_build.failure(host.layout, str(caught.value)) == (
        "shop: build[1] failed: 'false': exit status 1 after 0.1 s\nIts last lines:\n    a line\n"
        f"Nothing that runs was touched; release {first['id']} stays the one to run."
    )
    assert [path.name for path in host.layout.releases.iterdir()] == [first["id"]]
    assert [path.name for path in host.layout.virtualenvs.iterdir()] == [Path(first["virtualenv"]).name]
    assert list(host.layout.shared.iterdir()) == []
    assert os.readlink(host.layout.pointer) == f"releases/{first['id']}"


def test_build_that_takes_a_shared_folder_away_is_refused(host):
    def harm(code):
        (code / "uploads").unlink()

    host.hook = harm
    with pytest.raises(ReleaseError, match="in the place of the shared 'uploads'"):
        host.deploy(build=["rm uploads"], shared=["uploads"])
    assert list(host.layout.releases.iterdir()) == []


def test_folder_in_the_place_of_a_shared_file_is_refused_before_anything_changes(host):
    host.params["_found"]["shipped"] = {"app": "file"}
    first = host.deploy("1", shared=["app"])
    assert Path(first["directory"], "app").resolve() == host.layout.shared / "app"
    host.params["_found"]["shipped"] = {"app": "folder"}
    for host.check_mode in (True, False):
        with pytest.raises(ReleaseError, match="'app' is a folder in this release"):
            host.deploy("2", shared=["app"])
        assert [path.name for path in host.layout.releases.iterdir()] == [first["id"]]


@pytest.fixture
def migrate(host, tmp_path, monkeypatch):
    """Return a function that runs the migrations of a release; tmp_path/etc has the instances."""
    wanted = functools.partial(_release_migration.is_wanted, instances=tmp_path / "etc")
    monkeypatch.setattr(_release_migration, "is_wanted", wanted)

    def run(identity, *commands):
        host.params.update(release=identity, migrate=list(commands or ["upgrade"]))
        return release.migrated(host)

    return run


def make_live(host, identity):
    host.layout.current.unlink(missing_ok=True)
    host.layout.current.symlink_to(f"releases/{identity}/code")


def test_migrations_run_once_for_a_release(host, migrate):
    identity = host.deploy(shared=["uploads"])["id"]
    host.check_mode = True
    assert migrate(identity)["changed"]
    assert host.ran == []
    host.check_mode = False
    answer = migrate(identity)
    assert answer["changed"]
    assert [step["step"] for step in answer["steps"]] == ["migrate"]
    context = host.ran[0][1]
    assert context.release.directory == host.layout.code(identity)
    assert context.writable == (host.layout.shared,)
    assert not migrate(identity)["changed"]
    assert len(host.ran) == 1
    assert migrate(host.deploy("2")["id"])["changed"]


def test_failed_migration_discards_the_release_and_the_next_run_tries_again(host, migrate):
    first, second = host.deploy("1")["id"], host.deploy("2")["id"]
    make_live(host, first)
    with pytest.raises(ReleaseError) as caught:
        migrate(second, "true", "false")
    assert _release_build.failure(host.layout, str(caught.value)) == (
        "shop: migrate[1] failed: 'false': exit status 1 after 0.1 s\nIts last lines:\n    a line\n"
        f"Release {second} was discarded; what its commands changed is not taken back.\n"
        f"Nothing that runs was touched; release {first} stays the one to run."
    )
    assert os.readlink(host.layout.pointer) == f"releases/{first}"
    assert [path.name for path in host.layout.releases.iterdir()] == [first]
    assert host.deploy("2")["id"] == second
    assert migrate(second)["changed"]


def test_failed_migration_of_the_first_release_leaves_none_to_run(host, migrate):
    identity = host.deploy()["id"]
    with pytest.raises(ReleaseError):
        migrate(identity, "false")
    assert not os.path.lexists(host.layout.pointer)
    assert list(host.layout.releases.iterdir()) == []


@pytest.mark.parametrize("record", ["instance", "held"])
def test_release_that_was_live_or_rolled_back_is_not_migrated(host, migrate, tmp_path, record):
    answer = host.deploy()
    folder = tmp_path / "etc/shop"
    (folder / "i1").mkdir(parents=True)
    if record == "instance":
        (folder / "i1/instance.json").write_text(json.dumps({"directory": answer["directory"]}))
    else:
        (folder / "held.json").write_text(json.dumps({"held": [{"instance": "i1", "release": answer["id"]}]}))
    assert not migrate(answer["id"])["changed"]
    assert host.ran == []


def test_release_that_is_no_longer_the_one_to_run_is_not_migrated(host, migrate):
    first = host.deploy("1")["id"]
    host.deploy("2")
    with pytest.raises(ReleaseError, match=f"release {first} is not the one to run"):
        migrate(first)
    assert host.layout.release(first).exists()


def test_check_mode_expects_migrations_of_a_release_that_is_not_known_yet(host, migrate):
    host.check_mode = True
    assert migrate("")["changed"]


def test_shared_directory_is_made_and_linked(host):
    answer = host.deploy(shared=["uploads/"])
    assert Path(answer["directory"], "uploads").resolve() == host.layout.shared / "uploads"


def test_directory_of_someone_else_is_refused(host):
    (host.root / "shop").mkdir()
    (host.root / "shop/index.html").touch()
    with pytest.raises(ReleaseError, match=r"was not made by webstack\.python and is left as it is"):
        host.deploy()
    assert host.users == set()


def test_directory_that_was_moved_and_linked_is_refused(host):
    host.deploy()
    (host.root / "shop").rename(host.root / "elsewhere")
    (host.root / "shop").symlink_to("elsewhere")
    with pytest.raises(
        ReleaseError, match=r"shop of this host is a link to .*elsewhere; bring the directory"
    ):
        host.deploy()


def test_user_of_someone_else_is_refused(host, monkeypatch):
    def taken(app):
        raise AccountError(f"the user '{app}' is taken")

    monkeypatch.setattr(_account, "exists", taken)
    with pytest.raises(AccountError):
        host.deploy()
    assert not host.layout.directory.exists()


def test_missing_interpreter_fails_but_in_check_mode(host):
    host.params["python"] = "python3.99"
    with pytest.raises(ReleaseError, match=r"no interpreter 'python3\.99'"):
        release.present(host)
    host.check_mode = True
    answer = release.present(host)
    assert (answer["changed"], answer["id"], answer["directory"]) == (True, "", "")
    assert "python3.99" in host.warnings[0]


def test_pruning_keeps_the_newest(host):
    ids = [host.deploy(tree)["id"] for tree in "1234"]
    host.params["keep"] = 2
    host.check_mode = True
    planned = release.pruned(host)
    assert len(list(host.layout.releases.iterdir())) == 4
    host.check_mode = False
    assert release.pruned(host) == planned
    assert sorted(path.name for path in host.layout.releases.iterdir()) == sorted(ids[2:])
    assert release.pruned(host) == {"changed": False, "removed": []}


def test_answer_tells_whether_there_is_something_to_prune(host):
    assert [host.deploy(tree)["prunable"] for tree in "12"] == [True, True]
    assert not release.present(host)["prunable"]
    host.params["keep"] = 1
    assert release.present(host)["prunable"]


def test_pruning_an_app_that_is_not_there_changes_nothing(host):
    assert release.pruned(host) == {"changed": False, "removed": []}


def test_absent_removes_all_of_the_app_and_nothing_else(host):
    host.deploy()
    (host.root / "other").mkdir()
    host.users.add("other")
    host.check_mode = True
    planned = release.absent(host)
    assert host.layout.directory.exists()
    host.check_mode = False
    assert release.absent(host) == planned == {"changed": True, "removed": [str(host.layout.directory)]}
    assert not host.layout.directory.exists()
    assert not host.layout.lock.exists()
    assert host.users == {"other"}
    assert (host.root / "other").exists()
    assert release.absent(host) == {"changed": False, "removed": []}


def test_absent_leaves_what_is_not_ours(host, monkeypatch):
    host.layout.directory.mkdir()
    host.layout.marker.write_text(json.dumps({"managed_by": "webstack.python", "app": "other"}))

    def taken(app):
        raise AccountError(f"the user '{app}' is taken")

    monkeypatch.setattr(_account, "exists", taken)
    monkeypatch.setattr(_account, "remove", lambda app: pytest.fail(f"{app} was removed"))
    assert release.absent(host) == {"changed": False, "removed": []}
    assert host.layout.marker.exists()


def test_only_requirements_with_credentials_are_masked():
    secret = "shop @ https://bob:pw@git.example.com/shop.zip"
    assert release.secrets(["flask", "blog @ https://example.com/blog.zip", secret]) == {secret}
    assert release.secrets("auto") == set()


@pytest.fixture
def answered(monkeypatch, capsys):
    """Run the whole module with some options and a state that does what it is told; return what it prints."""

    def run(state, **options):
        given = {"name": "shop", "state": "migrated", **options}
        monkeypatch.setattr(basic, "_load_params", lambda: dict(given))
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        monkeypatch.setitem(release.STATES, "migrated", state)
        monkeypatch.setattr(release, "raise_terminated", lambda: None)
        monkeypatch.setattr(os, "umask", lambda _mask: 0)
        with pytest.raises(SystemExit):
            release.main()
        return json.loads(capsys.readouterr().out)

    return run


PRIVATE = "shop @ https://bob:hunter2@git.example.com/shop.zip"


@pytest.mark.usefixtures("host")
def test_answer_stays_whole_where_a_variable_is_part_of_it(answered):
    answer = {"changed": False, "directory": "/srv/storefront/releases/1/code", "pins": ["storefront==1"]}
    env = {"OTEL_SERVICE_NAME": "storefront", "HOME": "/srv/storefront", "KEY": "hunter2hunter2", "N": "7531"}
    said = answered(
        lambda _module: dict(answer),
        name="storefront",
        env=env,
        index_url="https://bob:hunter2@pypi.example.com/",
        requirements=["flask", PRIVATE],
        migrate=["load hunter2hunter2"],
    )
    shown = said.pop("invocation")["module_args"]
    assert said == answer
    assert shown["requirements"][0] == "flask"
    assert not [secret for secret in ("hunter2", "7531") if secret in json.dumps(shown)]


@pytest.mark.usefixtures("host")
def test_failure_names_the_app_and_no_secret(answered):
    def fail(_module):
        raise ReleaseError(f"hunter2hunter2 of {PRIVATE}")

    env = {"OTEL_SERVICE_NAME": "storefront", "KEY": "hunter2hunter2"}
    said = answered(fail, name="storefront", env=env, requirements=[PRIVATE])
    assert said["msg"].startswith("storefront: ")
    assert "hunter2" not in json.dumps(said)


def test_what_the_swap_is_to_drop_makes_a_release_prunable(host, tmp_path, monkeypatch):
    excess = functools.partial(_release_prune.excess, instances=tmp_path / "etc")
    monkeypatch.setattr(_release_prune, "excess", excess)
    for number in (1, 2, 3):
        answer = host.deploy(str(number))
        record = tmp_path / f"etc/shop/i{number}/instance.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"directory": answer["directory"], "created": f"2026-01-0{number}"}))
    assert not release.present(host)["prunable"]
    host.params["keep"] = 2
    assert release.present(host)["prunable"]
    assert not release.pruned(host)["changed"]


def test_swap_that_a_killed_run_did_not_reach_makes_a_release_prunable(host, tmp_path, monkeypatch):
    excess = functools.partial(_release_prune.excess, instances=tmp_path / "etc")
    monkeypatch.setattr(_release_prune, "excess", excess)
    answers = [host.deploy(str(number), keep=2) for number in (1, 2)]
    for number, answer in enumerate(answers, start=1):
        record = tmp_path / f"etc/shop/i{number}/instance.json"
        record.parent.mkdir(parents=True)
        record.write_text(json.dumps({"directory": answer["directory"], "created": f"2026-01-0{number}"}))
    first, answer = answers
    host.layout.current.symlink_to(answer["directory"])
    host.layout.previous.symlink_to(first["directory"])
    assert not release.present(host)["prunable"]
    host.deploy("3")
    again = release.present(host)
    assert (again["changed"], again["prunable"]) == (False, True)


def test_absent_waits_for_the_units_to_go(host, tmp_path, monkeypatch):
    host.deploy()
    units = tmp_path / "units"
    units.mkdir()
    (units / "gunicorn-shop.target").touch()
    names = release.unit_names
    monkeypatch.setattr(release, "unit_names", lambda app: names(app, units))
    assert release.absent(host) == {"changed": False, "removed": []}
    assert "gunicorn-shop.target" in host.warnings[0]
    assert host.layout.directory.exists()


def test_units_of_an_app_whose_name_goes_on_are_not_its_own(tmp_path):
    for name in (
        "gunicorn-shop-admin.target",
        "gunicorn-shop-admin@abc.service",
        "gunicorn-shop@abc.service",
        "nginx.service",
    ):
        (tmp_path / name).touch()
    assert release.unit_names("shop", tmp_path) == ["gunicorn-shop@abc.service"]


def compare(host, *apps):
    """Compare what is asked of apps with what the host has."""
    asked = [{**host.params, "name": "shop", **app} for app in apps]
    module = types.SimpleNamespace(params={"apps": asked}, no_log_values={"shop"}, fail_json=pytest.fail)
    return _release_compared.compare(module), module


def test_comparison_answers_for_what_is_built_and_names_the_rest(host):
    built = host.deploy()
    result, _ = compare(host, {}, {"name": "blog"})
    assert result["changed"] is False
    assert result["differing"] == ["blog"]
    (answer,) = result["releases"]
    assert answer["app"] == "shop"
    same = ("id", "directory", "virtualenv", "revision")
    assert [answer[key] for key in same] == [built[key] for key in same]


def test_comparison_sees_changed_code(host):
    host.deploy()
    found = {**host.params["_found"], "tree": "2"}
    assert compare(host, {"_found": found})[0]["differing"] == ["shop"]


@pytest.mark.parametrize("error", [AccountError("taken"), ReleaseError("not ours"), OSError("read-only")])
def test_what_stands_in_the_way_of_an_app_is_for_its_own_call_to_say(host, monkeypatch, error):
    host.deploy()

    def fail(_app):
        raise error

    monkeypatch.setattr(_account, "exists", fail)
    assert compare(host, {})[0]["differing"] == ["shop"]


def test_app_without_its_interpreter_differs(host):
    host.deploy()
    assert compare(host, {"python": "python9.9"})[0]["differing"] == ["shop"]


def test_comparison_shows_nothing_of_an_environment(host):
    _, module = compare(host, {"env": {"KEY": "hunter2hunter2"}})
    assert module.params == {"apps": ["shop"]}
    assert module.no_log_values == set()
