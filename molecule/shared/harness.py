"""What the scenarios' tests share: a host, runs of a playbook against it, and requests that are counted."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import testinfra
import yaml

ROOT = Path(__file__).resolve().parents[2]
RUN_SECONDS = 300


@functools.cache
def inventory() -> dict[str, Any]:
    """Return the inventory of the running Molecule scenario, as ansible-inventory lists it."""
    done = subprocess.run(
        ["ansible-inventory", "-i", os.environ["MOLECULE_INVENTORY_FILE"], "--list"],
        check=True,
        capture_output=True,
        text=True,
    )
    listed: dict[str, Any] = json.loads(done.stdout)
    return listed


def host_names() -> list[str]:
    """Return the names of the scenario's hosts."""
    return sorted(inventory()["_meta"]["hostvars"])


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of a playbook: exit status, Ansible's own report, and the wall time in seconds."""

    status: int
    report: dict[str, Any]
    text: str
    seconds: float

    @property
    def message(self) -> str:
        """The messages of all failed tasks."""
        results = [
            result
            for play in self.report.get("plays", [])
            for task in play["tasks"]
            for result in task["hosts"].values()
        ]
        results += [inner for result in results for inner in result.get("results", [])]
        return "\n".join(str(result.get("msg", "")) for result in results if result.get("failed"))

    @property
    def changed(self) -> list[str]:
        """The names of the tasks that changed something, or would."""
        return [
            task["task"]["name"]
            for play in self.report.get("plays", [])
            for task in play["tasks"]
            if any(result.get("changed") for result in task["hosts"].values())
        ]

    def succeeded(self) -> Run:
        """Return the run itself; raises AssertionError with its messages where it failed."""
        assert self.status == 0, self.message or self.text
        return self

    def refused(self) -> Run:
        """Return the run itself; raises AssertionError where it did not fail."""
        assert self.status != 0, f"the run was not refused; it changed {self.changed}"
        return self


@dataclasses.dataclass(frozen=True)
class Load:
    """What a load generator counted: answers by status code, and errors by their text."""

    statuses: dict[int, int]
    errors: dict[str, int]

    @property
    def failed(self) -> int:
        """Requests without a good answer."""
        bad = sum(count for status, count in self.statuses.items() if status != 200)
        return bad + sum(self.errors.values())

    def without_failure(self, at_least: int = 200) -> None:
        """Assert that there were requests, and that each got a 200."""
        assert self.failed == 0, f"{self.failed} failed: {self.statuses} {self.errors}"
        assert self.statuses.get(200, 0) >= at_least, f"too few requests to tell: {self.statuses}"


