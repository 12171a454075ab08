"""What a real run of Ansible prints of a source's secrets: nothing, whether it succeeds or fails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
SECRETS = ("hunter2", "K3YTEXT", "s1gnature")
PLAY = [
    {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {"ansible_python_interpreter": sys.executable},
        "tasks": [
            {
                "webstack.python.release": {
                    "name": "webstack-test",
                    "source": "{{ given }}",
                    "uv": "/nonexistent/uv",
                    "gunicorn_version": "27.0.1",
                }
            }
        ],
    }
]


@pytest.fixture
def play(tmp_path):
    """Run Ansible in check mode, as loud as it gets; return its exit status and all it says."""
    (tmp_path / "play.json").write_text(json.dumps(PLAY))

    def run(source):
        (tmp_path / "vars.json").write_text(json.dumps({"given": source}))
        command = ["ansible-playbook", "-vvv", "--diff", "--check", "-i", "localhost,", "play.json"]
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "ANSIBLE_HOME": str(tmp_path / "ansible"),
            "ANSIBLE_LOCAL_TEMP": str(tmp_path / "local"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".ansible/collections"),
            "ANSIBLE_LOG_PATH": str(tmp_path / "log"),
        }
        done = subprocess.run(
            [*command, "-e", "@vars.json"],
            check=False,
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        kept = [
            path.read_text(errors="replace") for path in (tmp_path / "ansible").rglob("*") if path.is_file()
        ]
        said = "\n".join([done.stdout, (tmp_path / "log").read_text(), *kept])
        assert not [secret for secret in SECRETS if secret in said]
        return done.returncode, done.stdout

    return run


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            {"git": "https://bob:hunter2@127.0.0.1:9/x.git"},
            "reading 'HEAD' from https://127.0.0.1:9/x.git failed",
        ),
        (
            {"git": "https://127.0.0.1:9/x.git", "token": "hunter2"},
            "reading 'HEAD' from https://127.0.0.1:9/x.git failed",
        ),
        (
            {"git": "ssh://git@127.0.0.1:9/x.git", "deploy_key": "-----BEGIN K3YTEXT"},
            "reading 'HEAD' from ssh://***@127.0.0.1:9/x.git failed",
        ),
        (
            {
                "archive": "https://bob:hunter2@127.0.0.1:9/x.zip?sig=s1gnature",
                "checksum": "sha256:" + "0" * 64,
            },
            "fetching https://127.0.0.1:9/x.zip failed",
        ),
        ({"git": "/x", "path": "/", "token": "hunter2"}, "mutually exclusive"),
    ],
    ids=["URL", "token", "key", "archive", "wrong options"],
)
def test_failed_fetch_is_said_without_its_secrets(play, source, message):
    status, said = play(source)
    assert status == 2
    assert message in said


def test_release_is_shown_without_the_secrets_of_its_source(play, tmp_path):
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop/app.py").touch()
    author = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for command in (("init", "-q"), ("add", "-A"), ("commit", "-q", "-m", "x")):
        subprocess.run(["git", *author, *command], cwd=tmp_path / "shop", check=True)
    status, said = play({"git": str(tmp_path / "shop"), "token": "hunter2", "deploy_key": "K3YTEXT"})
    assert status == 0
    assert f"{tmp_path}/shop" in said
