# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether a release still wants its migrations, and what becomes of one whose migrations fail."""

from __future__ import annotations

import json
import os
import shutil
from datetime import datetime, timezone
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import replace_link, write_text
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    Layout,
    ReleaseError,
    pointed_release,
    read_json,
)
from ansible_collections.webstack.python.plugins.module_utils._release_prune import (
    INSTANCES,
    releases_of_instances,
)

MARKER = "migrated"


def is_wanted(layout: Layout, release: str, instances: Path = INSTANCES) -> bool:
    """Tell whether the migrations of a release were never run on this host, and may be.

    A release that was live once, or was rolled back, has had its time: going back to it, or on
    with another configuration, migrates nothing.
    """
    held = read_json(instances / layout.app / "held.json").get("held", [])
    had_their_time = {*releases_of_instances(layout, instances), *(str(one.get("release")) for one in held)}
    return release not in had_their_time and not (layout.release(release) / MARKER).exists()


def refuse_other(layout: Layout, release: str) -> None:
    """Raise ReleaseError where a release is not there, or not the one that is to run."""
    pointed = pointed_release(layout)
    if pointed is None or pointed.id != release:
        raise ReleaseError(
            f"release {release} is not the one to run (any more), so it is not migrated; run again"
        )


def note(layout: Layout, release: str) -> None:
    """Write down that the migrations of a release were run. Raises OSError."""
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    write_text(layout.release(release) / MARKER, f"{json.dumps({'at': at})}\n")


def discard(layout: Layout, release: str) -> None:
    """Remove a release that nobody uses, and point to the live one instead, if there is one.

    Raises OSError.
    """
    live = live_release(layout)
    if live:
        replace_link(layout.pointer, f"releases/{live}")
    else:
        layout.pointer.unlink(missing_ok=True)
    shutil.rmtree(layout.release(release))


def live_release(layout: Layout) -> str:
    """Return the id of the release that the live instance runs; empty for none."""
    try:
        code = layout.directory / os.readlink(layout.current)
    except OSError:
        return ""
    return code.parent.name if code.parent.parent == layout.releases and code.is_dir() else ""
