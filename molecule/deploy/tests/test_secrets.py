"""A token of Git's, a password of the index's and a secret of the app's show up nowhere, whatever fails."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import git_server
import harness
import pytest

INDEX = Path(__file__).resolve().parents[1] / "index.py"
TOKEN, PASSWORD, SECRET = "tok-en-4f1b9c", "pass-word-77ad02", "sec-ret-c3d8e1"
SECRETS = (TOKEN, PASSWORD, SECRET)
SAMPLE_SECONDS = 0.05
# Runs on the host as nobody, until its input ends, and prints every command line that was seen.
SAMPLER = """
import glob, sys, threading, time
seen = set()
def look():
    while True:
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                seen.add(open(path, "rb").read())
            except OSError:
                pass
        time.sleep(0.01)
threading.Thread(target=look, daemon=True).start()
sys.stdin.read()
sys.stdout.buffer.write(b"\\n".join(seen.copy()).replace(b"\\0", b" "))
"""

# What makes a run fail, by the step that does, and what its message shows then.
STEPS: dict[str, tuple[dict[str, Any], str]] = {
    "source": ({"ref": "no-such-branch"}, "no-such-branch"),
    "build": ({"requirements": ["webstack-private==9.9"]}, "webstack-private==9.9"),
    # What a command prints is its own affair; what the run shows of it is not.
    "build command": ({"build": ['echo "$GREETING"; exit 3']}, "exit status 3"),
    "migration": (
        # Its build makes it a release of its own, for which nothing was migrated yet.
        {"build": ["true"], "migrate": ['echo "$GREETING"; exit 4']},
        "exit status 4",
    ),
    "rehearsal": ({"app": "nowhere:app"}, "No module named 'nowhere'"),
    "front": ({"extra": "proxy_bufering off;"}, "proxy_bufering"),
    "nothing": ({}, ""),
}


@dataclasses.dataclass(frozen=True)
class Guarded:
    """An app whose source and whose index ask for a password."""

    host: harness.Host
    git: str
    certificate: Path

    def run(self, ref: str = "main", extra: str = "", **keys: Any) -> harness.Run:
        """Run site.yml with all that an output may show."""
        entry = {
            "name": "guarded",
            "app": "web:app",
            "source": {"git": self.git.replace("https://", f"https://deploy:{TOKEN}@"), "ref": ref},
            "requirements": ["webstack-private==1.0"],
            "env": {"GREETING": SECRET},
            "health": {"path": "/healthz"},
            "gunicorn": {"workers": 1},
            "nginx": {"domains": ["guarded.test"], "extra": extra},
            **keys,
        }
        return self.host.deploy(
            [entry],
            "-vvv",
            "--diff",
            python_app_index_url="http://127.0.0.1:8900/simple",
            python_app_index_username="deploy",
            python_app_index_password=PASSWORD,
            python_app_ca_bundle=str(self.certificate),
        )


@contextlib.contextmanager
def serving_index(host: harness.Host) -> Iterator[None]:
    """Serve the index on the host."""
    command = ["docker", "exec", "-i", host.name, "python3", "-c", INDEX.read_text()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as index:
        assert index.stdin is not None
        assert index.stdout is not None
        index.stdin.write(f"deploy:{PASSWORD}\n".encode())
        index.stdin.flush()
        assert index.stdout.readline() == b"serving\n"
        yield
        index.stdin.close()


@pytest.fixture(scope="module")
def guarded(host, tmp_path_factory) -> Iterator[Guarded]:
    """The app, not deployed yet; the host's uv is to be had from the index again."""
    folder = tmp_path_factory.mktemp("guarded")
    harness.write_app(folder / "work")
    work = ["git", "-C", str(folder / "work"), "-c", "user.name=test", "-c", "user.email=test@example.com"]
    for command in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "First"]):
        subprocess.run([*work, *command], check=True)
    subprocess.run([*work, "clone", "-q", "--bare", ".", str(folder / "root/guarded.git")], check=True)
    host.sh("rm -rf /opt/webstack")
    served = git_server.serving(folder / "root", folder, "deploy", TOKEN)
    with served as (address, certificate), serving_index(host):
        yield Guarded(host, f"{address}/guarded.git", certificate)


@contextlib.contextmanager
def watching(host: harness.Host) -> Iterator[list[str]]:
    """Collect the command lines of the host's and of the controller's processes while the block runs."""
    lines: list[str] = []
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(SAMPLE_SECONDS):
            lines.append(subprocess.check_output(["ps", "axww", "-o", "args"], text=True))

    thread = threading.Thread(target=look)
    command = ["docker", "exec", "-i", "-u", "nobody", host.name, "python3", "-c", SAMPLER]
    sampler = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    thread.start()
    try:
        yield lines
    finally:
        ended.set()
        thread.join()
        output, _ = sampler.communicate(timeout=60)
        lines.append(output.decode(errors="replace"))


def holding(host: harness.Host) -> list[str]:
    """Return the host's files, with their modes, in which one of the secrets stands."""
    patterns = " ".join(f"-e {secret}" for secret in SECRETS)
    places = "/etc /home /opt /root /run /srv /tmp /usr/local /var"
    grep = f"grep -rlsF -D skip {patterns} {places} | xargs -r stat -c '%a %U %n'"
    return host.ti.run(grep).stdout.splitlines()


@pytest.mark.parametrize("step", STEPS)
def test_secrets_show_up_nowhere_when_this_step_fails(guarded, step):
    keys, words = STEPS[step]
    host = guarded.host
    since = time.time()
    with watching(host) as lines:
        run = guarded.run(**keys)
    assert words in run.message
    assert (run.status == 0) == (step == "nothing"), run.message or run.text[-3000:]
    shown = {
        "output": run.text,
        "processes": "\n".join(lines),
        "journal": host.sh(f"journalctl --no-pager --since=@{since:.0f}"),
        "units": host.sh("systemctl show '*' --no-pager"),
    }
    assert [(place, secret) for place, text in shown.items() for secret in SECRETS if secret in text] == []
    assert "gunicorn" in shown["processes"] or step in ("source", "build")
    # The environment itself, which only root reads.
    files = holding(host)
    own = [line for line in files if line.startswith("600 root /etc/webstack/guarded/")]
    assert [line for line in files if line not in own] == []
    # That it is found shows that the search works.
    assert step != "nothing" or [line for line in own if line.endswith("/env")]
    home = os.environ["ANSIBLE_HOME"]
    caches = subprocess.run(
        ["grep", "-rlF", "-e", TOKEN, "-e", PASSWORD, "-e", SECRET, home], capture_output=True
    )
    assert caches.stdout == b""


def test_app_was_deployed_with_its_secrets(guarded):
    assert guarded.host.answer(host="guarded.test")["greeting"] == SECRET
    assert guarded.host.sh(
        "ls /srv/guarded/current/../../../venvs/*/lib/python3*/site-packages/webstack_private.py"
    )
