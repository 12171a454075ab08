"""Holds an event stream and a WebSocket open, and says when and how each of them ends.

Runs on the host with its own Python. Prints a line of JSON when both are open, and one for each end:
{"stream", "ended" (seconds since the epoch), "how"}.
"""

from __future__ import annotations

import json
import socket
import threading
import time

ADDRESS = ("127.0.0.1", 80)
HOST = "bench.test"
SECONDS = 120
LAST_CHUNK = b"0\r\n\r\n"
CLOSE = 8  # the opcode
UPGRADE = (
    "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
)


def connect(path: str, headers: str = "") -> socket.socket:
    """Ask for a path and return the connection, its response headers read."""
    connection = socket.create_connection(ADDRESS, timeout=SECONDS)
    connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\n{headers}\r\n".encode())
    received = b""
    while not received.endswith(b"\r\n\r\n"):
        received += read(connection, 1)
    status = received.split(b"\r\n", 1)[0].decode()
    if " 200 " not in status and " 101 " not in status:
        raise SystemExit(f"{path}: {status}")
    return connection


def read(connection: socket.socket, size: int) -> bytes:
    """Read so many bytes. Raises EOFError where the stream ends before."""
    received = b""
    while len(received) < size:
        part = connection.recv(size - len(received))
        if not part:
            raise EOFError
        received += part
    return received


def events(connection: socket.socket) -> str:
    """Read an event stream to its end; return how it ended."""
    tail = b""
    while part := connection.recv(4096):
        tail = (tail + part)[-len(LAST_CHUNK) :]
        if tail == LAST_CHUNK:
            return "last chunk"
    return "EOF"


def websocket(connection: socket.socket) -> str:
    """Read a WebSocket to its end; return how it ended. The server's frames are short and unmasked."""
    while True:
        first, length = read(connection, 2)
        payload = read(connection, length & 0x7F)
        if first & 0x0F == CLOSE:
            return f"close frame {int.from_bytes(payload[:2], 'big')}"


def follow(name: str, connection: socket.socket) -> None:
    """Print how a stream ends, and when."""
    try:
        how = {"events": events, "websocket": websocket}[name](connection)
    except EOFError:
        how = "EOF"
    except OSError as error:
        how = type(error).__name__
    print(json.dumps({"stream": name, "ended": time.time(), "how": how}), flush=True)


if __name__ == "__main__":
    streams = {"events": connect("/events"), "websocket": connect("/socket", UPGRADE)}
    print(json.dumps({"open": sorted(streams)}), flush=True)
    threads = [threading.Thread(target=follow, args=stream) for stream in streams.items()]
    for thread in threads:
        thread.start()
