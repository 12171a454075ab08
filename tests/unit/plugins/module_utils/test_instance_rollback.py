"""Going back, and staying there, with a stand-in for the swap itself."""

from __future__ import annotations

import json
import os
import pwd
import types

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _hook, _systemd
from ansible_collections.webstack.python.plugins.module_utils import _instance_rollback as rollback
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    Paths,
    Release,
    Texts,
    build,
    live_record,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_rollback import as_of_today
from ansible_collections.webstack.python.plugins.module_utils._instance_swap import Swap
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused

USER = pwd.getpwuid(os.getuid()).pw_name
TEXTS = Texts(
    config="workers = 3\n",
    service=f"Sockets=__PUBLIC_SOCKETS__ gunicorn-shop@__INSTANCE__.socket\nUser={USER}\n# __RELEASE__\n",
    socket="ListenStream=/run/webstack/shop/__INSTANCE__.sock\n",
    check_service="",
    check_socket="",
    public_socket="ListenStream=/run/webstack/shop/http.sock\n",
    handle="ExecStart=/bin/true\n",
    target="Wants=gunicorn-shop.socket\n",
)


class Host:
    """A host on which instances were live one after the other; ids: theirs, by release."""

    def __init__(self, root) -> None:
        self.paths = Paths("shop", root)
        self.paths.units.mkdir(parents=True)
        self.paths.key.parent.mkdir(parents=True)
        self.paths.key.write_bytes(b"key")
        self.ids: dict[str, str] = {}
        self.swaps: list[Swap] = []
        self.said: list[tuple[object, ...]] = []  # commands that were run, with their context and kind

    def deploy(self, name: str, socket: str = "gunicorn-shop.socket") -> None:
        code, virtualenv = (self.paths.root / "srv" / name / part for part in ("code", "venv"))
        for folder in (
            code,
            virtualenv / "bin",
            virtualenv / "lib/python3/site-packages/gunicorn-27.0.1.dist-info",
        ):
            folder.mkdir(parents=True)
        (virtualenv / "bin/python").touch()
        release = Release(code, virtualenv, (), "27.0.1", (code,))
        instance = build(
            self.paths, TEXTS, release, {"TOKEN": f"secret-of-{name}"}, {}, [socket], "unix", b"key"
        )
        for file in (*instance.own, *instance.shared):
            file.path.parent.mkdir(parents=True, exist_ok=True)
            file.path.write_text(file.text)
        record = {
            "directory": str(code),
            "virtualenv": str(virtualenv),
            "release": name,
            "since": str(len(self.ids)),
            "previous": [None, *self.ids.values()][-1],
        }
        self.write(instance.id, record)
        self.paths.record.parent.mkdir(exist_ok=True)
        self.paths.record.write_text(live_record(self.paths, instance.id))
        self.ids[name] = instance.id

    def write(self, instance: str, record: dict[str, object]) -> None:
        (self.paths.instance(instance) / "instance.json").write_text(json.dumps(record))

    def hold(self, *names: str) -> None:
        held = [{"instance": self.ids[name], "at": "noon"} for name in names]
        self.paths.held.write_text(json.dumps({"held": held}))

    def module(self, **params):
        health = {"path": "/", "status": [], "timeout": 1, "host": "h", "scheme": "http", "body": ""}
        given = {
            "name": "shop",
            "to": "",
            "environment": "recorded",
            "force": False,
            "current": None,
            "previous": None,
            "keep": 5,
            "by": "ann@ws",
            "health": health,
            "notify": {"before": ["say before"], "after": ["say after"]},
            "sandbox": "strict",
            "writable": [],
            **params,
        }
        module = types.SimpleNamespace(params=given, no_log_values=set(), warned=[], _diff=True)
        module.warn = module.warned.append
        return module

    def go_back(self, env: dict[str, str] | None = None, **params) -> rollback.RolledBack:
        return rollback.RolledBack(self.module(**params), env or {})


