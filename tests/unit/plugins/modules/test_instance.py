"""What the module shows, and what it keeps to itself."""

from __future__ import annotations

import json
import os
import types
from pathlib import Path

import pytest
import yaml
from ansible_collections.webstack.python.plugins.module_utils import (
    _hook,
    _instance,
    _instance_options,
    _instance_present,
    _systemd,
)
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths, live_record
from ansible_collections.webstack.python.plugins.modules import instance


def module(**params):
    return types.SimpleNamespace(params=params, no_log_values=set())


def test_the_hosts_key_is_made_once_and_for_root_alone(tmp_path, monkeypatch):
    monkeypatch.setattr("os.fchown", lambda *_: None)
    path = tmp_path / "webstack/instance.key"
    assert _instance_present.read_key(path, create=False) == b""
    assert not path.exists()
    key = _instance_present.read_key(path, create=True)
    assert len(key) == 64
    assert _instance_present.read_key(path, create=True) == key
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_failure_ends_with_what_is_live(tmp_path):
    paths = Paths("shop", tmp_path)
    assert instance.still_live(paths, None) == "shop: no instance is live."
    paths.record.parent.mkdir(parents=True)
    paths.record.write_text(live_record(paths, "aaaaaaaaaaaa"))
    folder = paths.instance("aaaaaaaaaaaa")
    folder.mkdir(parents=True)
    (folder / "instance.json").write_text(json.dumps({"release": "r1"}))
    said = "shop: instance aaaaaaaaaaaa (release r1) is live, "
    assert instance.still_live(paths, "aaaaaaaaaaaa") == f"{said}as before."
    assert instance.still_live(paths, "bbbbbbbbbbbb") == f"{said}since this run."


def test_a_unit_of_somebody_else_is_refused(tmp_path):
    paths = Paths("shop", tmp_path)
    paths.units.mkdir(parents=True)
    (paths.units / paths.handle).write_text("[Service]\n")
    with pytest.raises(instance.Refused, match=r"gunicorn-shop\.service was not made by webstack"):
        instance.refuse_foreign_units(paths)


def test_check_mode_shows_of_a_pending_code_change_only_the_release(tmp_path, monkeypatch):
    paths = Paths("shop", tmp_path)
    srv = tmp_path / "srv"
    (srv / "r1/code/src").mkdir(parents=True)
    (srv / "venv/bin").mkdir(parents=True)
    (srv / "venv/bin/python").symlink_to("/usr/bin/python3")
    (srv / "venv/lib/python3.11/site-packages/gunicorn-27.0.1.dist-info").mkdir(parents=True)
    monkeypatch.setattr(_instance, "Paths", lambda _: paths)
    monkeypatch.setattr(_systemd, "show_all", lambda *_: [])
    texts = dict.fromkeys(_instance_options.FILES, "")
    texts["config"] = "keepalive = __KEEPALIVE__\n"
    texts["service"] = (
        "Environment=WEBSTACK_RELEASE=__RELEASE__\n"
        "Environment=PYTHONPATH=__PYTHONPATH__\n"
        "ExecStart=__VIRTUALENV__/bin/gunicorn\n"
        "BindReadOnlyPaths=__READ_ONLY_PATHS__\n"
    )
    shown = module(
        name="shop",
        directory=str(srv / "r1/code"),
        virtualenv=str(srv / "venv"),
        current=None,
        previous=None,
        planned={},
        listen="unix",
        settle=False,
        keep=5,
        workers="2",
        worker_class="gthread",
        memory_max="",
        files=texts,
    )
    shown.check_mode = True
    live = instance.Present(shown, {})
    for file in (*live.wanted.own, *live.wanted.shared):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text)
    record = {"directory": str(srv / "r1/code"), "virtualenv": str(srv / "venv")}
    (paths.instance(live.wanted.id) / "instance.json").write_text(json.dumps(record))
    paths.record.parent.mkdir(parents=True)
    paths.record.write_text(live_record(paths, live.wanted.id))

    shown.params["planned"] = {"directory": str(srv / "r2/code"), "virtualenv": str(srv / "venv")}
    (diff,) = instance.Present(shown, {})._diff()

    assert diff["after"] != diff["before"]
    assert diff["after"] == diff["before"].replace("r1", "r2")


