"""The controller's half of the module instance."""

from __future__ import annotations

from types import SimpleNamespace

from ansible_collections.webstack.python.plugins.action import instance
from ansible_collections.webstack.python.plugins.plugin_utils._person import person


def test_the_module_is_told_who_runs_ansible(monkeypatch):
    calls = []
    action = object.__new__(instance.ActionModule)
    action._task = SimpleNamespace(args={"name": "shop", "env": {"A": "1"}})
    monkeypatch.setattr(instance.ActionBase, "run", lambda *_: {})
    monkeypatch.setattr(action, "_execute_module", lambda **given: calls.append(given) or {"changed": True})
    assert action.run(task_vars={"x": 1}) == {"changed": True}
    assert calls == [
        {
            "module_name": "webstack.python.instance",
            "module_args": {"by": person(), "name": "shop", "env": {"A": "1"}},
            "task_vars": {"x": 1},
        }
    ]