@pytest.fixture
def host(tmp_path, monkeypatch):
    host = Host(tmp_path)
    for name in ("r1", "r2", "r3"):
        host.deploy(name)
    monkeypatch.setattr(rollback, "Paths", lambda _: host.paths)
    monkeypatch.setattr(_systemd, "show_all", lambda *_: [])
    monkeypatch.setattr(Swap, "run", lambda self, **_: host.swaps.append(self))
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    monkeypatch.setattr(_hook, "run_all", lambda *given: host.said.append(given))
    return host


def test_the_instance_before_the_live_one_is_swapped_in_from_its_files(host):
    back = host.go_back()
    result = back.result()
    assert (result["instance"], result["release"]) == (host.ids["r2"], "r2")
    assert (result["previous"], result["previous_release"]) == (host.ids["r3"], "r3")
    assert result["changed"]
    assert result["diff"] == {
        "before": f"instance {host.ids['r3']}, release r3\n",
        "after": f"instance {host.ids['r2']}, release r2\n",
    }
    back.apply()
    (swap,) = host.swaps
    assert swap.wanted.id == host.ids["r2"]
    assert not swap.plan.shared
    assert "secret-of-r2" in swap.secrets
    # It keeps its place in the line.
    assert swap.record["previous"] == host.ids["r1"]
    assert swap.record["by"] == "ann@ws"
    (held,) = swap.held
    assert (held["instance"], held["release"], held["by"]) == (host.ids["r3"], "r3", "ann@ws")
    (line,) = host.paths.log.read_text().splitlines()
    logged = json.loads(line)
    assert (logged["action"], logged["from"], logged["to"]) == ("rollback", host.ids["r3"], host.ids["r2"])


def test_the_links_to_the_files_go_along(host):
    links = {name: str(host.paths.root / name) for name in ("current", "previous")}
    host.go_back(**links).apply()
    (swap,) = host.swaps
    assert {"current": str(swap.current), "previous": str(swap.previous)} == links


def test_the_apps_own_commands_are_run_around_it_as_the_older_release(host):
    host.go_back().apply()
    ((commands, context, kind),) = host.said
    assert (commands, kind) == (["say after"], "notify.after")
    assert context.release.directory == host.paths.root / "srv/r2/code"
    assert context.environment()["TOKEN"] == "secret-of-r2"
    assert context.more == {
        "WEBSTACK_INSTANCE": host.ids["r2"],
        "WEBSTACK_PREVIOUS": host.ids["r3"],
        "WEBSTACK_ACTION": "rollback",
    }
    host.swaps[0].before()
    assert host.said[1][0] == ["say before"]


def test_an_instance_that_was_rolled_back_is_passed_over_unless_it_is_named(host):
    host.hold("r2")
    assert host.go_back().again.wanted.id == host.ids["r1"]
    named = host.go_back(to="r2")
    named.apply()
    assert [entry["instance"] for entry in host.swaps[0].held] == [host.ids["r3"]]


def test_the_environment_of_today_makes_a_copy_with_its_own_id(host):
    back = host.go_back({"TOKEN": "of-today"}, environment="current")
    back.apply()
    (swap,) = host.swaps
    assert swap.wanted.id not in host.ids.values()
    env = next(file.text for file in swap.wanted.own if file.path.name == "env")
    assert 'TOKEN="of-today"' in env
    assert swap.record["instance"] == swap.wanted.id
    assert (swap.record["release"], swap.record["previous"]) == ("r2", host.ids["r1"])


def test_with_the_environment_of_today_what_was_left_is_held_with_that_environment_too(host):
    today = {"TOKEN": "of-today"}
    back = host.go_back(today, environment="current")
    back.apply()
    live = host.ids["r3"]
    record = json.loads((host.paths.instance(live) / "instance.json").read_text())
    deployed_today = as_of_today(host.paths, live, live, record, today).id
    assert {entry["instance"] for entry in host.swaps[0].held} == {live, deployed_today}
    assert {entry["release"] for entry in host.swaps[0].held} == {"r3"}


def test_a_live_instance_that_is_not_whole_can_be_left_with_the_environment_of_today(host):
    (host.paths.instance(host.ids["r3"]) / "env").unlink()
    host.go_back({"TOKEN": "of-today"}, environment="current").apply()
    assert [entry["instance"] for entry in host.swaps[0].held] == [host.ids["r3"]]


