"""A run that uses secrets, and all places where one could show up."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence

import harness

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


@dataclasses.dataclass(frozen=True)
class Watched:
    """A run, and what was to be seen of it.

    shown: texts that others may read, by where. files: of the host, those with a secret, each with its
    mode and owner. caches: of the controller, those with a secret.
    """

    run: harness.Run
    shown: dict[str, str]
    files: list[str]
    caches: list[str]

    def showing(self, secrets: Sequence[str]) -> list[tuple[str, str]]:
        """Return where which of the secrets can be read."""
        return [(place, secret) for place, text in self.shown.items() for secret in secrets if secret in text]


def watch(host: harness.Host, secrets: Sequence[str], run: Callable[[], harness.Run]) -> Watched:
    """Carry out a run while all processes are watched, and look for the secrets afterwards."""
    since = time.time()
    with _watching(host) as lines:
        done = run()
    shown = {
        "output": done.text,
        "processes": "\n".join(lines),
        "journal": host.sh(f"journalctl --no-pager --since=@{since:.0f}"),
        "units": host.sh("systemctl show '*' --no-pager"),
    }
    patterns = [word for secret in secrets for word in ("-e", secret)]
    caches = subprocess.run(
        ["grep", "-rlF", *patterns, os.environ["ANSIBLE_HOME"]], check=False, capture_output=True, text=True
    )
    return Watched(done, shown, _holding(host, patterns), caches.stdout.splitlines())


@contextlib.contextmanager
def _watching(host: harness.Host) -> Iterator[list[str]]:
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


def _holding(host: harness.Host, patterns: Sequence[str]) -> list[str]:
    places = "/etc /home /opt /root /run /srv /tmp /usr/local /var"
    grep = f"grep -rlsF -D skip {' '.join(patterns)} {places} | xargs -r stat -c '%a %U %n'"
    return host.ti.run(grep).stdout.splitlines()
