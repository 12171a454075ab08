"""The app's own commands around a swap: what a failing one does."""

from __future__ import annotations

import types

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _hook
from ansible_collections.webstack.python.plugins.module_utils._instance_notify import Notify
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused

COMMANDS = {"before": ["tell before"], "after": ["tell after"]}


@pytest.fixture
def notify(monkeypatch):
    """A notification of which every command fails."""

    def fail(commands, _context, kind):
        raise _hook.HookError(f"{kind}[0] failed: {commands[0]!r}: exit status 3")

    monkeypatch.setattr(_hook, "run_all", fail)
    return Notify(COMMANDS, types.SimpleNamespace(app="shop"))


def test_a_command_that_fails_before_the_switch_refuses_it(notify):
    with pytest.raises(Refused) as refused:
        notify.before()
    assert str(refused.value) == "shop: notify.before[0] failed: 'tell before': exit status 3"


def test_a_command_that_fails_after_the_switch_is_a_warning(notify):
    warned = []
    notify.after(warned.append)
    assert warned == ["shop: the switch is done, but notify.after[0] failed: 'tell after': exit status 3"]
