"""The controller's half of the module instance."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.errors import AnsibleActionFail
from ansible_collections.webstack.python.plugins.action import instance
from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn
from ansible_collections.webstack.python.plugins.plugin_utils._person import person

DEFAULTS = {
    "workers": "auto",
    "worker_class": "gthread",
    "threads": 4,
    "timeout": 30,
    "graceful_timeout": 30,
    "settings": {},
    "service": {"sandbox": "strict", "memory_max": "512M"},
    "keep": 5,
}


def entry(name, **keys):
    manifest = {"name": name, "app": "web:app", "directory": f"/srv/{name}", "virtualenv": "/venv", **keys}
    return _gunicorn.resolve([manifest], DEFAULTS)[0]


@pytest.fixture
def run(monkeypatch):
    """Run the action with arguments, and return those of the module."""

    class Lookup:
        def run(self, terms, template_vars, **_variables):
            return [f"{terms[0]} {template_vars['app']['name']} {template_vars['check']}"]

    def run_with(**args):
        calls = []
        action = object.__new__(instance.ActionModule)
        action._task = SimpleNamespace(args=args)
        action._loader = action._templar = None
        monkeypatch.setattr(instance.ActionBase, "run", lambda *_: {})
        monkeypatch.setattr(instance.lookup_loader, "get", lambda *_, **__: Lookup())
        monkeypatch.setattr(
            action, "_execute_module", lambda **given: calls.append(given) or {"changed": True}
        )
        assert action.run(task_vars={"x": 1}) == {"changed": True}
        assert calls[0]["module_name"] == "webstack.python.instance"
        return calls[0]["module_args"]

    return run_with


def test_the_module_is_told_who_runs_ansible(run):
    assert run(name="shop", state="absent") == {"by": person(), "name": "shop", "state": "absent"}


def test_an_entry_becomes_the_options_of_the_module(run):
    links = {"current": "/srv/current", "previous": "/srv/previous"}
    shop = entry("shop", env={"A": "1"}, listen="127.0.0.1:8000", workers=3, **links)
    given = run(apps=[shop], templates={"config": "c.j2", "check_service": "s.j2"}, settle=True)
    assert given == {
        "by": person(),
        "name": "shop",
        "user": "shop",
        "directory": "/srv/shop",
        "virtualenv": "/venv",
        **links,
        "listen": "127.0.0.1:8000",
        "env": {"A": "1"},
        "workers": "3",
        "worker_class": "gthread",
        "memory_max": "512M",
        "settings": {},
        "health": shop["health"],
        "notify": {"before": [], "after": []},
        "sandbox": "strict",
        "writable": [],
        "keep": 5,
        "settle": True,
        "planned": {},
        "files": {"config": "c.j2 shop False", "check_service": "s.j2 shop True"},
    }


def test_each_app_gets_the_release_that_this_run_built_for_it(run):
    planned = {"blog": {"directory": "/srv/blog/releases/x/code"}}
    given = run(apps=[entry("shop"), entry("blog")], templates={}, planned=planned, state="compared")
    assert given["state"] == "compared"
    assert [(app["name"], app["state"], app["planned"]) for app in given["apps"]] == [
        ("shop", "present", {}),
        ("blog", "present", planned["blog"]),
    ]


@pytest.mark.parametrize("names", [[], ["shop", "blog"]])
def test_one_swap_is_of_one_app(run, names):
    with pytest.raises(AnsibleActionFail, match="one entry is wanted"):
        run(apps=[entry(name) for name in names], templates={})
