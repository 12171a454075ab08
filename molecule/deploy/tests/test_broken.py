"""A release that is broken is refused, or taken back, and says why; no visitor notices."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

LIVE = "is live, as before"
BUILT = "stays the one to run"


@dataclasses.dataclass(frozen=True)
class Broken:
    """A release that cannot work.

    keys: what differs from a good one. words: what the message must show. outcome: the words
    that say what is live.
    """

    keys: dict[str, Any]
    words: tuple[str, ...]
    outcome: str = LIVE


HEALTH = {"path": "/healthz", "timeout": 20}
# Later than a rehearsal and a swap end, even on a busy machine; the watch lasts longer.
BREAKS_AFTER = 10
WATCH = 20

BROKEN = {
    # What the build finds.
    "missing distribution": Broken(
        {"requirements": "there-is-no-such-distribution-webstack==9.9\n"},
        ("there-is-no-such-distribution-webstack was not found",),
        BUILT,
    ),
    "dependency conflict": Broken(
        {"requirements": "flask==3.1.0\nwerkzeug==2.0.0\n"},
        ("flask==3.1.0", "werkzeug>=3.1", "werkzeug==2.0.0", "unsatisfiable"),
        BUILT,
    ),
    "wrong Python version": Broken(
        {"python": "python3.7"}, ("no interpreter 'python3.7'", "python_app_packages"), BUILT
    ),
    "failing build hook": Broken(
        {"build": ["true", "echo compiling; ls /nowhere"]},
        ("build", "ls /nowhere", "compiling", "cannot access '/nowhere'", "exit status 2"),
        BUILT,
    ),
    "failing migration": Broken(
        {"migrate": ["echo altering; exit 7"]}, ("migrate", "altering", "exit status 7"), BUILT
    ),
    # What the rehearsal finds.
    "import error": Broken(
        {"prelude": "from web_settings import SECRET"},
        ("Traceback", "web.py", "ModuleNotFoundError: No module named 'web_settings'"),
    ),
    "missing dependency": Broken(
        {"prelude": "import requests"}, ("web.py", "ModuleNotFoundError: No module named 'requests'")
    ),
    "syntax error": Broken({"coda": "def broken(:\n"}, ("web.py", "def broken(:", "SyntaxError")),
    "wrong module name": Broken({"app": "webb:app"}, ("ModuleNotFoundError: No module named 'webb'",)),
    "wrong callable": Broken(
        {"app": "web:application"}, ("Failed to find attribute 'application' in 'web'",)
    ),
    "factory that raises": Broken(
        {"app": "web:create()", "coda": 'def create():\n    raise KeyError("DATABASE_URL")\n'},
        ("web.py", "in create", "KeyError: 'DATABASE_URL'"),
    ),
    "clean exit at import": Broken(
        {"prelude": "import sys; sys.exit(0)"}, ("its workers end while they boot", "sys.exit")
    ),
    "health path 404": Broken({"status": "404 Not Found"}, ("GET /healthz gave 404, wanted was 200",)),
    "health path 500": Broken(
        {"status": "500 Internal Server Error"}, ("GET /healthz gave 500, wanted was 200", '"text": "broken"')
    ),
    "health path redirects": Broken(
        {
            "coda": "def app(environ, start_response):\n"
            "    start_response('302 Found', [('Location', 'https://login.example.com/')])\n"
            "    return [b'']\n"
        },
        ("GET /healthz gave 302 (to https://login.example.com/), wanted was 200",),
    ),
    "wrong body": Broken(
        {"health": {**HEALTH, "body": '"text": "expected"'}},
        ("GET /healthz", '"text": "expected"', '"text": "broken"'),
    ),
    "too slow": Broken(
        {
            "health": {**HEALTH, "timeout": 2},
            "coda": "import time\n\ndef app(environ, start_response):\n    time.sleep(30)\n",
        },
        ("no good answer within 2 s", "the connection was taken, but no answer came"),
    ),
    "out of memory at boot": Broken(
        {"service": {"memory_max": "96M"}, "prelude": "HOARD = bytearray(300 << 20)"},
        ("it ran out of memory", "at its bound of 96M (service.memory_max)"),
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_release_is_refused_without_a_failed_request(shop, kind):
    broken, host = BROKEN[kind], shop.host
    before = shop.left_over()
    with host.load("shop.test") as loads:
        run = shop.deploy("broken", **broken.keys).refused()
    print(f"{run.seconds:.1f} s\n{run.message}")
    assert [word for word in (*broken.words, broken.outcome) if word not in run.message] == [], run.message
    loads[0].without_failure()
    assert shop.says() == shop.text
    assert shop.left_over() == before

    shop.say(f"mended: {kind}")


LATE = {
    "worker dies after boot": Broken(
        {"coda": f"import threading\nthreading.Timer({BREAKS_AFTER}, os._exit, [1]).start()\n"},
        ("crashes: ", "1 of its workers died"),
        "It was taken back",
    ),
    "health turns bad": Broken(
        {
            "coda": f"""
import time

BEGAN = time.monotonic()
well = app


def app(environ, start_response):
    if environ["PATH_INFO"] != "/healthz" or time.monotonic() < BEGAN + {BREAKS_AFTER}:
        return well(environ, start_response)
    start_response("500 Internal Server Error", [])
    return [b"the pool is exhausted"]
"""
        },
        ("GET /healthz gave 500", "the pool is exhausted"),
        "It was taken back",
    ),
}
# Of the requests in the meantime: what a worker had when it died.
MOST_FAILED = 0.02


@pytest.mark.parametrize("kind", LATE)
def test_release_that_breaks_after_the_switch_is_taken_back(shop, kind):
    broken, host = LATE[kind], shop.host
    live, units = host.instance("shop"), host.units()
    with host.load("shop.test") as loads:
        run = shop.deploy("late", health={**HEALTH, "watch": WATCH}, **broken.keys).refused()
    load = loads[0]
    print(f"{run.seconds:.1f} s, {load}\n{run.message}")
    assert [word for word in (*broken.words, broken.outcome) if word not in run.message] == [], run.message
    assert load.failed <= MOST_FAILED * sum(load.statuses.values()), load
    assert host.instance("shop") == live
    assert shop.says() == shop.text
    assert host.units() == units

    shop.say(f"mended: {kind}")
