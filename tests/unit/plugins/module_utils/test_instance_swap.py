"""The swap's steps, with a stand-in for systemd and for the app."""

from __future__ import annotations

import json
import os
import pwd
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.webstack.python.plugins.module_utils import (
    _files,
    _hook,
    _instance_host,
    _instance_swap,
    _instance_trial,
    _systemd,
)
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    Access,
    File,
    Instance,
    Paths,
    live_record,
    recorded_instance,
)
from ansible_collections.webstack.python.plugins.module_utils._instance_absent import remove
from ansible_collections.webstack.python.plugins.module_utils._instance_plan import decide, is_good
from ansible_collections.webstack.python.plugins.module_utils._probe import Health, Unhealthy

NEW, OLD = "aaaaaaaaaaaa", "bbbbbbbbbbbb"


@dataclass
class Host:
    """What systemd was told, in order, and how the app behaves."""

    paths: Paths
    calls: list[str] = field(default_factory=list)
    unhealthy: str = ""  # the part of a socket's name that answers wrongly
    failing: str = ""  # the part of a unit's name that does not start
    holds_public_socket: bool = True
    units: list[dict[str, str]] = field(default_factory=list)

    def run(self, *command: str, **_: object) -> _systemd.Completed:
        call = " ".join(command[1:] if command[0] == "systemctl" else command)
        if not call.startswith(("show", "journalctl")):
            record = _files.read_text(self.paths.record)
            self.calls.append(f"{call} [live: {recorded_instance(record)}]")
        failed = bool(self.failing) and call.startswith(("start", "stop")) and self.failing in call
        return _systemd.Completed(int(failed), "")

    def wait(
        self, socket: Path, _health: Health, _trouble: Callable[[], str], hide: Callable[[str], str]
    ) -> None:
        self.calls.append(f"ask {socket.name}")
        if self.unhealthy and socket.name.startswith(self.unhealthy):
            raise Unhealthy(hide("GET / gave 500, wanted was 200; hunter2hunter2"))


@pytest.fixture
def host(tmp_path, monkeypatch) -> Host:
    host = Host(Paths("shop", tmp_path))
    for folder in (host.paths.units, host.paths.runtime_units, tmp_path / "srv/releases/r2/code"):
        folder.mkdir(parents=True)
    monkeypatch.setattr(_systemd, "run", host.run)
    monkeypatch.setattr(_systemd, "show_all", lambda *_: host.units)
    monkeypatch.setattr(
        _systemd, "show", lambda _, *names: {**dict.fromkeys(names, "7"), "ActiveState": "active"}
    )
    monkeypatch.setattr(_systemd, "journal", lambda *_: ["Traceback", "ValueError: boom"])
    monkeypatch.setattr(_instance_trial, "wait_until_healthy", host.wait)
    monkeypatch.setattr(_instance_swap, "listening_inodes", lambda _: {1})
    monkeypatch.setattr(_instance_swap, "held_inodes", lambda *_: {1} if host.holds_public_socket else {2})
    # Nor are the signals of whoever runs the tests ignored.
    monkeypatch.setattr(_instance_swap, "ignore_endings", lambda: host.calls.append("ignore signals"))
    # Whoever runs the tests need not be root.
    monkeypatch.setattr(os, "chown", lambda *_: None)
    monkeypatch.setattr(os, "fchown", lambda *_: None)
    return host


def wanted(paths: Paths) -> Instance:
    return Instance(
        id=NEW,
        own=(
            File(paths.instance(NEW) / "env", "X=1\n", 0o600),
            File(paths.units / paths.unit(NEW, "service"), "x\n", 0o644),
            File(paths.units / paths.unit(NEW, "socket"), "x\n", 0o644),
        ),
        check=tuple(
            File(paths.runtime_units / paths.check_unit(NEW, kind), "x\n", 0o644)
            for kind in ("service", "socket")
        ),
        shared=(
            File(paths.units / "gunicorn-shop.socket", "x\n", 0o644),
            File(paths.units / paths.handle, "x\n", 0o644),
            File(paths.units / paths.target, "x\n", 0o644),
        ),
    )


