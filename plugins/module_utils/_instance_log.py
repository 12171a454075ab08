# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The deploy log of an app: one line of JSON for each swap that was tried."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._files import now, read_text, write_text
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths
from ansible_collections.webstack.python.plugins.module_utils._instance_trial import Refused, TakenBack

NEWEST = 1000  # lines that are kept


@dataclass(frozen=True)
class Attempt:
    """A swap that is tried. action: deploy, rollback or take-back. before: what is live until then."""

    paths: Paths
    by: str
    action: str
    before: str | None
    to: str
    release: str


@contextlib.contextmanager
def logged(
    attempt: Attempt | None, hide: Callable[[str], str], warn: Callable[[str], None]
) -> Iterator[None]:
    """Log how the block ends: live, refused, taken back or failed, and the reason's first line.

    attempt: None where the block swaps nothing. hide: takes out of the reason what nobody may see.
    warn: told where the log cannot be written; that is no reason to fail.
    """
    started, result, reason = time.monotonic(), "live", ""
    try:
        yield
    except BaseException as error:
        result, reason = _result(error), hide(str(error) or type(error).__name__).splitlines()[0]
        raise
    finally:
        if attempt is not None:
            seconds = round(time.monotonic() - started, 2)
            try:
                append(attempt.paths.log, _line(attempt, result, seconds, reason))
            except (OSError, UnicodeDecodeError) as error:
                warn(f"{attempt.paths.app}: the deploy log could not be written: {error}")


def _result(error: BaseException) -> str:
    if isinstance(error, TakenBack):
        return "taken back"
    return "refused" if isinstance(error, Refused) else "failed"


def _line(attempt: Attempt, result: str, seconds: float, reason: str) -> dict[str, Any]:
    return {
        "at": now(),
        "by": attempt.by,
        "app": attempt.paths.app,
        "action": attempt.action,
        "from": attempt.before,
        "to": attempt.to,
        "release": attempt.release,
        "result": result,
        "seconds": seconds,
        "reason": reason,
    }


def append(path: Path, line: dict[str, Any]) -> None:
    """Add a line to a log, and let go of the oldest beyond those that are kept. Raises OSError."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    lines = [*(read_text(path) or "").splitlines(), json.dumps(line)][-NEWEST:]
    write_text(path, "".join(f"{text}\n" for text in lines), 0o640)
