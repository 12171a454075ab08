"""The probe, against a real server on a unix socket."""

from __future__ import annotations

import contextlib
import http.server
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils._probe import (
    Health,
    Unhealthy,
    ask_once,
    wait_until_healthy,
)

Reply = Callable[[http.server.BaseHTTPRequestHandler], "tuple[int, str]"]


class UnixServer(http.server.ThreadingHTTPServer):
    address_family = socket.AF_UNIX
    daemon_threads = True

    def server_bind(self) -> None:
        self.socket.bind(self.server_address)


@contextlib.contextmanager
def serving(path: Path, reply: Reply) -> Iterator[list[dict[str, str]]]:
    """Answer requests as reply says; gives the headers of each, with its path."""
    seen: list[dict[str, str]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            seen.append({"path": self.path, **self.headers})
            status, text = reply(self)
            self.send_response(status)
            for name, value in getattr(self, "extra", {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *_: object) -> None:
            pass

    server = UnixServer(str(path), Handler)  # type: ignore[arg-type]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield seen
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "app.sock"


def no_trouble() -> str:
    return ""


def test_a_good_answer_is_taken_and_the_app_hears_the_real_host(path):
    health = Health(path="/healthz", statuses=(204,), host="shop.example.com", scheme="https")
    with serving(path, lambda _: (204, "")) as seen:
        assert wait_until_healthy(path, health, no_trouble).status == 204
    assert seen[0]["path"] == "/healthz"
    assert seen[0]["Host"] == "shop.example.com"
    assert seen[0]["X-Forwarded-Proto"] == "https"


@pytest.mark.parametrize("status", [200, 301, 404])
def test_without_wanted_statuses_all_below_500_are_good(path, status):
    with serving(path, lambda _: (status, "")):
        assert wait_until_healthy(path, Health(timeout=2), no_trouble).status == status


@pytest.mark.parametrize("wrong", [{"path": "/gesund-ä"}, {"host": "shop.example.com\r\nX: y"}])
def test_what_no_request_can_hold_is_told_as_an_answer_that_does_not_come(path, wrong):
    with serving(path, lambda _: (200, "")), pytest.raises(Unhealthy, match="gave no answer within"):
        ask_once(path, Health(**wrong), 0.2)


def test_a_wrong_status_is_refused_at_once_with_the_answer(path):
    with serving(path, lambda _: (500, "no such table: users")), pytest.raises(Unhealthy) as refused:
        wait_until_healthy(path, Health(path="/healthz", statuses=(200,), timeout=30), no_trouble)
    assert str(refused.value) == (
        "GET /healthz gave 500, wanted was 200\nIt answered:\n    no such table: users"
    )


def test_a_redirect_is_refused_with_where_it_leads(path):
    def redirect(handler: http.server.BaseHTTPRequestHandler) -> tuple[int, str]:
        handler.extra = {"Location": "https://login.example.com/hunter2"}  # type: ignore[attr-defined]
        return 302, ""

    health = Health(path="/healthz", statuses=(200,))
    with serving(path, redirect), pytest.raises(Unhealthy) as refused:
        wait_until_healthy(path, health, no_trouble, lambda text: text.replace("hunter2", "***"))
    assert str(refused.value) == "GET /healthz gave 302 (to https://login.example.com/***), wanted was 200"


def test_a_long_answer_is_cut(path):
    with serving(path, lambda _: (500, "é" * 5000)), pytest.raises(Unhealthy) as refused:
        wait_until_healthy(path, Health(), no_trouble)
    assert str(refused.value).count("é") == 500


def test_a_secret_across_the_cut_is_hidden_whole(path):
    body = "x" * 495 + "hunter2hunter2"
    with serving(path, lambda _: (500, body)), pytest.raises(Unhealthy) as refused:
        wait_until_healthy(path, Health(), no_trouble, lambda text: text.replace("hunter2hunter2", "***"))
    assert "x***" in str(refused.value)
    assert "hunt" not in str(refused.value)


def test_503_is_asked_again(path):
    answers = iter([503, 503, 200])
    with serving(path, lambda _: (next(answers), "")) as seen:
        assert wait_until_healthy(path, Health(timeout=10), no_trouble).status == 200
    assert len(seen) == 3


def test_503_for_good_is_refused_after_the_timeout(path):
    with serving(path, lambda _: (503, "warming up")), pytest.raises(Unhealthy) as refused:
        wait_until_healthy(path, Health(timeout=0.2), no_trouble)
    assert "no good answer within 0.2 s" in str(refused.value)
    assert "warming up" in str(refused.value)


def test_a_socket_that_comes_late_is_waited_for(path):
    def listen_late() -> None:
        time.sleep(0.2)
        with serving(path, lambda _: (200, "")):
            time.sleep(1)

    thread = threading.Thread(target=listen_late)
    thread.start()
    assert wait_until_healthy(path, Health(timeout=10), no_trouble).status == 200
    thread.join()


def test_no_socket_at_all_is_refused_after_the_timeout(path):
    with pytest.raises(Unhealthy, match="No such file or directory"):
        wait_until_healthy(path, Health(timeout=0.1), no_trouble)


def test_a_process_that_ends_while_it_is_asked_is_refused_at_once(path):
    with socket.socket(socket.AF_UNIX) as listening:
        # The connection is taken by the kernel, and nobody ever answers it.
        listening.bind(str(path))
        listening.listen()
        started = time.monotonic()
        with pytest.raises(Unhealthy, match="the process ended"):
            wait_until_healthy(
                path,
                Health(timeout=30),
                lambda: "the process ended" if time.monotonic() > started + 0.1 else "",
            )
        assert time.monotonic() < started + 5


def test_an_app_that_never_answers_is_refused_after_the_timeout(path):
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        with pytest.raises(Unhealthy, match="no answer came"):
            wait_until_healthy(path, Health(timeout=0.2), no_trouble)


def test_an_answer_without_the_text_that_it_must_have_is_refused_at_once(path):
    health = Health(path="/healthz", statuses=(200,), body="status: ok")
    with serving(path, lambda _: (200, "status: down")), pytest.raises(Unhealthy) as refused:
        wait_until_healthy(path, health, no_trouble)
    assert str(refused.value) == (
        "GET /healthz gave 200, wanted was 200 with 'status: ok' in the body\nIt answered:\n    status: down"
    )


def test_the_text_may_come_after_what_a_message_shows(path):
    with serving(path, lambda _: (200, "x" * 2000 + "status: ok")):
        assert wait_until_healthy(path, Health(body="status: ok"), no_trouble).fits


def test_asked_once_an_app_is_not_asked_again(path):
    with serving(path, lambda _: (503, "busy")) as seen:
        with pytest.raises(Unhealthy, match=r"^GET / gave 503, wanted was any status below 500"):
            ask_once(path, Health(), 5)
        assert len(seen) == 1
    with serving(path.with_name("other.sock"), lambda _: (200, "")):
        ask_once(path.with_name("other.sock"), Health(), 5)


@contextlib.contextmanager
def dripping(path: Path) -> Iterator[None]:
    """Answer one request with a body that comes a byte at a time, and never to its end."""
    ended = threading.Event()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
            for _ in range(50):
                if ended.wait(0.02):
                    break
                connection.sendall(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        listener.close()


def test_an_answer_that_never_ends_is_not_waited_for(path):
    with dripping(path), pytest.raises(Unhealthy, match=r"^GET / gave no answer within 0\.2 s: "):
        ask_once(path, Health(), 0.2)


def test_a_process_that_ends_in_the_middle_of_its_answer_is_refused_at_once(path):
    started = time.monotonic()
    with dripping(path), pytest.raises(Unhealthy, match="the process ended"):
        wait_until_healthy(
            path, Health(), lambda: "the process ended" if time.monotonic() > started + 0.2 else ""
        )


def test_asked_once_an_app_that_gives_no_answer_is_not_waited_for(path):
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen()
    with listener, pytest.raises(Unhealthy, match=r"^GET / gave no answer within 0\.1 s: "):
        ask_once(path, Health(), 0.1)
