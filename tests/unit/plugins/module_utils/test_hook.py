"""Commands of an app, with stand-ins for systemd: systemd-run becomes the shell that it would start."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _hook, _systemd
from ansible_collections.webstack.python.plugins.module_utils._instance import Release, decode_environment

USER = pwd.getpwuid(os.getuid()).pw_name


class Systemd:
    """What systemd was told, and how it says that the command ended."""

    def __init__(self, monkeypatch):
        self.calls = []
        self.command_line = []
        self.environment = {}
        self.shown = {"Result": "exit-code", "ExecMainCode": "1", "ExecMainStatus": "", "InvocationID": "i"}
        self.start = subprocess.Popen
        monkeypatch.setattr(_systemd, "run", self.run)
        monkeypatch.setattr(_systemd, "show", lambda *_: self.shown)
        monkeypatch.setattr(_systemd, "journal", lambda *_: ["systemd: no such path"])
        monkeypatch.setattr(subprocess, "Popen", self.popen)
        monkeypatch.setattr(os, "fchown", lambda *_: None)

    def run(self, *command, **_):
        self.calls.append(" ".join(command))
        return _systemd.Completed(0, "")

    def popen(self, command_line, **options):
        self.command_line = command_line
        (file,) = [Path(part.split("=", 2)[2]) for part in command_line if "=EnvironmentFile=" in part]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        self.environment = decode_environment(file.read_text())
        shell = [*command_line[-3:-1], command_line[-1].replace("$$", "$")]
        return self.start(shell, **{**options, "env": {**self.environment, "PATH": os.environ["PATH"]}})


@pytest.fixture(autouse=True)
def systemd(monkeypatch):
    return Systemd(monkeypatch)


@pytest.fixture
def context(tmp_path):
    code = Path("/srv/shop/releases/r1/code")
    return _hook.Context(
        app="shop",
        user=USER,
        release=Release(code, Path("/srv/shop/venvs/v"), (), "27.0.1", (code, code / "src")),
        env={"SECRET": "hunter2hunter2", "LEVEL": "info"},
        sandbox="strict",
        writable=(code, Path("/srv/shop/shared")),
        timeout=60,
        root=tmp_path,
    )


def test_shell_features_work_and_the_first_failure_ends_it(context):
    outcome = _hook.run('for n in 1 2; do echo "n$n" | tr n m; done; false; echo no', context)
    assert outcome.lines == ("m1", "m2")
    assert (outcome.status, outcome.ok) == (1, False)


def test_the_environment_reaches_the_command_by_a_file_that_is_gone_afterwards(systemd, context):
    assert _hook.run('echo "$LEVEL $WEBSTACK_RELEASE"', context).lines == ("info r1",)
    assert systemd.environment["PATH"] == "/srv/shop/venvs/v/bin:/usr/local/bin:/usr/bin:/bin"
    assert systemd.environment["PYTHONPATH"] == "/srv/shop/releases/r1/code:/srv/shop/releases/r1/code/src"
    assert not list((context.root / _hook.ENVIRONMENTS).iterdir())


def test_neither_the_command_nor_a_secret_is_an_argument(systemd, context):
    _hook.run("echo what-it-says", context)
    assert not [part for part in systemd.command_line if "hunter2" in part or "what-it-says" in part]


def test_the_command_does_not_see_its_own_text(context):
    assert _hook.run("env", context).ok
    assert not [line for line in _hook.run("env", context).lines if _hook.SCRIPT in line]


def test_the_unit_has_the_services_sandbox_and_the_writable_paths(systemd, context):
    _hook.run("true", context)
    properties = {part.removeprefix("--property=") for part in systemd.command_line}
    assert {
        f"User={USER}",
        "WorkingDirectory=/srv/shop/releases/r1/code",
        "RuntimeMaxSec=60",
        "ProtectSystem=strict",
        "BindReadOnlyPaths=/srv/shop/venvs/v",
        "BindPaths=/srv/shop/releases/r1/code /srv/shop/shared",
        "SystemCallFilter=~@privileged @resources",
    } <= properties
    assert "--unit=webstack-hook-shop.service" in systemd.command_line


def test_what_a_killed_run_left_is_ended_before_and_nothing_is_left_after(systemd, context):
    left = _hook.environment_path("shop", context.root)
    left.parent.mkdir(parents=True)
    left.write_text("X=old\n")
    _hook.run("true", context)
    ending = [
        "systemctl stop webstack-hook-shop.service",
        "systemctl reset-failed webstack-hook-shop.service",
    ]
    assert systemd.calls == [*ending, *ending]
    assert "X" not in systemd.environment
    assert not _hook.is_left("shop", context.root)


def test_a_command_that_runs_can_be_found_by_the_next_run(context, monkeypatch):
    found = []

    def look(*_):
        found.append(_hook.is_left("shop", context.root))
        return 0, b""

    monkeypatch.setattr(_hook, "_execute", look)
    monkeypatch.setattr(_hook, "_outcome", lambda *_: None)
    _hook.run("true", context)
    assert found == [True]


def test_an_interrupted_command_is_ended(systemd, context, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(_hook, "_tail", interrupt)
    with pytest.raises(KeyboardInterrupt):
        _hook.run("sleep 60", context)
    assert systemd.calls[-2] == "systemctl stop webstack-hook-shop.service"
    assert not list((context.root / _hook.ENVIRONMENTS).iterdir())


def test_secrets_and_colours_are_not_shown(context):
    outcome = _hook.run(
        r"printf '\033[31m%s\033[0m\nhttps://bob:pw@pypi.test/\n' $SECRET; : hunter2hunter2", context
    )
    assert outcome.lines == ("********", "https://***@pypi.test/")
    assert "hunter2" not in str(outcome)


def test_a_secret_that_was_cut_in_half_is_not_shown(context):
    outcome = _hook.run("yes 'say hunter2hunter2 again' | head -n 20000", context)
    assert set(outcome.lines) == {"say ******** again"}
    assert len(outcome.lines) == _hook.SHOWN_LINES
    assert "hunter2" not in str(_hook.run("yes hunter2hunter2 | tr -d '\n' | head -c 200000", context))


@pytest.mark.parametrize(
    ("shown", "words"),
    [
        ({"ExecMainStatus": "3"}, "'exit 3': exit status 3 after"),
        (
            {"ExecMainCode": "2", "ExecMainStatus": "9", "Result": "signal"},
            "'exit 3': killed by SIGKILL after",
        ),
        (
            {"ExecMainCode": "2", "ExecMainStatus": "15", "Result": "timeout"},
            "'exit 3': no end in its time after",
        ),
    ],
    ids=["status", "signal", "time"],
)
def test_a_failure_says_how_the_command_ended(systemd, context, shown, words):
    systemd.shown.update(shown)
    outcome = _hook.run("exit 3", context)
    assert words in str(outcome)
    assert not outcome.ok


def test_what_systemd_could_not_set_up_is_told_from_the_journal(context):
    assert _hook.run("exit 3", context).lines == ("systemd: no such path",)


def test_commands_run_in_order_until_one_fails(context):
    with pytest.raises(_hook.HookError) as caught:
        _hook.run_all(["echo one", "echo two; exit 2", "echo three"], context, "build")
    message = str(caught.value)
    assert message.startswith("build[1] failed: 'echo two; exit 2': exit status 2 after ")
    assert message.endswith(" s\nIts last lines:\n    two")


def test_a_command_sees_the_apps_variables_whatever_their_names(context):
    outcome = _hook.run(
        'echo "$script"; env | grep -c WEBSTACK_HOOK || true', replace(context, env={"script": "own"})
    )
    assert outcome.lines == ("own", "0")


def test_a_host_without_systemd_run_is_told(context, monkeypatch):
    def missing(*_, **__):
        raise FileNotFoundError

    monkeypatch.setattr(subprocess, "Popen", missing)
    with pytest.raises(_hook.HookError, match="systemd-run is not installed on this host"):
        _hook.run("true", context)


def test_a_path_that_no_unit_takes_is_refused(context):
    release = Release(Path("/srv/my shop/code"), Path("/srv/v"), (), "27", ())
    with pytest.raises(ValueError, match="a unit file takes only"):
        _hook.run("true", _hook.Context("shop", USER, release, {}, "strict", root=context.root))
