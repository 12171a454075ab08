# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""One resolution of dependencies for all hosts of a run, though each host installs them itself."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def build_once(note: Path, build: Callable[[list[str]], dict[str, Any]]) -> dict[str, Any]:
    """Let the first build resolve freely, and give the versions that it found to all later ones.

    note: a file of this run, the same for builds that are to have the same versions. build: takes
    versions, none for the first, and returns the module's answer, whose key pins is taken out.
    The forks of a run wait for the first build; where it fails, the next one is the first.
    """
    with note.open("a+", encoding="utf-8") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        handle.seek(0)
        known = handle.read()
        if not known:
            answer = build([])
            pins = answer.pop("pins", [])
            handle.write(json.dumps(pins) if pins else "")
            return answer
    return build(json.loads(known))
