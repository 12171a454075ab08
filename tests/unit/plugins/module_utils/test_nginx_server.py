"""How a running nginx is watched, on a directory that stands for /proc."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _nginx_server, _systemd

MASTER = 100


@pytest.fixture
def proc(tmp_path):
    return tmp_path / "proc"


def process(proc, pid, title, parent=MASTER, state="S", started="7000"):
    folder = proc / str(pid)
    folder.mkdir(parents=True)
    rest = ["0"] * 17 + [started, "0"]
    (folder / "stat").write_text(f"{pid} (nginx (x) y) {state} {parent} {' '.join(rest)}\n")
    (folder / "cmdline").write_bytes(title.encode() + b"\0\0")


def test_workers_are_the_masters_live_workers(proc):
    process(proc, 101, "nginx: worker process")
    process(proc, 102, "nginx: worker process is shutting down")
    process(proc, 103, "nginx: cache manager process")
    process(proc, 104, "nginx: worker process", parent=999)
    process(proc, 105, "nginx: worker process", state="Z")
    found = sorted(_nginx_server.workers(MASTER, proc), key=lambda worker: worker.pid)
    assert [(worker.pid, worker.started, worker.accepting) for worker in found] == [
        (101, "7000", True),
        (102, "7000", False),
    ]


def test_process_that_is_gone_is_passed_over(proc):
    (proc / "101").mkdir(parents=True)
    assert _nginx_server.workers(MASTER, proc) == []


def test_start_of_a_process_is_told_from_that_of_the_host(proc, monkeypatch):
    monkeypatch.setattr(_nginx_server.os, "sysconf", {"SC_CLK_TCK": 100}.__getitem__)
    process(proc, MASTER, "nginx: master process", parent=1, started="7050")
    # The host has been up for 500 s at 1500 s since the epoch.
    monkeypatch.setattr(_nginx_server.time, "time", lambda: 1500.0)
    monkeypatch.setattr(_nginx_server.time, "clock_gettime", {_nginx_server.time.CLOCK_BOOTTIME: 500.0}.get)
    assert _nginx_server.started(MASTER, proc) == 1070.5
    assert _nginx_server.started(0, proc) == 0


@pytest.fixture
def log(proc, tmp_path):
    """An error log that the master holds open, with an emergency from before."""
    path = tmp_path / "error.log"
    path.write_text("2026/11/20 01:00:00 [emerg] 1#1: an old one\n")
    descriptors = proc / str(MASTER) / "fd"
    descriptors.mkdir(parents=True)
    (descriptors / "2").symlink_to(path)
    (descriptors / "3").symlink_to("socket:[12345]")
    (descriptors / "4").symlink_to(f"{tmp_path}/rotated.log (deleted)")
    return path


def append(path, text):
    with path.open("a") as handle:
        handle.write(text)


def test_error_logs_give_new_emergencies_once(log, proc):
    with _nginx_server.ErrorLogs(MASTER, proc) as logs:
        assert logs.read() == ""
        append(log, "2026/11/21 08:00:00 [notice] 100#100: signal process started\n")
        append(log, "2026/11/21 08:00:00 [emerg] 100#100: still could not bind()\n" * 2)
        assert logs.read() == "[emerg] still could not bind()"
        assert logs.read() == "[emerg] still could not bind()"


def test_error_logs_wait_for_the_end_of_a_line(log, proc):
    with _nginx_server.ErrorLogs(MASTER, proc) as logs:
        append(log, "2026/11/21 08:00:00 [emerg] 100#100: unknown dir")
        assert logs.read() == ""
        append(log, "ective\n")
        assert logs.read() == "[emerg] unknown directive"


def test_error_logs_do_not_believe_a_clients_words(log, proc):
    with _nginx_server.ErrorLogs(MASTER, proc) as logs:
        append(log, '10.0.0.1 - - "GET /2026/11/21 08:00:00 [emerg] 100#100: x"\n')
        assert logs.read() == ""


@pytest.mark.parametrize(
    ("line", "fatal"),
    [
        ("bind() to 0.0.0.0:80 failed (98: Address already in use)", False),
        ("bind() to 10.9.9.9:80 failed (99: Cannot assign requested address)", True),
        ("still could not bind()", True),
        ('open() "/var/log/x/y.log" failed (2: No such file or directory)', True),
    ],
)
def test_only_a_taken_address_leaves_hope(log, proc, line, fatal):
    with _nginx_server.ErrorLogs(MASTER, proc) as logs:
        append(log, f"2026/11/21 08:00:00 [emerg] 100#100: {line}\n")
        logs.read()
        assert logs.fatal is fatal


@pytest.fixture
def systemd_run(monkeypatch, tmp_path):
    """Stands for systemd-run: set `answer` to what it leaves."""

    def run(*command, **_options):
        run.command = command
        return run.answer

    monkeypatch.setattr(_systemd, "run", run)
    run.judge = lambda *confinement: _nginx_server.Nginx().judge(
        tmp_path / "nginx", tmp_path / "log", tmp_path / "cache", confinement
    )
    return run


def test_judge_binds_the_staged_tree_over_the_real_one(systemd_run, tmp_path):
    systemd_run.answer = _systemd.Completed(0, "# configuration file /etc/nginx/nginx.conf:\nuser a;\n")
    verdict = systemd_run.judge()
    assert verdict.accepted
    assert verdict.has_read("/etc/nginx/nginx.conf")
    assert not verdict.has_read("/etc/nginx/conf.d/webstack.conf")
    bound = next(word for word in systemd_run.command if "BindReadOnlyPaths" in word)
    assert bound.startswith(f"--property=BindReadOnlyPaths={tmp_path}/nginx:/etc/nginx ")


def test_judge_lets_nginx_make_folders_in_copies_alone(systemd_run, tmp_path):
    systemd_run.answer = _systemd.Completed(0, "")
    systemd_run.judge()
    expected = f"--property=BindPaths={tmp_path}/log:/var/log {tmp_path}/cache:/var/cache"
    assert expected in systemd_run.command
    assert "--property=TemporaryFileSystem=/run" in systemd_run.command


def test_judge_is_confined_as_the_unit_is_but_for_its_own_run(systemd_run):
    systemd_run.answer = _systemd.Completed(0, "")
    systemd_run.judge("ProtectSystem=strict", "ReadWritePaths=/run", "ReadWritePaths=-/var/log")
    given = [word for word in systemd_run.command if "Protect" in word or "ReadWrite" in word]
    assert given == ["--property=ProtectSystem=strict", "--property=ReadWritePaths=-/var/log"]


def test_judge_tells_a_refusal(systemd_run):
    systemd_run.answer = _systemd.Completed(1, "2026/11/21 08:00:00 [emerg] 1#1: unknown directive\n")
    assert not systemd_run.judge().accepted


@pytest.mark.parametrize("status", [1, 203, 226])
def test_judge_that_did_not_run_is_no_refusal(systemd_run, status):
    systemd_run.answer = _systemd.Completed(status, "")
    with pytest.raises(_nginx_server.Unjudged, match=f"status {status} .* it printed nothing"):
        systemd_run.judge()


OLD = {_nginx_server.Worker(1, "7000", True), _nginx_server.Worker(2, "7000", True)}
NEW = {_nginx_server.Worker(1, "9000", True), _nginx_server.Worker(3, "9000", True)}


@pytest.fixture
def reload(monkeypatch, log):
    """Reload an nginx that plays what is given: the workers seen at each look, the log, the status."""

    def run(*looks, logged="", status=0):
        looks = list(looks)

        def systemctl(*command, **_options):
            assert command == ("systemctl", "reload", "nginx.service")
            append(log, "".join(f"2026/11/21 08:00:00 [emerg] 1#1: {line}\n" for line in logged.splitlines()))
            return _systemd.Completed(status, "Job for nginx.service failed.\n")

        monkeypatch.setattr(_systemd, "run", systemctl)
        monkeypatch.setattr(_nginx_server, "PATIENCE", 0.1)
        monkeypatch.setattr(_nginx_server, "_accepting", lambda: looks.pop(0) if len(looks) > 1 else looks[0])
        monkeypatch.setattr(_nginx_server, "_master", lambda: MASTER)
        monkeypatch.setattr(_nginx_server, "ErrorLogs", lambda pid: real_logs(pid, log.parent / "proc"))
        _nginx_server.Nginx().reload()

    real_logs = _nginx_server.ErrorLogs
    return run


def test_reload_counts_when_new_workers_have_taken_over(reload):
    reload(OLD, OLD, OLD | NEW, NEW)


def test_reload_waits_for_a_master_without_workers(reload):
    reload(set(), set(), OLD, OLD, NEW)


def test_reload_counts_when_a_taken_address_is_free_at_last(reload):
    reload(OLD, NEW, logged="bind() to 0.0.0.0:81 failed (98: Address already in use)")


@pytest.mark.parametrize("looks", [(OLD,), (OLD, OLD | NEW), (OLD, set())])
def test_reload_does_not_count_before_new_workers_have_taken_over(reload, looks):
    with pytest.raises(_nginx_server.NotLoaded, match="no new workers") as failure:
        reload(*looks)
    assert not failure.value.settled


def test_reload_that_nginx_gives_up_is_settled(reload):
    with pytest.raises(_nginx_server.NotLoaded, match=r"^\[emerg\] still could not bind\(\)$") as failure:
        reload(OLD, logged="still could not bind()")
    assert failure.value.settled


def test_emergency_of_new_workers_is_not_settled(reload):
    with pytest.raises(_nginx_server.NotLoaded, match="cannot be run") as failure:
        reload(OLD, NEW, logged="this cannot be run")
    assert not failure.value.settled


def test_reload_that_systemd_reports_as_failed_gives_nginx_words_or_systemds(reload):
    with pytest.raises(_nginx_server.NotLoaded, match=r"^\[emerg\] unknown directive$"):
        reload(OLD, status=1, logged="unknown directive")
    with pytest.raises(_nginx_server.NotLoaded, match=r"^Job for nginx.service failed.$") as failure:
        reload(OLD, status=1)
    assert failure.value.settled


@pytest.fixture
def workers(monkeypatch):
    """Let nginx have the workers that are given, look by look; the last ones stay."""

    def play(*looks):
        looks = list(looks)
        monkeypatch.setattr(_nginx_server, "PATIENCE", 0.1)
        monkeypatch.setattr(_nginx_server, "_master", lambda: MASTER)
        monkeypatch.setattr(_nginx_server, "workers", lambda _: looks.pop(0) if len(looks) > 1 else looks[0])

    return play


LEAVING = {_nginx_server.Worker(1, "7000", False)}


@pytest.mark.parametrize(
    ("looks", "ended"),
    [((NEW,), True), ((NEW | LEAVING, NEW), True), ((NEW | LEAVING,), False), ((set(),), True)],
)
def test_old_workers_are_waited_for(workers, looks, ended):
    workers(*looks)
    assert _nginx_server.Nginx().has_ended_the_old() is ended
