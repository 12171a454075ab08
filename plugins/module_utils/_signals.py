# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Signals that ask a module to end, as exceptions: so that what was begun is undone."""

from __future__ import annotations

import signal
from types import FrameType
from typing import NoReturn

ENDINGS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Terminated(Exception):
    """A signal asked the run to end."""


def raise_terminated() -> None:
    """Have each of these signals raise Terminated, once."""
    for number in ENDINGS:
        signal.signal(number, _raise)


def ignore_endings() -> None:
    """Ignore these signals from now on: nothing is to interrupt what undoes the rest."""
    for number in ENDINGS:
        signal.signal(number, signal.SIG_IGN)


def _raise(number: int, _frame: FrameType | None) -> NoReturn:
    ignore_endings()
    raise Terminated(f"the run was ended by {signal.Signals(number).name}")
