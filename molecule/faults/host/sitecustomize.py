"""Ends a module at a chosen event, on a test's host; Python imports it at its start.

What happens is said by the test in ORDER, and that file is gone once it has happened:

    library   the module by a part of the collection that it alone imports, such as _instance_swap;
              "start" and "end" mean any module, when it starts and when all is done but the answer
    call      which run of that module since the order was given, from 1
    at        which event, from 1; the fault comes before the event does
    do        kill: the process is gone. term: it is asked to end. stop: it stands still, and STOPPED
              holds its pid. trace: nothing, but every event is written to TRACE.

Events are what changes something or starts a process, while the module holds its lock, from within
the collection's code. CALLS has a byte for each run of the module.
"""

import json
import os
import signal
import sys
from pathlib import Path

FOLDER = Path("/run/faults")
ORDER = FOLDER / "order.json"
CALLS = FOLDER / "calls"
TRACE = FOLDER / "trace"
STOPPED = FOLDER / "stopped"
LIBRARY = "ansible_collections.webstack.python.plugins.module_utils."
CODE = "webstack/python/plugins/"
CHANGES = {
    *("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink"),
    *("os.truncate", "subprocess.Popen"),
}
READERS = {"find", "journalctl"}
# The steps of a swap, whatever calls them.
STEPS = {
    *("_repair", "_place", "_rehearse", "_start", "_commit", "_retire", "_settle", "_drop", "_undo"),
}
# Functions that only lead to other steps.
FRAME = {
    *("main", "run", "apply", "present", "ensure_present", "ensure_absent", "absent", "build", "step"),
    *("ensure_rolled_back", "carry_out"),
    *("_step", "_load", "_build_release", "_complete_release", "lock", "_take_back", "<module>"),
}


class Fault:
    """What this process is to suffer, and how far it has come."""

    def __init__(self, order):
        self.order = order
        self.call = 0
        self.count = 0
        self.busy = False

    def hook(self, event, arguments):
        """Take note of an audit event."""
        if self.busy:
            return
        self.busy = True
        try:
            self._note(event, arguments)
        finally:
            self.busy = False

    def _note(self, event, arguments):
        if event == "fcntl.flock" and not self.call and LIBRARY + self.order["library"] in sys.modules:
            self.call = count_call()
        elif self.call and _changes(event, arguments):
            functions = _functions()
            if functions:
                self.count += 1
                self._act(functions, event, arguments)

    def _act(self, functions, event, arguments):
        if self.order["do"] == "trace":
            named = [name for name in functions if name in STEPS]
            named += [name for name in functions if name not in FRAME]
            step = [*named, functions[-1]][0].strip("_")
            step = f"take_back {step}" if "_take_back" in functions else step
            with TRACE.open("a") as trace:
                told = [self.call, self.count, step, f"{event.split('.')[-1]} {_subject(arguments)}"]
                trace.write(json.dumps(told) + "\n")
        elif (self.call, self.count) == (self.order["call"], self.order["at"]):
            self.call = 0
            suffer(self.order["do"])


def count_call():
    """Count one more run of the module and return its number."""
    with CALLS.open("a") as calls:
        calls.write("x")
        return calls.tell()


def suffer(do):
    """Let the fault happen, once."""
    ORDER.unlink()
    if do == "stop":
        STOPPED.write_text(str(os.getpid()))
    os.kill(os.getpid(), getattr(signal, f"SIG{do.upper()}"))


def _changes(event, arguments):
    """Tell whether an event changes what has a name on the host, or starts what may."""
    if event == "subprocess.Popen":
        command = [str(word) for word in arguments[1]]
        return command[0] not in READERS and command[:2] != ["systemctl", "show"]
    subject = arguments[0] if arguments else None
    if event == "open":
        writes = bool(arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
        return writes and not isinstance(subject, int) and str(subject) != os.devnull
    if event not in CHANGES or isinstance(subject, int):
        return False
    # A folder that is there is not made, and what is gone is not removed.
    there = os.path.lexists(subject)
    return not there if event == "os.mkdir" else there or event != "os.remove" or not os.path.isabs(subject)


def _functions():
    """Name the functions of the collection that are being run, the outermost first."""
    names = []
    frame = sys._getframe(3)
    while frame:
        if CODE in frame.f_code.co_filename:
            names.insert(0, frame.f_code.co_name)
        frame = frame.f_back
    return names


def _subject(arguments):
    command = next((value for value in arguments if isinstance(value, (list, tuple))), None)
    return " ".join(str(word) for word in command or arguments[:1])


class Answer:
    """Stands for the standard output of a module that suffers as it is about to answer."""

    def __init__(self, do):
        self.do = do

    def write(self, _text):
        """Suffer."""
        suffer(self.do)

    def flush(self):
        """Do nothing: nothing was written."""


def begin(order):
    """Arm this process."""
    if order["library"] not in ("start", "end"):
        sys.addaudithook(Fault(order).hook)
    elif count_call() == order.get("call"):
        if order["library"] == "start":
            suffer(order["do"])
        sys.stdout = Answer(order["do"])


# What this process starts is none of the test's business.
os.environ.pop("PYTHONPATH", None)
if ORDER.exists():
    begin(json.loads(ORDER.read_text()))
