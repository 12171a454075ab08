"""Three visitors of the app `chat` who stay: run on its host, whose name for Nginx is the argument.

Prints a line when all three are being served, and at their end, as JSON, what became of each.
"""

import base64
import http.client
import json
import os
import socket
import sys
import threading
import time

HOST = sys.argv[1]
ends = {}
served = threading.Barrier(4, timeout=30)


def slow():
    """Ask for an answer that takes 5 s."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=120)
    connection.request("POST", "/slow", b"x" * 1000, {"Host": HOST})
    served.wait()
    answer = connection.getresponse()
    ends["slow"] = [answer.status, json.loads(answer.read())["length"]]


def events():
    """Follow a stream of events; its end is in order where the last chunk has come."""
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=120)
    connection.request("GET", "/events", headers={"Host": HOST})
    answer = connection.getresponse()
    answer.readline()
    served.wait()
    try:
        answer.read()
        ends["events"] = ["in order", time.time()]
    except (http.client.IncompleteRead, OSError) as error:
        ends["events"] = [repr(error), time.time()]


def chat():
    """Hold a WebSocket until a frame of closing comes, and answer that."""
    connection = socket.create_connection(("127.0.0.1", 80), timeout=120)
    key = base64.b64encode(os.urandom(16)).decode()
    connection.sendall(
        f"GET /chat HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    stream = connection.makefile("rb")
    status = stream.readline()
    while stream.readline() != b"\r\n":
        pass
    served.wait()
    frame = stream.read(2)
    while frame[:1] == b"\x81":
        stream.read(frame[1])
        frame = stream.read(2)
    frame += stream.read(2)
    connection.sendall(b"\x88\x82" + bytes(4) + frame[2:])
    rest = stream.read()
    ends["chat"] = [status.decode().split()[1], frame.hex(), rest.hex(), time.time()]


visitors = [threading.Thread(target=visitor) for visitor in (slow, events, chat)]
for visitor in visitors:
    visitor.start()
served.wait()
time.sleep(0.5)  # the slow request is under way, too
print("served", flush=True)
for visitor in visitors:
    visitor.join()
print(json.dumps(ends))
