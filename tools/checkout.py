"""This checkout: its folders, its name on a shared machine, and the environment its tools run in."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
ANSIBLE_HOME = ROOT / ".ansible"
CACHE = ROOT / ".cache"
LOGS = CACHE / "logs"
JUNIT = CACHE / "junit"

# Container names are global to an engine: the path makes them this checkout's own.
IDENTITY = hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]
DEMO_CONTAINER = f"webstack-{IDENTITY}-demo"

# Marks every container and network of a checkout; the value is its IDENTITY.
LABEL = "webstack.checkout"

SYSTEM_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def environment() -> dict[str, str]:
    """Return the environment in which Ansible and Molecule serve this checkout and no other."""
    return {
        **os.environ,
        "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_HOME": str(ANSIBLE_HOME),
        "ANSIBLE_COLLECTIONS_PATH": str(ANSIBLE_HOME / "collections"),
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "MOLECULE_COMMAND_BORDERS": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