@dataclasses.dataclass
class Host:
    """A container of the scenario, managed alone: the playbooks see no other host."""

    name: str
    folder: Path

    @functools.cached_property
    def ti(self) -> Any:
        """The host for testinfra."""
        return testinfra.get_host(f"docker://{self.name}")

    def sh(self, command: str) -> str:
        """Run a shell command as root on the host and return what it printed, stripped."""
        return str(self.ti.check_output(command)).strip()

    def get(self, path: str = "/", host: str = "alpha.test", options: str = "") -> str:
        """Fetch a path through Nginx on port 80 and return the body."""
        url = shlex.quote(f"http://127.0.0.1{path}")
        return self.sh(f"curl -sS --max-time 10 -H 'Host: {host}' {options} {url}")

    def answer(self, path: str = "/", host: str = "alpha.test") -> dict[str, Any]:
        """Fetch a path that answers with JSON."""
        answer: dict[str, Any] = json.loads(self.get(path, host))
        return answer

    def gives_no_answer(self, host: str) -> bool:
        """Tell whether Nginx closes, or resets, the connection of who asks for this name."""
        curl = self.ti.run(f"curl -sS --max-time 5 -H 'Host: {host}' http://127.0.0.1/")
        return curl.rc in (52, 56) and curl.stdout == ""

    def inventory_file(self) -> Path:
        """Write an inventory in which this host is everything, and return its path."""
        path = self.folder / f"{self.name}.yml"
        variables = inventory()["_meta"]["hostvars"][self.name]
        hosts = {self.name: variables}
        groups = {group: {"hosts": {self.name: None}} for group in ("app_servers", "proxies")}
        path.write_text(yaml.safe_dump({"all": {"hosts": hosts}, **groups}))
        return path

    def play(
        self,
        variables: Mapping[str, Any],
        *options: str,
        playbook: str | Path = ROOT / "playbooks/site.yml",
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """Run a playbook against this host with extra variables; options go to ansible-playbook."""
        began = time.monotonic()
        done = subprocess.run(
            self.command(variables, *options, playbook=playbook),
            check=False,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=RUN_SECONDS,
            env=run_environment(environment),
        )
        seconds = time.monotonic() - began
        start = done.stdout.find("{")
        try:
            report = json.loads(done.stdout[start:]) if start >= 0 else {}
        except json.JSONDecodeError:
            report = {}
        return Run(done.returncode, report, done.stdout + done.stderr, seconds)

    def command(
        self,
        variables: Mapping[str, Any],
        *options: str,
        playbook: str | Path = ROOT / "playbooks/site.yml",
    ) -> list[str]:
        """Return the command by which a playbook is run against this host with extra variables."""
        extra = self.folder / f"{self.name}-extra.json"
        extra.write_text(json.dumps(variables))
        inventory = str(self.inventory_file())
        return ["ansible-playbook", "-i", inventory, "-e", f"@{extra}", *options, str(playbook)]

    def deploy(self, apps: list[dict[str, Any]], *options: str, **variables: Any) -> Run:
        """Run site.yml with this manifest."""
        return self.play({"python_apps": apps, **variables}, *options)

    def digest(self, *folders: str) -> str:
        """Return a digest over names, modes, owners, links and contents below the folders."""
        names = " ".join(folders)
        return self.sh(
            f"(find {names} -printf '%p %y %m %u %g %l\\n' | sort;"
            f" find {names} -type f -print0 | sort -z | xargs -0 -r sha256sum) | sha256sum"
        )

    def units(self) -> list[str]:
        """Return the collection's units that systemd knows, each with its state.

        Without the sub-state: an open socket is listening or running as requests come.
        """
        lines = self.sh("systemctl list-units --all --plain --no-legend 'gunicorn-*'").splitlines()
        return sorted(" ".join(line.split()[:3]) for line in lines)

    def master(self, app: str) -> int:
        """Return the pid of the live Gunicorn master of an app."""
        instance = self.instance(app)
        return int(self.sh(f"systemctl show -P MainPID gunicorn-{app}@{instance}.service"))

    def pids(self, app: str) -> set[int]:
        """Return the pids of all processes of an app's user."""
        return {int(pid) for pid in self.ti.run(f"pgrep -u {app}").stdout.split()}

    def instance(self, app: str) -> str:
        """Return the id of the live instance, read from the record that systemd follows."""
        text = self.sh(f"cat /etc/systemd/system/gunicorn-{app}.service.d/live.conf")
        found = re.search(rf"gunicorn-{app}@([0-9a-f]+)\.service", text)
        assert found, text
        return found[1]

    @contextlib.contextmanager
    def load(
        self,
        host: str = "alpha.test",
        path: str = "/",
        body: str = "",
        *,
        scheme: str = "http",
        where: str = "127.0.0.1",
        options: str = "",
    ) -> Iterator[list[Load]]:
        """Send requests at a fixed rate from within the host while the block runs.

        body: what makes them POSTs. where: the address that is asked. options: further ones of hey. The
        list has the count when the block has ended. The load ends by itself after RUN_SECONDS.
        """
        # 4 connections of 50 requests a second: enough to count, and room for the run itself.
        method = f"-m POST -d {body}" if body else ""
        url = f"{scheme}://{where}{path}"
        command = f"exec hey -z {RUN_SECONDS}s -c 4 -q 50 -t 10 {method} {options} -host {host} {url}"
        process = subprocess.Popen(
            ["docker", "exec", self.name, "sh", "-c", command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        counted: list[Load] = []
        try:
            time.sleep(0.5)  # some requests come before the change
            yield counted
            time.sleep(0.5)  # and some after it
        finally:
            self.ti.run(f"pkill -{signal.SIGINT.value} -x hey")
            output, _ = process.communicate(timeout=30)
            counted.append(read_hey(output))


def deploy_together(
    hosts: Sequence[Host], folder: Path, variables: Mapping[str, Any]
) -> subprocess.CompletedProcess[str]:
    """Run site.yml against several hosts at once; each is an app host and its own proxy.

    folder: where the inventory and the variables are written.
    """
    names = [host.name for host in hosts]
    inventory_file, extra = folder / "hosts.json", folder / "extra.json"
    group = {"hosts": dict.fromkeys(names)}
    everything = {name: inventory()["_meta"]["hostvars"][name] for name in names}
    inventory_file.write_text(
        json.dumps({"all": {"hosts": everything}, "app_servers": group, "proxies": group})
    )
    extra.write_text(json.dumps(variables))
    return subprocess.run(
        ["ansible-playbook", "-i", str(inventory_file), "-e", f"@{extra}", "playbooks/site.yml"],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=RUN_SECONDS,
    )


def run_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a run whose report is read."""
    return {**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json", **(more or {})}


def read_hey(output: str) -> Load:
    """Read the counts out of what hey prints at its end."""
    statuses = {int(code): int(n) for code, n in re.findall(r"\[(\d{3})\]\s+(\d+) responses", output)}
    errors = {text: int(n) for n, text in re.findall(r"^\s+\[(\d+)\]\s+(\D.*)$", output, re.M)}
    assert statuses or errors, f"hey counted nothing: {output}"
    return Load(statuses, errors)


APP = '''"""A WSGI app for the tests: it says which text it was given, and what reached it."""

import json
import os
{prelude}
TEXT = {text!r}


def app(environ, start_response):
    """Answer every path with JSON."""
    status = {status!r} if environ["PATH_INFO"] == "/healthz" else "200 OK"
    answer = {{
        "text": TEXT,
        "greeting": os.environ.get("GREETING"),
        "pid": os.getpid(),
        "instance": os.environ.get("WEBSTACK_INSTANCE"),
        "address": environ.get("HTTP_X_FORWARDED_FOR"),
        "host": environ.get("HTTP_HOST"),
        "script_name": environ.get("SCRIPT_NAME"),
    }}
    start_response(status, [("Content-Type", "application/json")])
    return [json.dumps(answer).encode()]
{coda}'''


def write_app(
    folder: Path,
    text: str = "one",
    *,
    prelude: str = "",
    status: str = "200 OK",
    coda: str = "",
    requirements: str = "",
) -> Path:
    """Write the test app into a folder and return it.

    prelude: code that runs at import; status: what the health path answers; coda: code at the
    end of the module.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "web.py").write_text(APP.format(text=text, prelude=prelude, status=status, coda=coda))
    (folder / "requirements.txt").write_text(requirements)
    (folder / "static").mkdir(exist_ok=True)
    (folder / "static/site.css").write_text(f"/* {text} */\n")
    return folder


def entry(name: str, folder: Path, **keys: Any) -> dict[str, Any]:
    """Return a manifest entry for the test app."""
    return {
        "name": name,
        "app": "web:app",
        "source": {"path": str(folder)},
        "health": {"path": "/healthz", "timeout": 20},
        "gunicorn": {"workers": 2},
        "nginx": {"domains": [f"{name}.test"], "static": {"/static/": "static"}},
        **keys,
    }
