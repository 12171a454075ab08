"""Playbooks run for real, as far as they go without a host: each is this machine, or out of reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture
def here():
    """The variables of a host that is this machine."""
    return {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "ansible_become": False,
    }


@pytest.fixture
def away():
    """The variables of a host that cannot be reached."""
    return {"ansible_host": "127.0.0.1", "ansible_port": 9, "ansible_become": False}


@pytest.fixture
def play(tmp_path):
    """Return a function that runs a playbook in check mode, and gives its exit status and all it says."""

    def run(playbook, app_servers, *options, **groups):
        hosts = {"app_servers": {"hosts": app_servers}, **groups}
        (tmp_path / "hosts.json").write_text(json.dumps(hosts))
        done = subprocess.run(
            ["ansible-playbook", "-i", "hosts.json", "--check", str(ROOT / "playbooks" / playbook), *options],
            check=False,
            cwd=tmp_path,
            env={
                **os.environ,
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "HOME": str(tmp_path),
                "ANSIBLE_HOME": str(tmp_path / "ansible"),
                "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
                "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
                "ANSIBLE_NOCOLOR": "1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return done.returncode, done.stdout

    return run
