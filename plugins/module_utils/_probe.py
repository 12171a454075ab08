# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Ask an app over its unix socket whether it is well."""

from __future__ import annotations

import http.client
import select
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

BODY_LIMIT = 500  # characters of an answer that a message shows
BODY_READ = 64 * 1024  # bytes of it that are read, so that a secret is seen whole before the cut
PAUSE = 0.02  # seconds between two attempts, and between two looks at the process
UNAVAILABLE = 503


@dataclass(frozen=True)
class Health:
    """What is asked, and which answers are good.

    statuses: empty for any below 500. timeout: seconds until a good answer must have come.
    host, scheme: what the app is told as Host and X-Forwarded-Proto. body: text that an answer
    must have in what is read of it; empty for any answer.
    """

    path: str = "/"
    statuses: tuple[int, ...] = ()
    timeout: float = 30
    host: str = "localhost"
    scheme: str = "http"
    body: str = ""

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Health:
        """Take over the module's option `health`, or what an instance's record keeps of it."""
        return cls(
            path=options["path"],
            statuses=tuple(options["status"]),
            timeout=options["timeout"],
            host=options["host"],
            scheme=options["scheme"],
            body=options["body"],
        )

    def accepts(self, answer: Answer) -> bool:
        """Tell whether an answer is a good one."""
        status = answer.status
        return answer.fits and (status in self.statuses if self.statuses else status < 500)

    @property
    def wanted(self) -> str:
        """Name the good answers for a message."""
        statuses = " or ".join(str(status) for status in self.statuses) or "any status below 500"
        return f"{statuses} with '{self.body}' in the body" if self.body else statuses


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the beginning of the body.

    location: where it leads to. fits: whether the body has the text that it must have.
    """

    status: int
    body: str
    location: str = ""
    fits: bool = True


class Unhealthy(Exception):
    """No good answer came; the text says what came instead."""


class _NotYet(Exception):
    """This attempt gave no answer that could be judged; the text says why."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def wait_until_healthy(
    path: Path, health: Health, trouble: Callable[[], str], hide: Callable[[str], str] = str
) -> Answer:
    """Ask until a good answer comes, and return it.

    A refused connection, a broken one or a 503 is asked again until the timeout; any other
    status is final at once, and so is trouble.

    path: the app's unix socket. trouble: says why no answer can come any more, '' while one can.
    hide: takes out of a body what nobody may see; it gets the body before that is cut short.
    Raises Unhealthy.
    """
    deadline = time.monotonic() + health.timeout
    last = "no answer"
    while True:
        try:
            answer = _ask(path, health, trouble, deadline, hide)
        except _NotYet as error:
            last = str(error)
        else:
            if health.accepts(answer):
                return answer
            last = _describe(answer, health)
            if answer.status != UNAVAILABLE:
                raise Unhealthy(last)
        if said := trouble():
            raise Unhealthy(said)
        if time.monotonic() >= deadline:
            raise Unhealthy(f"no good answer within {health.timeout:g} s; the last attempt: {last}")
        time.sleep(PAUSE)


def ask_once(path: Path, health: Health, seconds: float, hide: Callable[[str], str] = str) -> None:
    """Ask once whether an app is well. seconds: those that it has. Raises Unhealthy.

    path, hide: as in wait_until_healthy.
    """
    try:
        answer = _ask(path, health, str, time.monotonic() + seconds, hide)
    except _NotYet as error:
        raise Unhealthy(f"GET {health.path} gave no answer within {seconds:g} s: {error}") from None
    if not health.accepts(answer):
        raise Unhealthy(_describe(answer, health))


def _ask(
    path: Path, health: Health, trouble: Callable[[], str], deadline: float, hide: Callable[[str], str]
) -> Answer:
    connection = _UnixConnection(path, timeout=max(deadline - time.monotonic(), PAUSE))
    try:
        connection.request(
            "GET",
            health.path,
            headers={
                "Host": health.host,
                "X-Forwarded-Proto": health.scheme,
                "X-Forwarded-Host": health.host,
                "X-Forwarded-For": "127.0.0.1",
                "User-Agent": "webstack-health",
                "Connection": "close",
            },
        )
        sock = connection.sock
        _wait_for_bytes(sock, trouble, deadline)
        response = connection.getresponse()
        body = _read_body(response, sock, trouble, deadline).decode("utf-8", "replace")
        location = hide(response.getheader("Location", ""))
        return Answer(response.status, hide(body)[:BODY_LIMIT], location, health.body in body)
    except (OSError, http.client.HTTPException, ValueError) as error:
        # A ValueError is a path or a name that no request can hold.
        raise _NotYet(str(error) or type(error).__name__) from None
    finally:
        connection.close()


def _read_body(
    response: http.client.HTTPResponse, sock: socket.socket, trouble: Callable[[], str], deadline: float
) -> bytes:
    """Read the beginning of an answer's body, and no longer than the deadline allows."""
    # One that is all there at the deadline is still read.
    deadline = max(deadline, time.monotonic() + PAUSE)
    body = b""
    while len(body) < BODY_READ and not response.isclosed():
        if said := trouble():
            raise _NotYet(said)
        left = deadline - time.monotonic()
        if left <= 0:
            raise _NotYet("the answer began, but did not end")
        sock.settimeout(left)
        # Unlike read, it gives what is there, and does not wait for the rest.
        part = response.read1(BODY_READ - len(body))
        if not part:
            break
        body += part
    return body


def _wait_for_bytes(sock: socket.socket, trouble: Callable[[], str], deadline: float) -> None:
    """Wait for the first byte of an answer, and no longer than one can come."""
    while not select.select([sock], [], [], PAUSE)[0]:
        if said := trouble():
            raise _NotYet(said)
        if time.monotonic() >= deadline:
            raise _NotYet("the connection was taken, but no answer came")


def _describe(answer: Answer, health: Health) -> str:
    leads = f" (to {answer.location})" if answer.location else ""
    lines = [f"GET {health.path} gave {answer.status}{leads}, wanted was {health.wanted}"]
    if answer.body.strip():
        lines += ["It answered:", *(f"    {line}" for line in answer.body.strip().splitlines())]
    return "\n".join(lines)
