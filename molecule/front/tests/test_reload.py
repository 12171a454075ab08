"""Nginx is reloaded for a change, once, and visitors do not notice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess

import pytest
from sites import another, beside

FOLDER = "/srv/www/large"
SIZE = 96 * 1024 * 1024  # more than what the hosts' buffers hold and a run's time takes
MASTER = "$(systemctl show -P MainPID nginx)"

# Takes an answer at 512 KiB a second until a file says that it may have the rest. Prints a line when it has
# begun; at the end how much it had taken by then, and the digest of all.
DOWNLOAD = """
import hashlib, http.client, json, os, sys, time
proxy, domain, path, go = sys.argv[1:]
connection = http.client.HTTPConnection(proxy, 80, timeout=30)
connection.request("GET", path, headers={"Host": domain})
answer = connection.getresponse()
print(answer.status, flush=True)
digest, taken = hashlib.sha256(), 0
while not os.path.exists(go):
    digest.update(part := answer.read(16384))
    taken += len(part)
    time.sleep(1 / 32)
for part in iter(lambda: answer.read(65536), b""):
    digest.update(part)
print(json.dumps([taken, digest.hexdigest()]))
"""


def deploy(front, **keys):
    """Run site.yml; keys: of the site `other`."""
    large = {"name": "large", "domains": ["large.test"], "root": FOLDER}
    return front.deploy(variables=beside(large, another("other", **keys))).succeeded()


def workers(front):
    """Return the pids of the workers that accept connections, and of those that end their last requests."""
    found = front.host.sh(f"pgrep -P {MASTER} -a").splitlines()
    leaving = {line for line in found if "shutting down" in line}
    return [{line.split()[0] for line in lines} for lines in (set(found) - leaving, leaving)]


def reloads(front):
    """Return how often Nginx was reloaded."""
    return int(front.host.sh("journalctl --no-pager -o cat -u nginx.service | grep -c '^Reloaded ' || true"))


@pytest.fixture(scope="module", autouse=True)
def served(front):
    """A site with a large file, and another one."""
    front.host.sh(f"mkdir -p {FOLDER}; head -c {SIZE} /dev/urandom > {FOLDER}/file")
    deploy(front)
    yield
    front.host.sh(f"rm -r {FOLDER}")


@pytest.fixture
def go(front):
    """The file by which downloads may end; the hosts under test share the client."""
    return f"/run/{front.host.name}"


@pytest.fixture
def downloads(client, go):
    """Two slow downloads that are under way, of a file and of an answer of the app."""
    client.sh(f"rm -f {go}")
    command = ["docker", "exec", client.host.name, "python3", "-c", DOWNLOAD, client.of_proxy()]
    with contextlib.ExitStack() as stack:
        begun = [
            stack.enter_context(
                subprocess.Popen([*command, domain, path, go], stdout=subprocess.PIPE, text=True)
            )
            for domain, path in (("large.test", "/file"), ("alpha.test", f"/?size={SIZE}"))
        ]
        assert [download.stdout.readline() for download in begun] == ["200\n", "200\n"]
        yield begun
        client.sh(f"touch {go}")


def test_no_change_is_no_reload(front):
    (before, _leaving), count = workers(front), reloads(front)
    assert deploy(front).changed == []
    assert workers(front)[0] == before
    assert reloads(front) == count


def test_a_change_is_one_reload_and_closes_no_download(front, client, go, downloads):
    (before, _leaving), count = workers(front), reloads(front)
    deploy(front, headers={"X-Changed": "yes"})
    assert client.headers(domain="other.test")["x-changed"] == "yes"
    assert reloads(front) == count + 1
    accepting, leaving = workers(front)
    assert not accepting & before
    # They are there for the downloads alone.
    assert leaving & before
    client.sh(f"touch {go}")
    of_file = front.host.sh(f"sha256sum {FOLDER}/file").split()[0]
    of_answer = hashlib.sha256(b"x" * SIZE).hexdigest()
    for download, digest in zip(downloads, (of_file, of_answer), strict=True):
        taken, found = json.loads(download.communicate(timeout=60)[0])
        assert 0 < taken < SIZE
        assert found == digest