def swap(
    host: Host,
    *,
    settle: bool = False,
    keep: int = 5,
    others: dict[str, dict[str, str]] | None = None,
    held: tuple[dict[str, str], ...] = (),
    before: Callable[[], None] | None = None,
    rehearses: bool = True,
    link: str = "srv/previous",
) -> _instance_swap.Swap:
    """Plan a run, carry it out and return it."""
    paths, instance = host.paths, wanted(host.paths)
    current, previous = paths.root / "srv/current", paths.root / link
    observed = _instance_host.observe(paths, instance, current, previous)
    run = _instance_swap.Swap(
        paths=paths,
        wanted=instance,
        observed=observed,
        plan=decide(paths, instance, observed, "unix", keep),
        health=Health(),
        account=pwd.getpwuid(os.getuid()),
        listen="unix",
        current=current,
        previous=previous,
        record={
            "accepted": False,
            "instance": NEW,
            "created": "2",
            "directory": str(paths.root / "srv/releases/r2/code"),
            "previous": OLD,
        },
        others=others or {},
        held=held,
        before=before,
        rehearses=rehearses,
        keep=keep,
        secrets=frozenset({"hunter2hunter2"}),
    )
    run.run(settle=settle)
    return run


def unit(name: str, active: str = "active", **more: str) -> dict[str, str]:
    return {
        "Id": name,
        "ActiveState": active,
        "NeedDaemonReload": "no",
        "MainPID": "7",
        "Wants": "",
        **more,
    }


def make_live(host: Host, instance: str = OLD) -> None:
    """Let an older instance be live on the host."""
    paths = host.paths
    for file in wanted(paths).shared:
        file.path.write_text(file.text)
    paths.record.parent.mkdir()
    paths.record.write_text(live_record(paths, instance))
    paths.enabled.parent.mkdir()
    paths.enabled.symlink_to(paths.units / paths.target)
    folder = paths.instance(instance)
    folder.mkdir(parents=True)
    (folder / "instance.json").write_text('{"created": "1", "release": "r1"}')
    (paths.units / paths.unit(instance, "service")).write_text("x\n")
    host.units = [unit(name) for name in ("gunicorn-shop.socket", paths.target)]
    host.units.append(unit(paths.unit(instance, "service"), Wants="gunicorn-shop.socket"))
    host.units.append(unit(paths.handle, Wants=paths.unit(instance, "service")))


def raise_interrupt() -> None:
    """Stand for a kill."""
    raise KeyboardInterrupt


def tree(root: Path) -> dict[str, str]:
    """Return all files below a folder with their texts."""
    return {
        str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()
    }


def test_the_first_instance_is_rehearsed_started_recorded_and_enabled(host):
    done = swap(host)
    assert [step["step"] for step in done.steps] == ["rehearse", "start", "commit", "retire"]
    paths = host.paths
    assert recorded_instance(paths.record.read_text()) == NEW
    assert paths.enabled.is_symlink()
    assert (paths.root / "srv/current").resolve() == paths.root / "srv/releases/r2/code"
    assert os.readlink(paths.root / "srv/current") == "releases/r2/code"
    assert not (paths.root / "srv/previous").is_symlink()
    assert not list(paths.runtime_units.iterdir())
    assert host.calls[-1] == f"start {paths.handle} {paths.target} [live: {NEW}]"


