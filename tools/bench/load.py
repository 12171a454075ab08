"""The load generators, run within the host: wrk at saturation, hey at a fixed rate."""

from __future__ import annotations

import re
import signal
import subprocess
import time
from dataclasses import dataclass

from tools import console
from tools.bench import host, samples
from tools.bench.samples import Sample

CONNECTIONS = 32
DOMAIN = "bench.test"
LOG = "/var/log/nginx/bench.log"  # its sandbox lets Nginx write there
BODY = "x" * 1024
CALIBRATION_SECONDS = 5
# No load outlives this, whatever becomes of the run that it accompanies.
MOST_SECONDS = 900
END_SECONDS = 30
# hey keeps no more requests than this.
HEY_KEEPS = 1_000_000


@dataclass(frozen=True)
class Target:
    """What is asked. port: Nginx's. connections: how many requests run at once. domain: whose site."""

    method: str
    path: str = "/"
    port: int = 80
    connections: int = CONNECTIONS
    domain: str = DOMAIN

    @property
    def url(self) -> str:
        """The address within the host."""
        return f"http://127.0.0.1:{self.port}{self.path}"


@dataclass(frozen=True)
class Counted:
    """What a load came to. requests: by when they ended; unanswered: those that got no answer at all.

    began, ended: seconds since the epoch. rate: requests per second, all in all.
    """

    requests: list[Sample]
    unanswered: int
    began: float
    ended: float

    @property
    def rate(self) -> float:
        """Requests per second."""
        return len(self.requests) / (self.ended - self.began)


def wrk(target: Target, seconds: int = MOST_SECONDS) -> str:
    """Return the command for as much load as there can be."""
    script = " --script /var/tmp/bench/post.lua" if target.method == "POST" else ""
    return (
        f"exec wrk --threads 2 --connections {target.connections} --duration {seconds}s --timeout 10s"
        f"{script} --header 'Host: {target.domain}' {target.url}"
    )


def hey(target: Target, rate: float = 0, seconds: int = MOST_SECONDS) -> str:
    """Return the command for a fixed number of requests a second, 0 for as many as there can be."""
    body = f" -d {BODY}" if target.method == "POST" else ""
    pace = f" -q {rate / target.connections:.2f}" if rate else ""
    return (
        f"exec hey -o csv -z {seconds}s -c {target.connections}{pace} -t 20 -m {target.method}{body}"
        f" -host {target.domain} {target.url}"
    )


def capacity(target: Target) -> float:
    """Return the requests per second that hey reaches when nothing holds it back."""
    output = host.run(hey(target, seconds=CALIBRATION_SECONDS))
    return len(samples.read_hey(output, 0)) / CALIBRATION_SECONDS


class Load:
    """A load that runs from start() to stop()."""

    def __init__(self, target: Target, rate: float | None) -> None:
        """rate: requests per second; None for saturation."""
        self._target = target
        self._rate = rate
        self._process: subprocess.Popen[str] | None = None
        self._began = 0.0

    def start(self) -> None:
        """Empty the log, and start."""
        host.run(f"truncate -s 0 {LOG}")
        command = wrk(self._target) if self._rate is None else hey(self._target, self._rate)
        self._began = time.time()
        # The generator's offsets count from its own start.
        self._process = host.start(f"date +%s.%N; {command}")

    def stop(self) -> Counted:
        """Stop the load and count it. Raises console.ToolError where it had ended by itself."""
        assert self._process is not None
        ended = time.time()
        name = "wrk" if self._rate is None else "hey"
        alive = self._process.poll() is None
        host.run(f"pkill -{signal.SIGINT.value} -x {name} || true")
        output, _ = self._process.communicate(timeout=END_SECONDS)
        if not alive:
            raise console.ToolError(f"{name} ended too early: {output[-500:]}", "Run it again")
        time.sleep(1.2)  # Nginx writes its log once a second
        served = samples.within(samples.read_log(host.read(LOG)), self._began, ended)
        if self._rate is None:
            return Counted(served, samples.read_wrk(output), self._began, ended)
        seen = read_hey_run(output, ended)
        if len(seen) >= HEY_KEEPS:
            raise console.ToolError("hey lost count of its requests", "Take fewer ROUNDS")
        # hey's list has only what was answered; what it sent beyond that shows in Nginx's log.
        failed = [sample for sample in served if sample.failed]
        lost = max(len(served) - len(seen) - self._target.connections - len(failed), 0)
        good = [sample for sample in seen if not sample.failed]
        return Counted([*good, *failed], lost, self._began, ended)


def read_hey_run(output: str, ended: float) -> list[Sample]:
    """Read hey's CSV after a line with the time of its start; without what ended after `ended`."""
    first = re.match(r"\d+\.\d+", output)
    if not first:
        raise console.ToolError(f"hey could not start: {output[-500:]}", "Look inside the host")
    return [sample for sample in samples.read_hey(output, float(first[0])) if sample.ended <= ended]
