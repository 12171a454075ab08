"""A look at many apps in one call."""

from __future__ import annotations

import types

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _instance_compared, _instance_options

DIFFERS = {"changed": True, "pending": True}
WAITS = {"changed": False, "pending": True}
SAME = {"changed": False, "pending": False}


def app(name, **options):
    return {
        "name": name,
        "state": "present",
        "user": name,
        "directory": f"/srv/{name}/next/code",
        "virtualenv": f"/srv/{name}/next/venv",
        "files": dict.fromkeys(_instance_options.FILES, ""),
        **options,
    }


@pytest.fixture
def key(tmp_path):
    """The host's secret, which is there once an app was live."""
    path = tmp_path / "instance.key"
    path.touch()
    return path


@pytest.fixture
def look(monkeypatch, key):
    """Compare apps; what is to be done for each is given by its name."""
    states, calls = {}, []

    class Present:
        def __init__(self, call, env):
            calls.append((call, env))
            self.name = call.params["name"]
            self.paths = types.SimpleNamespace(app=self.name)
            self.wanted = types.SimpleNamespace(id="aaaaaaaaaaaa")
            if isinstance(states[self.name], Exception):
                raise states[self.name]

        def result(self):
            return states[self.name]

    def compare(*apps, check_mode=False, **given):
        states.update(given)
        module = types.SimpleNamespace(params={"apps": list(apps)}, check_mode=check_mode, _diff=True)
        return _instance_compared.compare(module), calls, module

    monkeypatch.setattr(_instance_compared, "Present", Present)
    monkeypatch.setattr(_instance_compared, "Paths", lambda _: types.SimpleNamespace(key=key))
    monkeypatch.setattr(_instance_compared, "keep_live", lambda *_: None)
    monkeypatch.setattr(_instance_compared._instance_host, "foreign_units", lambda _: [])
    return compare


def test_the_apps_that_differ_are_named(look):
    result, _, _ = look(app("shop"), app("blog"), app("wiki"), shop=SAME, blog=DIFFERS, wiki=WAITS)
    assert result == {"changed": False, "differing": ["blog"], "waiting": ["wiki"]}


@pytest.mark.parametrize(
    "error", [ValueError("no virtualenv"), OSError("no space"), _instance_compared.Refused("no")]
)
def test_what_stands_in_the_way_of_an_app_is_left_for_its_own_call_to_say(look, error):
    assert look(app("shop"), shop=error)[0]["differing"] == ["shop"]


def test_an_app_with_units_of_somebody_else_differs(look, monkeypatch):
    monkeypatch.setattr(_instance_compared._instance_host, "foreign_units", lambda paths: [paths.app])
    assert look(app("shop"), shop=SAME)[0]["differing"] == ["shop"]


def test_an_app_that_was_rolled_back_is_compared_with_what_stays_live(look, monkeypatch):
    kept = types.SimpleNamespace(result=lambda: SAME)
    monkeypatch.setattr(_instance_compared, "keep_live", lambda *_: kept)
    assert look(app("shop"), shop=DIFFERS)[0]["differing"] == []


def test_each_app_is_looked_at_with_its_own_options(look):
    _, calls, _ = look(app("shop", listen="127.0.0.1:8000"), app("blog"), shop=SAME, blog=SAME)
    assert [(call.params["name"], call.params["listen"]) for call, _ in calls] == [
        ("shop", "127.0.0.1:8000"),
        ("blog", "unix"),
    ]


@pytest.mark.parametrize("check_mode", [True, False])
def test_only_check_mode_foresees_a_release_that_is_not_there(look, check_mode):
    _, calls, _ = look(app("shop"), check_mode=check_mode, shop=SAME)
    assert [call.check_mode for call, _ in calls] == [check_mode]


def test_on_a_host_that_never_had_an_app_all_differ_and_nothing_is_made(look, key):
    key.unlink()
    result, calls, _ = look(app("shop"), shop=SAME)
    assert (result["differing"], calls) == (["shop"], [])


def test_no_value_of_an_environment_is_shown(look):
    secret = {"env": {"KEY": "hunter2hunter2"}}
    _, calls, module = look(app("shop", **secret), app("blog"), shop=SAME, blog=SAME)
    assert calls[0][1] == {"KEY": "hunter2hunter2"}
    assert module.params == {"apps": ["shop", "blog"]}
    assert module.no_log_values == {"hunter2hunter2"}
    assert "hunter2" not in str([call.params for call, _ in calls])