def test_the_old_instance_stops_after_the_new_one_is_recorded(host):
    make_live(host)
    swap(host)
    assert host.calls == [
        f"start gunicorn-shop@check-{NEW}.service [live: {OLD}]",
        f"ask check-{NEW}.sock",
        f"stop gunicorn-shop@check-{NEW}.service gunicorn-shop@check-{NEW}.socket [live: {OLD}]",
        f"reset-failed gunicorn-shop@check-{NEW}.service gunicorn-shop@check-{NEW}.socket [live: {OLD}]",
        f"start gunicorn-shop@{NEW}.service [live: {OLD}]",
        f"ask {NEW}.sock",
        f"daemon-reload [live: {NEW}]",
        f"stop gunicorn-shop@{OLD}.service gunicorn-shop@{OLD}.socket [live: {NEW}]",
        f"reset-failed gunicorn-shop@{OLD}.service gunicorn-shop@{OLD}.socket [live: {NEW}]",
    ]
    record = json.loads((host.paths.instance(NEW) / "instance.json").read_text())
    assert record["previous"] == OLD


@dataclass
class Files:
    """The links by which Nginx serves an app's files, and the releases they lead to."""

    host: Host

    @property
    def folder(self) -> Path:
        return self.host.paths.root / "srv"

    def code(self, release: str) -> Path:
        return self.folder / f"releases/{release}/code"

    def make_live(self, release: str, left: str = "", instance: str = OLD) -> None:
        """Let an instance of a release be live, and the links be as it wants them. left: the one before."""
        make_live(self.host, instance)
        record: dict[str, object] = {"created": "1", "directory": str(self.code(release)), "left": None}
        for link, name in (("current", release), ("previous", left)):
            if name:
                self.code(name).mkdir(parents=True, exist_ok=True)
                (self.folder / link).symlink_to(f"releases/{name}/code")
        if left:
            record["left"] = str(self.code(left))
        (self.host.paths.instance(instance) / "instance.json").write_text(json.dumps(record))

    def led(self) -> dict[str, str]:
        links = {name: self.folder / name for name in ("current", "previous")}
        return {name: os.readlink(link).split("/")[1] for name, link in links.items() if link.is_symlink()}


@pytest.fixture
def files(host) -> Files:
    return Files(host)


@pytest.mark.parametrize("left", ["", "r0"], ids=["second release", "third release"])
def test_files_of_both_releases_are_there_from_the_start_of_the_new_instance_on(
    host, files, monkeypatch, left
):
    files.make_live("r1", left)
    before = files.led()
    seen = []
    monkeypatch.setattr(
        _instance_trial,
        "wait_until_healthy",
        lambda socket, *_, **_options: seen.append((socket.name, files.led())),
    )
    swap(host)
    assert seen == [
        (f"check-{NEW}.sock", before),
        (f"{NEW}.sock", {"current": "r1", "previous": "r2"}),
    ]
    assert files.led() == {"current": "r2", "previous": "r1"}


@pytest.mark.parametrize("left", ["", "r0", "r2"], ids=["none", "another", "the refused one itself"])
@pytest.mark.parametrize("unhealthy", ["check-", NEW])
def test_a_refused_instance_leaves_the_links_to_the_files_as_they_were(host, files, left, unhealthy):
    files.make_live("r1", left)
    before = files.led()
    host.unhealthy = unhealthy
    with pytest.raises(_instance_trial.Refused):
        swap(host)
    assert files.led() == before


def test_another_instance_of_the_live_release_leaves_the_files_of_the_one_before(host, files, monkeypatch):
    files.make_live("r2", "r1")
    seen = []
    monkeypatch.setattr(
        _instance_trial, "wait_until_healthy", lambda *_, **_options: seen.append(files.led())
    )
    swap(host)
    assert seen == [{"current": "r2", "previous": "r1"}] * 2
    assert files.led() == {"current": "r2", "previous": "r1"}
    record = json.loads((host.paths.instance(NEW) / "instance.json").read_text())
    assert record["left"] == str(files.code("r1"))


