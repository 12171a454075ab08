"""Pid files of a killed engine, and engines that are not ours to start."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tools import console, debian, engine


@pytest.fixture
def daemon(tmp_path: Path) -> engine.Daemon:
    """A daemon that keeps its files apart from the machine's."""
    return engine.Daemon(
        pid_file=tmp_path / "docker.pid",
        containerd_pid_file=tmp_path / "containerd.pid",
        started_file=tmp_path / "started.pid",
        log=tmp_path / "log",
    )


def own_command() -> str:
    """Return this process's command, as the kernel has it."""
    return Path("/proc/self/comm").read_text().strip()


@pytest.mark.parametrize("content", ["", "no number", "999999999"])
def test_pid_file_without_a_process_names_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid").write_text(content)
    assert engine.running(tmp_path / "pid", own_command()) is None


def test_pid_file_is_believed_for_the_same_command_only(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text(str(os.getpid()))
    assert engine.running(tmp_path / "pid", own_command()) == os.getpid()
    assert engine.running(tmp_path / "pid", "dockerd") is None


def test_files_that_name_a_foreign_process_are_dropped(daemon: engine.Daemon) -> None:
    daemon.pid_file.write_text(str(os.getpid()))
    daemon.containerd_pid_file.write_text(str(os.getpid()))
    daemon.drop_stale_files()
    assert not daemon.pid_file.exists()
    assert not daemon.containerd_pid_file.exists()


def test_engine_that_was_found_running_is_not_stopped(daemon: engine.Daemon) -> None:
    daemon.pid_file.write_text(str(os.getpid()))
    daemon.stop()
    assert daemon.pid_file.exists()


@pytest.mark.parametrize(
    ("installed", "root", "said", "remedy"),
    [
        ({"docker"}, False, "permission denied", "usermod -aG docker"),
        ({"docker"}, False, "Is the docker daemon running?", "systemctl start docker"),
        (set(), False, "there is no docker command", "Install Docker"),
    ],
)
def test_engine_that_may_not_be_started_is_explained(
    monkeypatch: pytest.MonkeyPatch, installed: set[str], root: bool, said: str, remedy: str
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: name if name in installed else None)
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    monkeypatch.setattr(debian, "may_install", lambda: root)
    with pytest.raises(console.ToolError) as caught:
        engine.require_local_control(said)
    assert remedy in caught.value.remedy


def test_remote_engine_is_never_replaced_by_a_local_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "ssh://elsewhere")
    with pytest.raises(console.ToolError, match="ssh://elsewhere"):
        engine.require_local_control("no route to host")