def test_a_pointer_that_leads_elsewhere_by_now_is_refused(tmp_path):
    for name in ("built", "other"):
        (tmp_path / name).mkdir()
    pointer = tmp_path / "next"
    pointer.symlink_to("built")
    _instance_present.refuse_other_release("shop", pointer, tmp_path / "built")
    pointer.unlink()
    pointer.symlink_to("other")
    with pytest.raises(instance.Refused) as refused:
        _instance_present.refuse_other_release("shop", pointer, tmp_path / "built")
    assert str(refused.value) == (
        f"shop: {pointer} leads to {tmp_path}/other by now, but this run has built {tmp_path}/built: "
        "another run came between; run again, so that one of them has the last word"
    )


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The module as main gets it, for an absent app on a host of its own."""
    shown = module(
        name="shop",
        state="absent",
        by="ann@ws",
        current=None,
        previous=None,
        env={"KEY": "first line\nend"},
    )
    shown.check_mode = False
    shown.said = []
    shown.exit_json = lambda **result: shown.said.append(result)
    shown.paths = Paths("shop", tmp_path)

    def fail(msg: str) -> None:
        shown.said.append(msg)
        raise SystemExit(1)

    shown.fail_json = fail
    monkeypatch.setattr(instance, "AnsibleModule", lambda **_: shown)
    monkeypatch.setattr(_instance, "Paths", lambda _: shown.paths)
    monkeypatch.setattr(_systemd, "show_all", lambda *_: [])
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return shown


def test_an_absent_app_leaves_no_lock(started):
    instance.main()
    assert started.said == [{"changed": False, "repaired": [], "steps": []}]
    assert started.paths.lock.parent.is_dir()
    assert not started.paths.lock.exists()


def test_a_failure_shows_no_value_of_the_environment(started, monkeypatch):
    def refuse(*_: object) -> None:
        raise instance.Refused("boom: first line\nend")

    monkeypatch.setattr(instance, "refuse_foreign_units", refuse)
    with pytest.raises(SystemExit):
        instance.main()
    assert started.said == ["boom: ********\nshop: no instance is live."]


def test_a_failure_after_the_switch_is_told_as_one(started, monkeypatch):
    record = started.paths.record

    def switch(*_: object) -> None:
        record.parent.mkdir(parents=True)
        record.write_text(live_record(started.paths, "aaaaaaaaaaaa"))
        raise instance.Unproven("boom")

    monkeypatch.setattr(instance, "run", switch)
    with pytest.raises(SystemExit):
        instance.main()
    assert started.said == ["boom\nshop: instance aaaaaaaaaaaa (release unknown) is live, since this run."]


@pytest.fixture
def applied(monkeypatch, tmp_path):
    """A Present of a live instance, with a stand-in for the swap; swaps: what each was made of."""
    swaps = []
    monkeypatch.setattr(
        _instance_present,
        "Swap",
        lambda **given: (
            swaps.append(given) or types.SimpleNamespace(run=lambda **_: None, steps=[], health=None)
        ),
    )
    present = object.__new__(_instance_present.Present)
    present.env = {"SECRET": "hunter2hunter2"}
    health = {"path": "/", "status": [], "timeout": 1, "host": "h", "scheme": "http", "body": "", "watch": 0}
    present.params = {"health": health, "listen": "unix", "keep": 5, "settle": False, "user": "shop"}
    present.params |= {
        "name": "shop",
        "notify": {"before": [], "after": []},
        "sandbox": "off",
        "writable": [],
    }
    present.module = types.SimpleNamespace()
    present.module.warn = pytest.fail
    present.params |= {"by": "ann@ws", "settings": {}}
    present.paths = Paths("shop", tmp_path)
    present.current = present.previous = None
    present.wanted = types.SimpleNamespace(id="aaaaaaaaaaaa")
    present.observed = types.SimpleNamespace(records={}, live=None)
    present.plan = types.SimpleNamespace(swap=False)
    present.release = None
    monkeypatch.setattr(_instance_present, "find_account", lambda *_: None)
    monkeypatch.setattr(present, "_record", dict)
    present.swaps = swaps
    return present


def test_a_swap_knows_the_values_that_it_must_not_show(applied):
    assert applied.apply() == []
    assert [swap["secrets"] for swap in applied.swaps] == [{"hunter2hunter2"}]


def test_what_comes_after_a_switch_comes_after_a_watch_that_another_run_ends(applied, monkeypatch):
    said = []
    monkeypatch.setattr(_hook, "run_all", lambda *given: said.append(given))
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    monkeypatch.setattr(
        _instance_present, "Watch", lambda **_: types.SimpleNamespace(run=lambda *_: said.append("watched"))
    )
    applied.params["notify"]["after"] = ["say after"]
    records = {"aaaaaaaaaaaa": {"accepted": False, "previous": "bbbbbbbbbbbb"}}
    applied.observed = types.SimpleNamespace(records=records, live="aaaaaaaaaaaa")
    applied.release = _instance.Release(Path("/srv/r2/code"), Path("/srv/venv"), (), "27", ())
    applied.apply()
    watched, (commands, context, kind) = said
    assert (watched, commands, kind) == ("watched", ["say after"], "notify.after")
    assert context.more["WEBSTACK_PREVIOUS"] == "bbbbbbbbbbbb"


def test_the_documentation_and_the_arguments_name_the_same_options():
    def names(spec, key):
        return {name: names(option.get(key) or {}, key) for name, option in spec.items()}

    documented = yaml.safe_load(instance.DOCUMENTATION)["options"]
    assert names(documented, "suboptions") == names(_instance_options.ARGUMENTS, "options")