@pytest.mark.parametrize("links", [0, 1, 2], ids=["before the start", "before both links", "between them"])
def test_a_run_that_was_killed_at_the_links_to_the_files_is_ended_by_the_next(
    host, files, monkeypatch, links
):
    files.make_live("r1", "r0")
    point, done = _instance_swap._point, []

    def killed(*link: Path) -> None:
        if len(done) == links:
            raise_interrupt()
        point(*link)
        done.append(link)

    with monkeypatch.context() as patch:
        patch.setattr(_instance_swap, "exchange", lambda *_: False)
        patch.setattr(_instance_swap, "_point", killed)
        with pytest.raises(KeyboardInterrupt):
            swap(host)
    assert files.led()["current"] == "r1"
    swap(host)
    assert files.led() == {"current": "r2", "previous": "r1"}


def test_the_links_to_the_files_change_places_in_one_step(host, files, monkeypatch):
    files.make_live("r1", "r0")
    monkeypatch.setattr(_instance_swap, "exchange", lambda *links: changed.append(links) or True)
    changed: list[tuple[Path, ...]] = []
    swap(host)
    assert changed == [(files.folder / "current", files.folder / "previous")]


def test_a_run_that_was_killed_as_the_links_changed_places_is_ended_by_the_next(host, files, monkeypatch):
    files.make_live("r1", "r0")
    with monkeypatch.context() as patch:
        patch.setattr(_instance_swap, "exchange", lambda *_: raise_interrupt())
        with pytest.raises(KeyboardInterrupt):
            swap(host)
    assert files.led() == {"current": "r1", "previous": "r2"}
    swap(host)
    assert files.led() == {"current": "r2", "previous": "r1"}


def test_what_a_killed_run_let_previous_lead_to_is_put_right_though_nothing_else_changes(host, files):
    files.make_live("r2", "r1", instance=NEW)
    for file in wanted(host.paths).own:
        file.path.write_text(file.text)
    (files.folder / "previous").unlink()
    swap(host)
    assert files.led() == {"current": "r2", "previous": "r1"}
    host.calls.clear()
    assert not swap(host).plan.changes


def test_links_in_two_folders_lead_where_they_should(host, files):
    files.make_live("r1")
    link = host.paths.root / "links/previous"
    link.parent.mkdir()
    swap(host, link="links/previous")
    assert files.led() == {"current": "r2"}
    assert link.resolve() == files.code("r1")


def test_a_release_that_somebody_removed_is_no_obstacle(host, files):
    files.make_live("r1", "r0")
    shutil.rmtree(files.code("r1"))
    swap(host)
    assert files.led() == {"current": "r2", "previous": "r1"}


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        ({"unhealthy": "check-"}, "was refused at its rehearsal: GET / gave 500"),
        ({"failing": "check-"}, "was refused at its rehearsal: systemd could not start"),
        ({"unhealthy": NEW}, "did not start: GET / gave 500"),
        ({"failing": f"@{NEW}"}, "did not start: systemd could not start"),
        ({"holds_public_socket": False}, "did not start: it was not given the public socket"),
    ],
    ids=["rehearsal answers wrongly", "rehearsal crashes", "answers wrongly", "crashes", "no socket"],
)
@pytest.mark.parametrize("first", [True, False], ids=["first instance", "beside a live one"])
def test_a_refused_instance_leaves_the_host_as_it_was(host, trouble, words, first):
    if not first:
        make_live(host)
    before = tree(host.paths.root)
    for name, value in trouble.items():
        setattr(host, name, value)
    with pytest.raises(_instance_trial.Refused) as refused:
        swap(host)
    assert f"shop: instance {NEW} {words}" in str(refused.value)
    assert "    ValueError: boom" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert tree(host.paths.root) == before
    assert not [call for call in host.calls if call.startswith("stop") and f"@{OLD}" in call]