def test_a_copy_listens_where_the_proxies_ask_today(host):
    host.deploy("r4", socket="gunicorn-shop-10.0.0.1:80.socket")
    (host.paths.units / "gunicorn-shop-10.0.0.1:80.socket").write_text("ListenStream=10.0.0.1:80\n")
    back = host.go_back()
    assert back.again.listen == "10.0.0.1:80"
    assert back.again.wanted.id not in host.ids.values()
    service = next(file.text for file in back.again.wanted.own if file.path.name.endswith(".service"))
    assert service.startswith("Sockets=gunicorn-shop-10.0.0.1:80.socket gunicorn-shop@")


def test_the_live_one_by_its_name_is_left_as_it_is_but_for_what_a_killed_run_left(host):
    for named in ("r3", host.ids["r3"]):
        back = host.go_back(to=named)
        assert back.result()["instance"] == back.result()["previous"] == host.ids["r3"]
    host.hold("r2")
    back.apply()
    (swap,) = host.swaps
    # No list of held ones: that on the host stays as it is.
    assert (swap.plan.swap, swap.held) == (False, ())
    assert host.said == []


def test_another_good_instance_of_a_release_that_is_live_is_told(host):
    record = json.loads((host.paths.instance(host.ids["r2"]) / "instance.json").read_text())
    host.write(host.ids["r2"], {**record, "release": "r3"})
    back = host.go_back(to="r3")
    assert back.module.warned == [
        f"shop: release r3 is live already, by instance {host.ids['r3']}; to go back to another instance of "
        f"it, name it: {host.ids['r2']}"
    ]
    assert host.go_back(to=host.ids["r3"]).module.warned == []


def test_a_target_that_is_not_there_is_refused_with_what_there_is(host):
    with pytest.raises(Refused) as refused:
        host.go_back(to="r9")
    words = "shop: there is no instance or release 'r9' to go back to. There are:\n    instance "
    assert words in str(refused.value)
    assert str(refused.value).count("\n    instance ") == 3


def test_a_target_whose_release_is_gone_is_refused(host):
    (host.paths.root / "srv/r2/code").rmdir()
    with pytest.raises(Refused) as refused:
        host.go_back()
    lost = f"{host.paths.root}/srv/r2/code is gone"
    assert f"shop: instance {host.ids['r2']} cannot run any more, as {lost}; choose" in str(refused.value)


def test_where_nothing_is_before_the_live_one_it_is_said(host):
    host.hold("r1", "r2")
    with pytest.raises(Refused, match="shop: there is no earlier instance to go back to that would differ"):
        host.go_back()
    host.paths.record.unlink()
    with pytest.raises(Refused, match="shop: no instance is live, so there is nothing to go back from"):
        host.go_back()


def test_what_was_rolled_back_is_left_aside_with_a_warning(host):
    host.deploy("r4")
    host.hold("r3")
    module = host.module()
    kept = rollback.keep_live(module, host.paths, host.ids["r3"])
    assert kept is not None
    assert kept.result()["instance"] == host.ids["r4"]
    assert not kept.plan.swap
    assert module.warned == [
        f"shop: instance {host.ids['r3']} was rolled back at noon and is not deployed again; "
        f"instance {host.ids['r4']} stays live. Change the manifest, or set gunicorn_force (by the playbook "
        "deploy: -e force=true) to deploy it all the same."
    ]
    kept.apply()
    assert host.swaps[0].held == ()


def test_what_is_live_was_never_rolled_back_or_is_forced_is_not_left_aside(host):
    host.hold("r2")
    assert rollback.keep_live(host.module(), host.paths, host.ids["r1"]) is None
    assert rollback.keep_live(host.module(force=True), host.paths, host.ids["r2"]) is None
    host.hold("r3")
    assert rollback.keep_live(host.module(), host.paths, host.ids["r3"]) is None


def test_a_live_instance_that_lost_a_file_is_told_with_the_remedy(host):
    host.hold("r2")
    (host.paths.instance(host.ids["r3"]) / "env").unlink()
    with pytest.raises(Refused, match="is gone; change the manifest, or set gunicorn_force"):
        rollback.keep_live(host.module(), host.paths, host.ids["r2"])
