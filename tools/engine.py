"""The container engine: the one that answers, or, on Debian as root, one that is started here."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tools import console, debian

START_SECONDS = 60
STOP_SECONDS = 60
STEP_SECONDS = 0.2


@dataclass(frozen=True)
class Daemon:
    """A dockerd of ours, and where it keeps what outlives a kill.

    Each path is removed where it names a process that is something else by now: dockerd takes any
    process of that id for itself, and refuses to start.
    """

    pid_file: Path = Path("/var/run/docker.pid")
    containerd_pid_file: Path = Path("/var/run/docker/containerd/containerd.pid")
    # Written here alone: tells an engine that these tools started from one that they found.
    started_file: Path = Path("/run/webstack-engine.pid")
    log: Path = Path("/var/log/webstack-engine.log")
    options: tuple[str, ...] = ()

    def process(self) -> int | None:
        """Return the process id of the dockerd that runs, None where none does."""
        return running(self.pid_file, "dockerd")

    def drop_stale_files(self) -> None:
        """Remove the pid files that a killed engine, or another boot, has left."""
        for path, command in ((self.pid_file, "dockerd"), (self.containerd_pid_file, "containerd")):
            if path.exists() and running(path, command) is None:
                console.note(f"removing {path}, left by an engine that was killed")
                path.unlink()

    def start(self) -> None:
        """Start dockerd apart from this session and wait until it answers. Raises console.ToolError."""
        self.drop_stale_files()
        console.step(f"Starting dockerd (log: {self.log})")
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                ["dockerd", "--log-level=warn", "--pidfile", str(self.pid_file), *self.options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd="/",
            )
        self.started_file.write_text(f"{process.pid}\n")
        try:
            wait_for_answer(str(self.log), lambda: process.poll() is not None)
        except console.ToolError as failure:
            raise console.ToolError(f"{failure}\n{console.tail(self.log)}", failure.remedy) from None

    def stop(self) -> None:
        """Stop the dockerd that start() left; one that was found running stays. Raises console.ToolError."""
        pid = running(self.started_file, "dockerd")
        if pid is None:
            console.note("no engine runs that these tools started")
            self.started_file.unlink(missing_ok=True)
            return
        console.step("Stopping dockerd")
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while running(self.started_file, "dockerd") is not None:
            if time.monotonic() > deadline:
                raise console.ToolError(f"dockerd did not stop in {STOP_SECONDS} s", f"Look at {self.log}")
            time.sleep(STEP_SECONDS)
        self.started_file.unlink()


def running(pid_file: Path, command: str) -> int | None:
    """Return the process id in a file if that process runs this command, else None."""
    try:
        pid = int(pid_file.read_text())
        state = Path(f"/proc/{pid}/stat").read_text()
    except (OSError, ValueError):
        return None
    # "pid (command) state …": a zombie has ended, its parent has not asked yet.
    name, _, rest = state.partition("(")[2].rpartition(")")
    return pid if name == command and not rest.startswith(" Z") else None


def complaint() -> str:
    """Return '' if the engine answers, else what the client says."""
    if shutil.which("docker") is None:
        return "there is no docker command"
    done = subprocess.run(
        ["docker", "version", "--format", "{{.Server.Version}}"],
        check=False,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    return "" if done.returncode == 0 else done.stderr.strip() or done.stdout.strip()


def wait_for_answer(look_at: str, has_ended: Callable[[], bool] = lambda: False) -> None:
    """Wait until the engine answers. Raises console.ToolError where it ends or stays silent.

    look_at: where the reader finds the engine's own words.
    """
    deadline = time.monotonic() + START_SECONDS
    while said := complaint():
        if has_ended() or time.monotonic() > deadline:
            raise console.ToolError(f"the engine did not start: {said}", f"Look at {look_at}")
        time.sleep(STEP_SECONDS)


def require_local_control(said: str) -> None:
    """Raise console.ToolError, with the way out, where starting an engine is not ours to do."""
    if "DOCKER_HOST" in os.environ:
        raise console.ToolError(
            f"DOCKER_HOST={os.environ['DOCKER_HOST']} does not answer: {said}",
            "Start that engine, or unset DOCKER_HOST",
        )
    if "permission denied" in said:
        raise console.ToolError(
            f"the container engine may not be used: {said}",
            "Add yourself to its group (sudo usermod -aG docker $USER, then log in again)",
        )
    if shutil.which("docker") and not (sys.platform == "linux" and os.geteuid() == 0):
        raise console.ToolError(
            f"Docker is installed but does not answer: {said}",
            "Start it (Docker Desktop, or: sudo systemctl start docker), then run the same command again",
        )
    if shutil.which("dockerd") is None and not debian.may_install():
        raise console.ToolError(
            "there is no container engine on this machine",
            "Install Docker (https://docs.docker.com/engine/install/) and start it, then run it again",
        )


def install() -> None:
    """Install Debian's engine. Raises console.ToolError where that fails."""
    console.step("Installing a container engine")
    debian.refresh()
    # Debian 13 has the client in a package of its own.
    client = ["docker-cli"] if debian.is_available("docker-cli") else []
    debian.install("docker.io", *client, "iptables")


def up() -> None:
    """See to it that a container engine answers. Raises console.ToolError with the way out."""
    said = complaint()
    if not said:
        return
    require_local_control(said)
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        install()
    daemon = Daemon()
    if Path("/run/systemd/system").is_dir():
        console.step("Starting docker.service")
        console.succeeds("systemctl", "start", "docker.service")
        wait_for_answer("its journal: journalctl -u docker.service")
    elif daemon.process():
        wait_for_answer(str(daemon.log))
    else:
        daemon.start()


if __name__ == "__main__":
    console.main({"up": up, "down": Daemon().stop}[sys.argv[1]])
