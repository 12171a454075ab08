"""A token of Git's, a password of the index's and a secret of the app's show up nowhere, whatever fails."""

from __future__ import annotations

import contextlib
import dataclasses
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import git_server
import harness
import pytest
import secrecy

INDEX = Path(__file__).resolve().parents[1] / "index.py"
TOKEN, PASSWORD, SECRET = "tok-en-4f1b9c", "pass-word-77ad02", "sec-ret-c3d8e1"
SECRETS = (TOKEN, PASSWORD, SECRET)

# What makes a run fail, by the step that does, and what its message shows then.
STEPS: dict[str, tuple[dict[str, Any], str]] = {
    "source": ({"ref": "no-such-branch"}, "no-such-branch"),
    "source with a token apart": ({"ref": "no-such-branch", "token_apart": True}, "no-such-branch"),
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
    "nothing with a token apart": ({"token_apart": True}, ""),
    "nothing": ({}, ""),
}


@dataclasses.dataclass(frozen=True)
class Guarded:
    """An app whose source and whose index ask for a password. git: the address, with a user's name."""

    host: harness.Host
    git: str
    certificate: Path

    def run(
        self, ref: str = "main", extra: str = "", *, token_apart: bool = False, **keys: Any
    ) -> harness.Run:
        """Run site.yml with all that an output may show. token_apart: it is not in the address."""
        source = {"git": self.git, "token": TOKEN}
        if not token_apart:
            source = {"git": self.git.replace("@", f":{TOKEN}@")}
        entry = {
            "name": "guarded",
            "app": "web:app",
            "source": {**source, "ref": ref},
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
    git_server.publish(harness.write_app(folder / "work"), folder / "root/guarded.git")
    host.sh("rm -rf /opt/webstack")
    served = git_server.serving(folder / "root", folder, "deploy", TOKEN)
    with served as (address, certificate), serving_index(host):
        yield Guarded(host, f"{address}/guarded.git".replace("https://", "https://deploy@"), certificate)


@pytest.mark.parametrize("step", STEPS)
def test_secrets_show_up_nowhere_when_this_step_fails(guarded, step):
    keys, words = STEPS[step]
    watched = secrecy.watch(guarded.host, SECRETS, lambda: guarded.run(**keys))
    run = watched.run
    assert words in run.message
    assert (run.status == 0) == step.startswith("nothing"), run.message or run.text[-3000:]
    assert watched.showing(SECRETS) == []
    assert "gunicorn" in watched.shown["processes"] or step.startswith(("source", "build"))
    # The environment itself, which only root reads.
    own = [line for line in watched.files if line.startswith("600 root /etc/webstack/guarded/")]
    assert [line for line in watched.files if line not in own] == []
    # That it is found shows that the search works.
    assert not step.startswith("nothing") or [line for line in own if line.endswith("/env")]
    assert watched.caches == []


def test_app_was_deployed_with_its_secrets(guarded):
    assert guarded.host.answer(host="guarded.test")["greeting"] == SECRET
    assert guarded.host.sh(
        "ls /srv/guarded/current/../../../venvs/*/lib/python3*/site-packages/webstack_private.py"
    )
