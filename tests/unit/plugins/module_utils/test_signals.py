"""A module that is asked to end."""

from __future__ import annotations

import os
import signal

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _signals


@pytest.fixture(autouse=True)
def handlers():
    """Leave the handlers of whoever runs the tests as they were."""
    before = {number: signal.getsignal(number) for number in _signals.ENDINGS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", _signals.ENDINGS)
def test_a_signal_is_raised_once_and_nothing_interrupts_what_follows(number):
    _signals.raise_terminated()
    with pytest.raises(_signals.Terminated, match=f"the run was ended by {signal.Signals(number).name}"):
        os.kill(os.getpid(), number)
    for other in _signals.ENDINGS:
        os.kill(os.getpid(), other)
