"""A private repository is read by ssh with a deploy key, which stays where it belongs."""

from __future__ import annotations

import dataclasses
import json
import subprocess
from pathlib import Path
from typing import Any

import git_server
import harness
import pytest
import secrecy

KEY, OTHER_KEY = "key", "other-key"


@dataclasses.dataclass(frozen=True)
class Forge:
    """A repository on the host, which its sshd gives to who has the key; folder: where the keys are."""

    host: harness.Host
    folder: Path

    def run(self, key: str, **source: Any) -> harness.Run:
        """Run deploy.yml, which leaves Nginx to the other tests, with all that an output may show."""
        # The controller need not reach the host by any network: sshd speaks through the pipe.
        pipe = f"docker exec -i {self.host.name} /usr/sbin/sshd -i"
        ssh = f"ssh -o UserKnownHostsFile={self.folder}/known_hosts -o ProxyCommand='{pipe}'"
        text = (self.folder / key).read_text()
        entry = {
            **harness.entry("keyed", self.folder),
            "source": {"git": "git@forge.test:shop.git", "ref": "main", "deploy_key": text, **source},
        }
        return self.host.play(
            {"python_apps": [entry]},
            "-vvv",
            "--diff",
            playbook=harness.ROOT / "playbooks/deploy.yml",
            environment={"GIT_SSH_COMMAND": ssh},
        )

    def secret(self, key: str) -> str:
        """Return a line of a private key that no other key has."""
        return (self.folder / key).read_text().splitlines()[-3]


@pytest.fixture(scope="module")
def forge(host, tmp_path_factory) -> Forge:
    """The host as a Git server; what it has is a bare repository."""
    folder = tmp_path_factory.mktemp("forge")
    for key in (KEY, OTHER_KEY):
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", str(folder / key)]
        subprocess.run(generate, check=True)
    git_server.publish(harness.write_app(folder / "work", "by ssh"), folder / "shop.git")
    host.sh("useradd --create-home --shell /usr/bin/git-shell git && mkdir -p /run/sshd /home/git/.ssh")
    for source, place in (("shop.git", "shop.git"), (f"{KEY}.pub", ".ssh/authorized_keys")):
        subprocess.run(["docker", "cp", "-q", folder / source, f"{host.name}:/home/git/{place}"], check=True)
    host.sh("chown -R git: /home/git")
    known = host.sh("cat /etc/ssh/ssh_host_ed25519_key.pub")
    (folder / "known_hosts").write_text(f"forge.test {known}\n")
    return Forge(host, folder)


def test_deploy_key_lets_git_in_and_shows_up_nowhere(forge):
    secret = forge.secret(KEY)
    watched = secrecy.watch(forge.host, [secret], lambda: forge.run(KEY))
    watched.run.succeeded()
    asking = "curl -sS --max-time 10 --unix-socket /run/webstack/keyed/http.sock http://keyed.test/"
    assert json.loads(forge.host.sh(asking))["text"] == "by ssh"
    assert watched.showing([secret]) == []
    assert "sshd" in watched.shown["processes"]
    assert (watched.files, watched.caches) == ([], [])


def test_key_of_somebody_else_is_refused_with_the_remedy(forge):
    secret = forge.secret(OTHER_KEY)
    watched = secrecy.watch(forge.host, [secret], lambda: forge.run(OTHER_KEY, ref="other"))
    message = watched.run.refused().message
    assert "git@forge.test:shop.git" in message
    assert "git@forge.test: Permission denied (" in message
    assert "give the private key of a reader of the repository as source.deploy_key" in message
    assert watched.showing([secret]) == []
    assert (watched.files, watched.caches) == ([], [])
