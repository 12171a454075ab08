"""A plugin of pytest's: a thousand slow or idle connections, what others get, and the table of it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import harness
import pytest
from turns import WIDE

TABLE = harness.ROOT / f".cache/tables/front{'-wide' if WIDE else ''}.txt"
ROWS = TABLE.with_suffix(".jsonl")

CONNECTIONS = 1000
SECONDS = 15
# What others ask meanwhile, at a fixed rate: a slow answer must not make them ask less.
ASKED = 40
GAP = 0.35
PATIENCE = 5

IDLE = "/root/idle.py"
IDLE_SOURCE = f"""
import socket
import time

held = [socket.create_connection(("alpha.test", PORT)) for _ in range({CONNECTIONS})]
for connection in held:
    connection.sendall(b"GET / HTTP/1.1\\r\\nHost: alpha.test\\r\\n\\r\\n")
    connection.recv(65536)
time.sleep({SECONDS})
"""


@dataclasses.dataclass(frozen=True)
class Attack:
    """One way to hold connections. state: what Nginx calls theirs; command: for the port that is attacked."""

    name: str
    state: str
    command: Callable[[int], str]


def slowhttptest(options: str, path: str = "/") -> Callable[[int], str]:
    """Return the command of an attack by slowhttptest. options: the mode and how slow it is."""
    size = f"-c {CONNECTIONS} -l {SECONDS}"
    return lambda port: f"slowhttptest {size} {options} -u 'http://alpha.test:{port}{path}'"


def idle(port: int) -> str:
    """Return the command that keeps connections open after an answer."""
    return f"sed s/PORT/{port}/ {IDLE} | python3 -"


HEADERS = Attack("slow headers", "Reading", slowhttptest("-H -i 5 -r 500"))
BODY = Attack("slow body", "Writing", slowhttptest("-B -i 5 -s 100000 -r 500"))
# More than the kernel's buffers take, so that Nginx is left with the rest; fewer a second, as the app has
# to make each answer.
READ = Attack("slow read", "Writing", slowhttptest("-X -w 512 -y 1024 -n 5 -z 32 -r 200", "/?size=90000"))
KEPT = Attack("idle", "Waiting", idle)


@dataclasses.dataclass(frozen=True)
class Row:
    """What others got during an attack. held: the connections of the attack that were open at once."""

    host: str
    front: str
    attack: str
    held: int
    asked: int
    in_time: int
    slowest: float


@dataclasses.dataclass
class Attacker:
    """Who attacks the hosts of a scenario, for a bounded time."""

    host: harness.Host

    @contextlib.contextmanager
    def attacks(self, attack: Attack, port: int) -> Iterator[None]:
        """Attack while the block runs; who loses all connections comes back."""
        self.host.sh(f"cat > {IDLE} <<'END'{IDLE_SOURCE}END")
        script = f"while {attack.command(port)}; do :; done >/dev/null 2>&1"
        limits = f"-p LimitNOFILE={2 * CONNECTIONS} -p RuntimeMaxSec={4 * SECONDS}"
        self.host.sh(f'systemd-run --quiet --collect --unit=attack {limits} sh -c "{script}"')
        try:
            yield
        finally:
            self.host.sh("systemctl stop attack")


def established(port: int) -> str:
    """Return the command that counts the connections to a port as the kernel does."""
    return f"ss -Htn state established 'sport = :{port}' | wc -l"


def in_state(state: str) -> str:
    """Return the command that counts Nginx's connections in a state: Reading, Writing or Waiting."""
    status = "curl -sS --max-time 5 -H 'Host: nginx-status.localhost' http://127.0.0.1/"
    return f"{status} | grep -o '{state}: [0-9]*' | cut -d ' ' -f 2"


def ask(who: harness.Host, curl: str) -> subprocess.Popen[str]:
    """Begin to ask again and again; answers() has what came of it."""
    asking = f"{curl} -o /dev/null --max-time {PATIENCE} -w '%{{http_code}} %{{time_total}}\n'"
    script = f"for i in $(seq {ASKED}); do {asking} & sleep {GAP}; done; wait"
    command = ["docker", "exec", who.name, "sh", "-c", script]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def answers(asking: subprocess.Popen[str]) -> list[tuple[int, float]]:
    """Wait for the last answer; return each one's status and seconds."""
    printed, _ = asking.communicate()
    lines = [line.split() for line in printed.splitlines()]
    return [(int(status), float(seconds)) for status, seconds in lines]


def most(host: harness.Host, count: str) -> int:
    """Let a command of the host count for the time of an attack, and return the largest number."""
    while_it_lasts = f"end=$(($(date +%s) + {SECONDS})); while [ $(date +%s) -lt $end ]"
    counted = host.sh(f"{while_it_lasts}; do {count}; sleep 0.2; done")
    return max(map(int, counted.split()))


class Rows:
    """The rows of one run of the tests."""

    def add(self, row: Row) -> None:
        """Add a row, at once on the disk."""
        with ROWS.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(dataclasses.asdict(row)) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Read the rows, by host and attack."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return sorted((Row(**json.loads(line)) for line in lines), key=lambda row: (row.host, row.attack))


def table(rows: list[Row]) -> str:
    """Return the rows as text."""
    return "\n".join(
        f"{row.host:9} {row.attack:13} {row.front:20} {row.held:5} connections held  "
        f"{row.in_time:3} of {row.asked:3} answered within 1 s  slowest {row.slowest:5.2f} s"
        for row in rows
    )


def pytest_configure(config: pytest.Config) -> None:
    """Begin the table, which all workers of pytest-xdist share."""
    if not hasattr(config, "workerinput"):
        ROWS.parent.mkdir(parents=True, exist_ok=True)
        ROWS.write_text("")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the table down, and print it, where there was an attack."""
    if rows := read_rows(ROWS):
        TABLE.write_text(f"{table(rows)}\n")
        terminalreporter.section("attacks")
        terminalreporter.write_line(table(rows))


@pytest.fixture(scope="session")
def rows() -> Rows:
    """What becomes of the tests' rows."""
    return Rows()