def test_a_signal_in_the_rehearsal_takes_it_away(host, monkeypatch):
    make_live(host)
    before = tree(host.paths.root)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(_instance_trial, "wait_until_healthy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        swap(host)
    assert tree(host.paths.root) == before
    check = f"stop gunicorn-shop@check-{NEW}.service gunicorn-shop@check-{NEW}.socket [live: {OLD}]"
    assert check in host.calls


def test_a_kept_instance_that_is_refused_stays_on_the_host(host):
    make_live(host)
    folder = host.paths.instance(NEW)
    folder.mkdir()
    (folder / "instance.json").write_text('{"created": "0"}')
    host.unhealthy = "check-"
    with pytest.raises(_instance_trial.Refused):
        swap(host)
    assert (folder / "instance.json").exists()


def test_what_a_killed_run_left_is_cleared_before_the_swap(host):
    make_live(host)
    stray = host.paths.unit("cccccccccccc", "service")
    (host.paths.units / stray).write_text("x\n")
    host.paths.instance("cccccccccccc").mkdir()
    host.units.append(unit(stray, "activating"))
    done = swap(host)
    assert done.steps[0]["step"] == "repair"
    assert host.calls[0] == f"stop {stray} [live: {OLD}]"
    assert not (host.paths.units / stray).exists()
    assert not host.paths.instance("cccccccccccc").exists()


def test_a_live_instance_that_was_edited_is_restarted(host):
    swap(host)
    names = ("gunicorn-shop.socket", host.paths.target, host.paths.unit(NEW, "service"))
    host.units = [unit(name) for name in names]
    host.units.append(unit(host.paths.handle, Wants=host.paths.unit(NEW, "service")))
    (host.paths.instance(NEW) / "env").write_text("X=edited\n")
    host.calls.clear()
    swap(host)
    assert host.calls == [
        f"daemon-reload [live: {NEW}]",
        f"restart gunicorn-shop@{NEW}.service [live: {NEW}]",
        f"ask {NEW}.sock",
    ]
    assert (host.paths.instance(NEW) / "env").read_text() == "X=1\n"


def test_a_public_socket_that_is_down_is_opened_with_its_handle_stopped(host):
    make_live(host, NEW)
    for file in wanted(host.paths).own:
        file.path.write_text(file.text)
    host.units[0] = unit("gunicorn-shop.socket", "failed")
    swap(host)
    assert host.calls[0] == f"stop {host.paths.handle} [live: {NEW}]"
    started = next(call for call in host.calls if call.startswith("start"))
    assert "gunicorn-shop.socket" in started


def test_a_socket_that_the_repair_opened_is_not_opened_again(host, monkeypatch):
    make_live(host)
    opened = list(host.units)
    host.units = [unit("gunicorn-shop.socket", "failed"), *opened[1:]]

    def run(*command: str, **options: object) -> _systemd.Completed:
        if command[:2] == ("systemctl", "start"):
            host.units = opened
        return host.run(*command, **options)

    monkeypatch.setattr(_systemd, "run", run)
    swap(host)
    assert f"start gunicorn-shop.socket [live: {OLD}]" not in host.calls
    assert not list(host.paths.runtime_units.iterdir())


@pytest.mark.parametrize("live", [NEW, OLD], ids=["no other change", "with a swap"])
def test_an_open_socket_gets_the_owner_and_mode_of_its_unit(host, monkeypatch, live):
    make_live(host, live)
    for file in wanted(host.paths).own if live == NEW else ():
        file.path.write_text(file.text)
    owners = []
    monkeypatch.setattr(os, "chown", lambda path, *owner: owners.append((path, owner)))
    node = host.paths.public_node
    node.parent.mkdir(parents=True)
    node.touch(0o600)
    swap(host)
    assert (node, (0, 0)) in owners
    assert node.stat().st_mode & 0o777 == 0o666


def listen_anew(host: Host) -> Path:
    """Let the socket be one at a new address, which nothing is known of; return its unit file."""
    make_live(host)
    socket = host.paths.units / "gunicorn-shop.socket"
    socket.unlink()
    host.units = [known for known in host.units if known["Id"] != socket.name]
    return socket


def test_a_stand_in_is_known_to_systemd_before_the_socket_that_needs_it_is_opened(host):
    listen_anew(host)
    swap(host)
    opened = host.calls.index(f"start gunicorn-shop.socket [live: {OLD}]")
    assert f"daemon-reload [live: {OLD}]" in host.calls[:opened]


def test_an_undoing_that_is_killed_leaves_what_tells_the_next_run(host, monkeypatch):
    socket = listen_anew(host)
    host.unhealthy = NEW

    def run(*command: str, **given: Any) -> _systemd.Completed:
        if "stop" in command and host.paths.mover in command:
            raise KeyboardInterrupt
        return host.run(*command, **given)

    monkeypatch.setattr(_systemd, "run", run)
    with pytest.raises(KeyboardInterrupt):
        swap(host)
    assert socket.exists()


def test_an_owner_that_is_not_there_is_refused_before_anything_is_done(host, monkeypatch):
    make_live(host)
    host.paths.public_node.parent.mkdir(parents=True)
    host.paths.public_node.touch(0o600)
    monkeypatch.setattr(
        _instance_swap, "public_access", lambda *_: Access(user="no-such-user", group="", mode=0o600)
    )
    before = tree(host.paths.root)
    with pytest.raises(_instance_trial.Refused, match="'no-such-user' is no unix user of this host"):
        swap(host)
    assert tree(host.paths.root) == before
    assert not host.calls


def test_an_address_that_was_left_is_closed_when_it_is_settled(host):
    make_live(host)
    left = host.paths.units / "gunicorn-shop-10.0.0.1:80.socket"
    left.write_text("x\n")
    moving = host.paths.runtime_units / "gunicorn-shop.socket.d"
    moving.mkdir()
    swap(host)
    assert left.exists()
    swap(host, settle=True)
    assert not left.exists()
    assert not moving.exists()
    assert f"stop {left.name} [live: {NEW}]" in host.calls


def test_an_address_that_stays_open_stays_known(host):
    make_live(host)
    left = host.paths.units / "gunicorn-shop-10.0.0.1:80.socket"
    left.write_text("x\n")
    host.failing = left.name
    with pytest.raises(_systemd.SystemdError):
        swap(host, settle=True)
    assert left.exists()


@pytest.mark.parametrize("killed", ["close", "forget", "stop"])
def test_settling_that_was_killed_is_done_to_its_end_by_the_next_run(host, monkeypatch, killed):
    make_live(host)
    swap(host)
    left = host.paths.units / "gunicorn-shop-10.0.0.1:80.socket"
    left.write_text("x\n")
    moving = host.paths.runtime_units / "gunicorn-shop.socket.d"
    moving.mkdir()
    rmtree = shutil.rmtree
    stopped = {"close": left.name, "stop": host.paths.mover}

    def run(*command: str, **given: Any) -> _systemd.Completed:
        if "stop" in command and stopped.get(killed) in command:
            raise KeyboardInterrupt
        return host.run(*command, **given)

    def remove(path: Path, **given: Any) -> None:
        if killed == "forget" and path == moving:
            raise KeyboardInterrupt
        rmtree(path, **given)

    with monkeypatch.context() as patch:
        patch.setattr(_systemd, "run", run)
        patch.setattr(_instance_swap.shutil, "rmtree", remove)
        with pytest.raises(KeyboardInterrupt):
            swap(host, settle=True)
    host.calls.clear()
    swap(host, settle=True)
    assert not left.exists()
    assert not moving.exists()
    assert f"stop {host.paths.mover} [live: {NEW}]" in host.calls


def test_instances_beyond_those_to_keep_are_removed(host):
    make_live(host)
    for number, name in enumerate(("cccccccccccc", "dddddddddddd")):
        folder = host.paths.instance(name)
        folder.mkdir()
        (folder / "instance.json").write_text(f'{{"created": "0{number}"}}')
    swap(host, keep=3)
    assert sorted(path.name for path in host.paths.etc.iterdir()) == [NEW, OLD, "dddddddddddd"]


def test_the_commit_writes_who_is_held_and_what_else_changes_in_the_line(host):
    make_live(host)
    swap(host, held=({"instance": OLD},), others={OLD: {"previous": "cccccccccccc"}})
    assert json.loads(host.paths.held.read_text()) == {"held": [{"instance": OLD}]}
    assert json.loads((host.paths.instance(OLD) / "instance.json").read_text()) == {
        "previous": "cccccccccccc"
    }


def end_commit(host: Host, monkeypatch: pytest.MonkeyPatch, at: Path) -> None:
    """Let the commit end where it would write a file, as on a full disk."""
    write_text = _instance_swap.write_text

    def write(path: Path, *given: Any, **named: Any) -> None:
        if path == at:
            raise OSError(28, "No space left on device")
        write_text(path, *given, **named)

    monkeypatch.setattr(_instance_swap, "write_text", write)
    with pytest.raises(OSError, match="No space left"):
        swap(host, others={OLD: {"previous": "cccccccccccc"}})


def kill_commit(host: Host, monkeypatch: pytest.MonkeyPatch, at: Path) -> None:
    """Let the run end in the commit, where it would write a file, with nothing undone."""
    monkeypatch.setattr(_instance_swap.Swap, "_undo", lambda _: None)
    end_commit(host, monkeypatch, at)


def test_a_commit_that_fails_before_the_switch_takes_the_new_instance_away(host, monkeypatch):
    make_live(host)
    host.calls.clear()
    end_commit(host, monkeypatch, host.paths.record)
    assert not host.paths.instance(NEW).exists()
    started = next(
        n for n, call in enumerate(host.calls) if call.startswith(f"start gunicorn-shop@{NEW}.service")
    )
    # Nothing comes before its end, and no signal either: visitors may have it by now.
    ignoring, first, *_ = [call for call in host.calls[started + 1 :] if not call.startswith("ask")]
    assert ignoring == "ignore signals"
    assert first.startswith(f"stop gunicorn-shop@{NEW}.service")


def test_a_commit_that_fails_leaves_the_records_that_were_there(host, monkeypatch):
    make_live(host)
    host.paths.instance(NEW).mkdir()
    (host.paths.instance(NEW) / "instance.json").write_text('{"accepted": true, "since": "1"}')
    before = read_record(host, OLD)
    end_commit(host, monkeypatch, host.paths.record)
    assert read_record(host, NEW) == {"accepted": True, "since": "1"}
    assert read_record(host, OLD) == before


def test_a_commit_that_fails_after_the_switch_leaves_the_new_instance(host, monkeypatch):
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    make_live(host)
    monkeypatch.setattr(_instance_swap, "replace_link", fail)
    with pytest.raises(OSError, match="No space left"):
        swap(host)
    assert NEW in host.paths.record.read_text()
    assert (host.paths.units / host.paths.unit(NEW, "service")).exists()
    assert f"stop gunicorn-shop@{NEW}.service" not in " ".join(host.calls)


def read_record(host: Host, instance: str) -> dict[str, object]:
    record: dict[str, object] = json.loads((host.paths.instance(instance) / "instance.json").read_text())
    return record


@pytest.mark.parametrize("written", ["record of what is live", "instance.json"])
def test_a_killed_commit_leaves_no_two_instances_that_name_each_other(host, monkeypatch, written):
    make_live(host)
    (host.paths.instance(OLD) / "instance.json").write_text(json.dumps({"previous": NEW}))
    own = host.paths.instance(NEW) / "instance.json"
    kill_commit(host, monkeypatch, own if written == "instance.json" else host.paths.record)
    assert read_record(host, OLD)["previous"] == "cccccccccccc"


def test_a_new_instance_is_no_good_one_yet(host, monkeypatch):
    make_live(host)
    with monkeypatch.context() as killed:
        kill_commit(host, killed, host.paths.record)
    assert not is_good(read_record(host, NEW))
    swap(host)
    assert not is_good(read_record(host, NEW))


def test_a_good_instance_stays_one_where_the_commit_is_killed(host, monkeypatch):
    make_live(host)
    host.paths.instance(NEW).mkdir()
    (host.paths.instance(NEW) / "instance.json").write_text('{"accepted": true}')
    kill_commit(host, monkeypatch, host.paths.record)
    assert is_good(read_record(host, NEW))


def test_a_commit_alone_leaves_those_that_are_held(host):
    make_live(host)
    host.paths.held.write_text('{"held": []}')
    swap(host)
    assert host.paths.held.exists()


def test_what_comes_before_the_switch_comes_between_rehearsal_and_start(host):
    make_live(host)
    done = swap(host, before=lambda: host.calls.append("notify"))
    assert [step["step"] for step in done.steps] == ["rehearse", "notify", "start", "commit", "retire"]
    started = f"start gunicorn-shop@{NEW}.service [live: {OLD}]"
    assert host.calls.index(f"ask check-{NEW}.sock") < host.calls.index("notify") < host.calls.index(started)


def test_what_fails_before_the_switch_leaves_the_host_as_it_was(host):
    make_live(host)
    before = tree(host.paths.root)

    def refuse() -> None:
        raise _instance_trial.Refused("no")

    with pytest.raises(_instance_trial.Refused):
        swap(host, before=refuse)
    assert tree(host.paths.root) == before


def test_an_instance_that_was_live_until_now_can_do_without_a_rehearsal(host):
    make_live(host)
    done = swap(host, rehearses=False)
    assert [step["step"] for step in done.steps] == ["start", "commit", "retire"]
    assert (host.paths.instance(NEW) / "env").read_text() == "X=1\n"
    assert not any("check-" in call for call in host.calls if call.startswith("start"))


def test_files_of_an_app_that_were_never_finished_are_cleared(host):
    make_live(host)
    host.paths.log.parent.mkdir(parents=True)
    left = [
        host.paths.etc / ".held.json.new",
        host.paths.instance(OLD) / ".instance.json.new",
        host.paths.log.with_name(".shop.jsonl.new"),
    ]
    for path in left:
        path.write_text("{")
    swap(host)
    assert not [path for path in left if path.exists()]


def test_an_absent_app_leaves_nothing_and_others_alone(host):
    other = host.paths.units / "gunicorn-shop-api.socket"
    before = tree(host.paths.root)
    make_live(host)
    swap(host)
    host.paths.held.write_text("{}")
    host.paths.log.parent.mkdir(parents=True)
    host.paths.log.write_text("{}\n")
    other.write_text("x\n")
    unfinished = host.paths.log.with_name(".shop.jsonl.new")
    unfinished.write_text("{}\n")
    environment = _hook.environment_path("shop", host.paths.root)
    environment.parent.mkdir(parents=True, exist_ok=True)
    environment.write_text("X=1\n")
    links = [host.paths.root / "srv/current", host.paths.root / "srv/previous"]
    links[1].symlink_to("releases/r1/code")
    assert remove(host.paths, links, dry=True) == (True, [])
    assert other.exists()
    host.calls.clear()
    changed, _ = remove(host.paths, links, dry=False)
    assert changed
    assert host.calls[0].startswith(f"stop {host.paths.target} ")
    assert not [link for link in links if link.is_symlink()]
    assert tree(host.paths.root) == {**before, str(other.relative_to(host.paths.root)): "x\n"}
    host.units = []
    assert remove(host.paths, links, dry=False) == (False, [])


def test_a_removal_that_was_killed_is_done_to_its_end_by_the_next_run(host, monkeypatch):
    make_live(host)
    swap(host)
    with monkeypatch.context() as patch:
        patch.setattr(_systemd, "daemon_reload", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            remove(host.paths, [], dry=False)
    host.units = []
    host.calls.clear()
    assert remove(host.paths, [], dry=False)[0]
    assert "daemon-reload [live: None]" in host.calls
