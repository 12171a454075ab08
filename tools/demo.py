"""`make demo`: a Debian host in a container, the sample app deployed to it by the site playbook."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

from tools import console, engine, images
from tools.checkout import DEMO_CONTAINER, IDENTITY, ROOT, environment

FIRST_PORT = 8080
PORTS_TRIED = 100
ANSWER_SECONDS = 10
HOST = "debian12"
INVENTORY = ROOT / "inventories/demo"


def docker(*arguments: str) -> str | None:
    """Run docker and return its output, None on a non-zero exit."""
    done = subprocess.run(["docker", *arguments], check=False, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else None


def free_port() -> int:
    """Return $PORT, else the first free port from 8080 on. Raises console.ToolError where none is."""
    if named := os.environ.get("PORT"):
        return int(named)
    for port in range(FIRST_PORT, FIRST_PORT + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise console.ToolError(
        f"none of the ports {FIRST_PORT} to {FIRST_PORT + PORTS_TRIED - 1} is free", "make demo PORT=…"
    )


def published_port() -> int | None:
    """Return the port of the demo that runs, None where it does not."""
    published = docker("port", DEMO_CONTAINER, "80/tcp")
    return int(published.rpartition(":")[2]) if published else None


def play(*playbooks: str, port: int) -> None:
    """Run playbooks of this repository on the demo's inventory. Raises console.ToolError."""
    variables = {
        "WEBSTACK_CHECKOUT": IDENTITY,
        "WEBSTACK_DEMO_IMAGE": images.tag(HOST),
        "WEBSTACK_DEMO_PORT": str(port),
    }
    status = subprocess.call(
        ["ansible-playbook", "-i", str(INVENTORY), *playbooks], cwd=ROOT, env={**environment(), **variables}
    )
    if status != 0:
        raise console.ToolError(
            "the playbook failed; its last lines say where",
            "Mend that and run `make demo` again; `make demo-down` starts from scratch",
        )


def fetch(url: str) -> str:
    """Return the app's answer as indented JSON. Raises console.ToolError where there is none."""
    request = urllib.request.Request(url, headers={"Accept": "application/json"})
    # The address is this machine's: no proxy of the environment's.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=ANSWER_SECONDS) as response:
            return json.dumps(json.load(response), indent=2)
    except (urllib.error.URLError, json.JSONDecodeError) as error:
        raise console.ToolError(
            f"{url} does not answer as it should: {error}",
            f"Look inside: docker exec {DEMO_CONTAINER} journalctl --no-pager -n 50",
        ) from None


def up() -> None:
    """Start the host where it is not there, deploy the sample app, and show what it answers."""
    engine.up()
    images.ensure([HOST])
    port = published_port()
    if port and os.environ.get("PORT", "") not in ("", str(port)):
        raise console.ToolError(
            f"the demo that runs is at port {port}, which stays as long as it does",
            "`make demo-down` first, or `make demo` without PORT",
        )
    if port is None:
        docker("rm", "--force", "--volumes", DEMO_CONTAINER)
        port = free_port()
        console.step(f"Starting the demo's host {DEMO_CONTAINER}")
        play("tools/demo.yml", port=port)
    console.step("Deploying examples/hello")
    play("playbooks/site.yml", port=port)
    url = f"http://127.0.0.1:{port}/"
    answer = fetch(url)
    console.step(f"The app answers through Nginx and Gunicorn:\n{answer}")
    console.step(f"Open {url}")
    console.note(
        "Change examples/hello and run `make demo` again to deploy it; `make demo-down` removes all of it.\n"
        f"    Look inside: docker exec -it {DEMO_CONTAINER} bash"
    )


def down() -> None:
    """Remove the demo's host. An engine that does not answer runs no demo."""
    if engine.complaint():
        console.note("no container engine answers, so no demo runs")
        return
    if docker("container", "inspect", DEMO_CONTAINER) is None:
        console.note("no demo runs")
        return
    if docker("rm", "--force", "--volumes", DEMO_CONTAINER) is None:
        raise console.ToolError(
            f"{DEMO_CONTAINER} could not be removed",
            f"Run `docker rm --force {DEMO_CONTAINER}` and see what it says",
        )
    console.note(
        f"removed {DEMO_CONTAINER}; `make engine-down` stops an engine that was started for it,"
        " `make clean` removes the images, too"
    )


if __name__ == "__main__":
    console.main({"up": up, "down": down}[sys.argv[1]])
