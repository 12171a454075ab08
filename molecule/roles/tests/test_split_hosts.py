"""The proxy on one host, the app on another."""

from __future__ import annotations

import contextlib
import json
import subprocess

import harness
import pytest

KEEP = "max-age=31536000, immutable"
# Who follows pages to their styles, until it is told to end. A style is named by the text of its page.
READER = """
import http.client, json, sys, threading
ended, counted = threading.Event(), {"read": 0, "failed": []}
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
def get(path):
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=10)
    connection.request("GET", path, headers={"Host": "far.test"})
    answer = connection.getresponse()
    return answer.status, answer.read()
while not ended.is_set():
    status, page = get("/")
    style = f"/static/app.{json.loads(page)['text']}.css" if status == 200 else ""
    found = style and get(style)[0]
    counted["read"] += 1
    if found != 200:
        counted["failed"].append([status, style, found])
print(json.dumps(counted))
"""


class Split:
    """An app on one host, the proxy on another. deploy's keys are those of the app."""

    def __init__(self, back, front, folder):
        self.back, self.front, self.folder = back, front, folder
        self.groups = {"app_servers": [back.name], "proxies": [front.name]}
        self.variables = {back.name: {"webstack_address": back.sh("hostname -i").split()[0]}, front.name: {}}

    def run(self, variables, *options, playbook="site"):
        """Run a playbook over both hosts."""
        known = harness.inventory()["_meta"]["hostvars"]
        hosts = {name: {**known[name], **more} for name, more in self.variables.items()}
        groups = {group: {"hosts": dict.fromkeys(names)} for group, names in self.groups.items()}
        inventory, extra = self.folder / "hosts.json", self.folder / "extra.json"
        inventory.write_text(json.dumps({"all": {"hosts": hosts}, **groups}))
        extra.write_text(json.dumps(variables))
        command = ["ansible-playbook", "-i", str(inventory), "-e", f"@{extra}", *options]
        done = subprocess.run(
            [*command, f"playbooks/{playbook}.yml"],
            check=False,
            capture_output=True,
            text=True,
            cwd=harness.ROOT,
            timeout=harness.RUN_SECONDS,
            env=harness.run_environment(),
        )
        said = done.stdout + done.stderr
        start = done.stdout.find("{")
        return harness.Run(done.returncode, json.loads(done.stdout[start:]), said, 0)

    def app(self, text="one", **keys):
        """Return the app's entry, its source written with this text."""
        source = harness.write_app(self.folder / "far", text)
        return harness.entry("far", source, **{"listen": "0.0.0.0:8400", **keys})

    def deploy(self, text, *options, playbook="site", **keys):
        """Run a playbook with this app, its style named by its text."""
        app = self.app(text, **keys)
        for old in (self.folder / "far/static").glob("app.*"):
            old.unlink()
        (self.folder / f"far/static/app.{text}.css").write_text(f"/* {text} */\n" * 200)
        return self.run({"python_apps": [app]}, *options, playbook=playbook)

    def status(self, text):
        """Return how the proxy answers for the style of a text."""
        return self.front.get(f"/static/app.{text}.css", "far.test", "-o /dev/null -w '%{http_code}'")

    def styles(self, *texts):
        """Return how the proxy answers for several."""
        return [self.status(text) for text in texts]

    @contextlib.contextmanager
    def reader(self):
        """Follow pages to their styles while the block runs; each style was there before its page."""
        process = subprocess.Popen(
            ["docker", "exec", "-i", self.front.name, "python3", "-c", READER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield
        finally:
            output, _ = process.communicate(timeout=60)
        counted = json.loads(output)
        assert counted["failed"] == []
        assert counted["read"] >= 100


@pytest.fixture
def split(tmp_path):
    """The app's host and the proxy's."""
    return Split(*(harness.Host(name, tmp_path) for name in harness.host_names()), tmp_path)


def test_proxy_reaches_the_app_of_another_host(split):
    def play(port, *options):
        app = split.app(listen=f"0.0.0.0:{port}", nginx={"domains": ["far.test"]})
        return split.run({"python_apps": [app]}, *options).succeeded().text

    back, front = split.back, split.front
    play(8400)
    assert front.answer(host="far.test")["text"] == "one"
    # A run for the proxy alone knows the apps without having asked their host.
    play(8400, "--limit", front.name)
    assert front.answer(host="far.test")["text"] == "one"

    # A run for the app's host alone leaves the address that the proxy still asks.
    assert f"this run left out {front.name}" in play(8401, "--limit", back.name)
    assert front.answer(host="far.test")["text"] == "one"
    play(8401)
    assert front.answer(host="far.test")["text"] == "one"
    assert ":8400 " not in back.sh("ss -Hlnt")


def test_static_files_are_at_the_proxy_before_the_pages_that_name_them(split):
    first, second, third = "a1a1a1a1", "b2b2b2b2", "c3c3c3c3"
    front = split.front
    split.deploy(first, "--check").succeeded()
    # A proxy that lacks them cannot have them from hosts that the run leaves out.
    message = split.deploy(first, "--limit", front.name).refused().message
    assert "the static files of 'far' are not on this proxy, and the run leaves out who has them; " in message
    assert f"run for {split.back.name}, too" in message
    split.deploy(first).succeeded()
    answer = front.get(f"/static/app.{first}.css", "far.test", "-D - --compressed").replace("\r", "").lower()
    assert f"cache-control: {KEEP}" in answer
    assert "content-encoding: gzip" in answer
    assert f"/* {first} */" in answer
    assert front.get("/static/site.css", "far.test") == f"/* {first} */"
    assert split.deploy(first).succeeded().changed == []
    split.deploy(first, "--limit", front.name).succeeded()

    with (
        front.load("far.test", f"/static/app.{first}.css") as old,
        front.load("far.test", "/static/site.css") as same,
        split.reader(),
    ):
        split.deploy(second, "--limit", split.back.name, playbook="deploy").succeeded()
    old[0].without_failure()
    same[0].without_failure()
    assert split.styles(first, second) == ["200", "200"]
    assert front.get("/static/site.css", "far.test") == f"/* {second} */"

    # A list of its own, made as the role's README says, has the same copies.
    derived = "hostvars | webstack.python.nginx_sites(inventory_hostname, groups['app_servers'])"
    split.variables[front.name]["nginx_sites"] = f"{{{{ {derived} }}}}"
    with split.reader():
        split.deploy(third, playbook="deploy").succeeded()
    assert split.styles(first, second, third) == ["404", "200", "200"]

    with split.reader():
        split.run({"python_apps": [split.app(third)], "app": "far"}, playbook="rollback").succeeded()
    assert split.styles(second, third) == ["200", "200"]
    assert front.get("/static/site.css", "far.test") == f"/* {second} */"

    # Without the key the app answers, and nothing is left of the copies.
    split.deploy(second, nginx={"domains": ["far.test"]}).succeeded()
    assert front.answer("/static/site.css", "far.test")["text"] == second
    assert front.sh("ls /var/lib/webstack/static") == ""


def test_pages_of_each_host_find_their_files_at_a_proxy_that_is_one_of_them(split):
    back, front = split.back, split.front
    split.groups["app_servers"].append(front.name)
    split.variables[front.name]["nginx_app_hosts"] = [back.name, front.name]
    for host in (back, front):
        split.variables[host.name]["webstack_address"] = host.sh("hostname -i").split()[0]
    # A build whose files are named after the host that it ran on.
    build = ['. /etc/os-release; cp static/site.css "static/on-$VERSION_ID.css"']
    versions = [host.sh(". /etc/os-release; echo $VERSION_ID") for host in (back, front)]

    def statuses():
        paths = [f"/static/on-{version}.css" for version in versions]
        return [front.get(path, "far.test", "-o /dev/null -w '%{http_code}'") for path in paths]

    split.deploy("d4d4d4d4", build=build).succeeded()
    assert statuses() == ["200", "200"]
    assert split.deploy("d4d4d4d4", build=build).succeeded().changed == []
    with split.reader():
        split.deploy("e5e5e5e5", "--limit", back.name, playbook="deploy", build=build).succeeded()
    # The host that was left out is still on the release before.
    assert statuses() == ["200", "200"]
    assert split.styles("d4d4d4d4", "e5e5e5e5") == ["200", "200"]

    split.run({"python_apps": [{"name": "far", "state": "absent"}]}).succeeded()
    assert front.sh("ls /var/lib/webstack/static") == ""
