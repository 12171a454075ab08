# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Remove all that an app's instances have on a host."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils import _hook, _systemd
from ansible_collections.webstack.python.plugins.module_utils._files import unnamed
from ansible_collections.webstack.python.plugins.module_utils._instance import Paths
from ansible_collections.webstack.python.plugins.module_utils._instance_host import (
    public_sockets,
    read_units,
)


def remove(paths: Paths, links: Sequence[Path], *, dry: bool) -> tuple[bool, list[dict[str, Any]]]:
    """Stop the app and remove its units, its instances and the links to what is and was live.

    dry: only look. Returns whether there was anything, and the steps with their seconds.
    Raises SystemdError or OSError.
    """
    started = time.monotonic()
    sockets = public_sockets(paths)
    files = _files(paths, sockets, links)
    loaded = [name for name, unit in read_units(paths, sockets).items() if unit.active != "inactive"]
    there = bool(files or loaded or _hook.is_left(paths.app, paths.root))
    if dry or not there:
        return there, []
    # The target first, so that no socket starts the app again.
    loaded.sort(key=lambda name: name != paths.target)
    _systemd.stop(loaded)
    _hook.clear(paths.app, paths.root)
    for path in files:
        if path != paths.etc:
            _remove(path)
    _systemd.daemon_reload()
    if loaded:
        # What failed once would stay known to systemd.
        _systemd.run("systemctl", "reset-failed", *loaded)
    # Last of all: it tells the next run that there is something to remove.
    _remove(paths.etc)
    return True, [{"step": "remove", "seconds": round(time.monotonic() - started, 2)}]


def _files(paths: Paths, sockets: Iterable[str], links: Iterable[Path]) -> list[Path]:
    """Return what is there, each path once, the record of what is live before all units."""
    candidates = [
        paths.enabled,
        paths.record.parent,
        paths.units / paths.target,
        paths.units / paths.handle,
        *(paths.units / socket for socket in sockets),
        *sorted(paths.units.glob(paths.unit("*", "*"))),
        *sorted(paths.runtime_units.glob(paths.check_unit("*", "*"))),
        *sorted(
            folder
            for folder in paths.runtime_units.glob(f"gunicorn-{paths.app}*.socket.d")
            if paths.is_public_socket(folder.stem)
        ),
        paths.runtime_units / paths.mover,
        paths.etc,
        paths.sockets,
        paths.log,
        unnamed(paths.log),
    ]
    found = [path for path in candidates if path.is_symlink() or path.exists()]
    return found + [link for link in links if link.is_symlink()]


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
