# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a release's own Gunicorn cannot do of what it is to do."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible_collections.webstack.python.plugins.module_utils._instance import Release

# In a config file Gunicorn passes over names that it does not know; here they are told.
SCRIPT = """
import difflib, json, sys
from gunicorn import __version__
from gunicorn.config import Config

config, findings = Config(), []
for name, value in json.load(sys.stdin).items():
    if name not in config.settings:
        near = difflib.get_close_matches(name, config.settings, 1)
        advice = f"did you mean '{near[0]}'?" if near else "remove it"
        findings.append(f"{name}: Gunicorn {__version__} has no such setting; {advice}")
        continue
    try:
        config.set(name, value)
    except Exception as error:
        findings.append(f"{name}: Gunicorn {__version__} refuses the value: {error}")
json.dump(findings, sys.stdout)
"""
TIMEOUT = 20  # seconds
ASGI_SINCE = (24,)


def missing_class(worker_class: str, release: Release) -> str:
    """Say that a release's Gunicorn is older than a worker class; nothing where it has it."""
    if worker_class != "asgi" or release.gunicorn_version >= ASGI_SINCE:
        return ""
    return (
        f"worker_class asgi needs Gunicorn 24 or newer, and {release.virtualenv} has {release.gunicorn}; "
        "allow a newer one in the requirements"
    )


def complaints(virtualenv: Path, settings: Mapping[str, Any], uid: int, gid: int) -> list[str]:
    """Return what the virtualenv's Gunicorn has against settings; one line each.

    uid, gid: whom it runs as. The virtualenv may belong to the app, so never as root.
    """
    if not settings:
        return []
    try:
        done = subprocess.run(
            [str(virtualenv / "bin/python"), "-I", "-c", SCRIPT],
            input=json.dumps(settings),
            check=False,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            user=uid,
            group=gid,
            extra_groups=[],
        )
    except subprocess.TimeoutExpired:
        return [f"{virtualenv}: its Gunicorn, asked about settings, gave no answer within {TIMEOUT} s"]
    if done.returncode != 0:
        return [f"{virtualenv}: its Gunicorn cannot be asked about settings: {done.stderr.strip()}"]
    found: list[str] = json.loads(done.stdout)
    return found
