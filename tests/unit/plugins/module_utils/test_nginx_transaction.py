"""nginx runs the wanted tree, or everything is as it was: against an nginx that is played."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _nginx_transaction, _nginx_tree
from ansible_collections.webstack.python.plugins.module_utils._nginx_server import (
    NotLoaded,
    State,
    Verdict,
)

READ = "# configuration file /etc/nginx/conf.d/webstack.conf:\n"
REFUSAL = '2026/11/21 08:00:00 [emerg] 1#1: unknown directive "x" in /etc/nginx/webstack/http.conf:1\n'
DROP_IN = f"# {_nginx_tree.MARKER}\n[Service]\nRestart=on-failure\n"
FILES = {"http.conf": "x on;\nlisten 81;\n"}


class Killed(BaseException):
    """The process ends here, with no chance to tidy up."""


class Server:
    """An nginx that does as it is told, and remembers what it was asked and what it then saw."""

    def __init__(self, layout, **state):
        self.layout = layout
        self.now = State(**state)
        self.verdict = Verdict(True, READ)
        self.failures = []  # for each reload or start: None or what to raise
        self.calls = []
        self.running = None  # the text of http.conf that was loaded last
        self.since = 0.0
        self.master = 2.0**40  # started after everything else
        self.unit = None  # the drop-in that systemd knows

    def state(self):
        return self.now

    def running_since(self):
        return self.since

    def started(self):
        return self.master

    def judge(self, nginx, logs, caches, confinement):
        self.calls.append("judge")
        self.confinement = confinement
        self.judged = (nginx / "webstack/http.conf").read_text()
        self.scratch = nginx
        assert logs.is_dir()
        assert (caches / "nginx/webstack").is_dir()
        return self.verdict

    def read_units(self):
        self.calls.append("read_units")
        drop_in = self.layout.drop_in
        self.unit = drop_in.read_text() if drop_in.exists() else None
        self.now = replace(self.now, unit_changed=False)

    def enable(self):
        self.calls.append("enable")
        self.now = replace(self.now, enabled=True)

    def start(self):
        self._load("start")

    def reload(self):
        self._load("reload")

    def _load(self, name):
        self.calls.append(name)
        self.loaded_with = self.unit
        failure = self.failures.pop(0) if self.failures else None
        if failure:
            raise failure
        link = self.layout.link / "http.conf"
        self.running = link.read_text() if link.exists() else "debian's own"
        self.now = replace(self.now, active=True)


@pytest.fixture
def layout(tmp_path):
    layout = _nginx_tree.Layout(tmp_path / "root")
    (layout.nginx / "conf.d").mkdir(parents=True)
    (layout.root / "etc/systemd/system").mkdir(parents=True)
    layout.logs.mkdir(parents=True)
    return layout


@pytest.fixture
def server(layout):
    return Server(layout)


def run(server, files=FILES, check=False, **wanted):
    scratch = server.layout.root.parent / "scratch"
    given = _nginx_tree.Wanted(files, **{"drop_in": DROP_IN, **wanted})
    try:
        return _nginx_transaction.Transaction(server.layout, given, server, scratch).run(check=check)
    finally:
        assert not scratch.exists()


def converged(layout):
    """Return an nginx that runs an older tree."""
    server = Server(layout)
    run(server, {"http.conf": "# old\n"})
    server.calls.clear()
    return server


def snapshot(layout):
    """Everything below the root: kind, mode and content."""
    found = {}
    for path in sorted(layout.root.rglob("*")):
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[str(path)] = (path.lstat().st_mode, content)
    return found


def steps(outcome):
    return [step["step"] for step in outcome.steps]


def test_running_nginx_is_reloaded(server):
    outcome = run(server)
    assert (outcome.changed, outcome.reloaded) == (True, True)
    assert steps(outcome) == ["judge", "commit", "reload", "unit"]
    assert server.judged == server.running == FILES["http.conf"]
    assert outcome.repaired == []


def test_stopped_nginx_is_started_and_enabled(layout):
    server = Server(layout, active=False, enabled=False)
    outcome = run(server)
    assert (outcome.changed, outcome.reloaded) == (True, False)
    assert steps(outcome) == ["judge", "unit", "commit", "start", "enable"]
    # Without a restart, it would run without its sandbox.
    assert server.loaded_with == DROP_IN
    assert outcome.warnings == []


def test_second_run_changes_nothing_and_asks_nothing(server):
    run(server)
    server.calls.clear()
    before = snapshot(server.layout)
    outcome = run(server)
    assert (outcome.changed, outcome.diff, outcome.repaired, outcome.steps) == (False, [], [], [])
    assert server.calls == []
    assert snapshot(server.layout) == before


def test_only_the_live_tree_is_kept(server):
    for text in ("1", "2", "3"):
        run(server, {"http.conf": text})
    kept = {(path / "http.conf").read_text() for path in server.layout.trees.iterdir()}
    assert kept == {"3"}


def test_warnings_of_nginx_reach_the_user(layout):
    server = converged(layout)
    server.verdict = Verdict(True, f"2026/11/21 08:00:00 [warn] 1#1: conflicting server name\n{READ}")
    assert run(server).warnings == ["[warn] conflicting server name"]


@pytest.mark.parametrize("check", [False, True])
def test_refused_tree_leaves_everything_as_it_was(layout, check):
    server = converged(layout)
    server.verdict = Verdict(False, REFUSAL)
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused) as refused:
        run(server, check=check)
    assert str(refused.value).splitlines() == [
        "nginx refuses the configuration, so nothing was changed.",
        '[emerg] unknown directive "x" in /etc/nginx/webstack/http.conf:1',
        "/etc/nginx/webstack/http.conf:1: x on;",
        "nginx goes on serving what it served before.",
    ]
    assert snapshot(layout) == before
    assert server.calls == ["judge"]


def test_nginx_conf_without_the_include_is_refused(server):
    server.verdict = Verdict(True, "# configuration file /etc/nginx/nginx.conf:\n")
    before = snapshot(server.layout)
    with pytest.raises(_nginx_transaction.Refused, match=r"does not include /etc/nginx/conf.d/\*.conf"):
        run(server)
    assert snapshot(server.layout) == before


def test_failed_reload_puts_everything_back(layout):
    server = converged(layout)
    complaint = "[emerg] bind() to 0.0.0.0:81 failed (98: Address already in use)"
    server.failures = [NotLoaded(complaint, settled=True)]
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused) as refused:
        run(server)
    assert str(refused.value).splitlines() == [
        "nginx accepts the configuration when it tests it, but cannot run it, so all files were put back.",
        complaint,
        "/etc/nginx/webstack/http.conf:2: listen 81;",
        "nginx goes on serving what it served before.",
    ]
    assert snapshot(layout) == before
    assert server.calls == ["judge", "reload"]
    assert not run(server, {"http.conf": "# old\n"}).changed


def test_reload_without_an_answer_is_followed_by_one_of_the_old_tree(layout):
    server = converged(layout)
    server.failures = [NotLoaded("no new workers")]
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused, match="goes on serving what it served before"):
        run(server)
    assert snapshot(layout) == before
    assert server.calls == ["judge", "reload", "reload"]
    assert server.running == "# old\n"


def test_nginx_that_does_not_take_up_the_old_tree_is_reloaded_by_the_next_run(layout):
    server = converged(layout)
    server.failures = [NotLoaded("no new workers"), NotLoaded("no word")]
    with pytest.raises(_nginx_transaction.Refused, match="old configuration, and answered: no word"):
        run(server)
    outcome = run(server, {"http.conf": "# old\n"})
    assert steps(outcome) == ["judge", "reload"]


def test_failed_start_puts_everything_back(layout):
    server = Server(layout, active=False)
    server.failures = [NotLoaded("[emerg] still could not bind()", settled=True)]
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused, match="was not running before this run, and is not run"):
        run(server)
    assert snapshot(layout) == before
    assert server.unit is None


@pytest.mark.parametrize("failing", ["replace_link", "_write"])
def test_full_disk_puts_all_but_the_mark_back(layout, monkeypatch, failing):
    server = converged(layout)
    before = snapshot(layout)

    def full(*_given):
        monkeypatch.undo()
        raise OSError("no space left on device")

    def judge(*_given):
        monkeypatch.setattr(_nginx_tree, failing, full)
        return server.verdict

    server.judge = judge
    with pytest.raises(OSError, match="no space left"):
        run(server)
    before.pop(str(layout.mark))
    assert snapshot(layout) == before
    assert server.running == "# old\n"


def test_run_killed_before_the_reload_is_repaired_by_the_next(layout, monkeypatch):
    server = converged(layout)
    with monkeypatch.context() as patch:
        patch.setattr(_nginx_tree, "restore", lambda *_given: None)
        server.failures = [Killed()]
        with pytest.raises(Killed):
            run(server)
    assert server.running == "# old\n"
    outcome = run(server)
    assert steps(outcome) == ["judge", "reload"]
    assert outcome.repaired[0] == "the last run ended before nginx was seen to run its files"
    assert server.running == FILES["http.conf"]
    assert not run(server).changed


def test_killed_run_of_a_bad_tree_does_not_hinder_a_good_one(layout, monkeypatch):
    server = converged(layout)
    with monkeypatch.context() as patch:
        patch.setattr(_nginx_tree, "restore", lambda *_given: None)
        server.failures = [Killed()]
        with pytest.raises(Killed):
            run(server, {"http.conf": "bad"})
    assert run(server).reloaded
    assert server.running == FILES["http.conf"]


def test_what_killed_runs_left_is_removed_by_a_run_that_has_nothing_else_to_do(server):
    run(server)
    server.calls.clear()
    layout, before = server.layout, snapshot(server.layout)
    left = [layout.root.parent / "scratch", layout.trees / ("a" * 12), layout.trees / ".bbbbbbbbbbbb.partial"]
    for path in left:
        (path / "sites").mkdir(parents=True)
    outcome = run(server)
    assert outcome.changed
    assert outcome.repaired == [f"removed {path}, left by a run that was killed" for path in left]
    assert server.calls == []
    assert snapshot(layout) == before
    assert not run(server).changed


def test_tree_that_a_killed_run_left_behind_the_new_one_is_removed(layout, monkeypatch):
    server = converged(layout)
    with monkeypatch.context() as patch:
        patch.setattr(_nginx_tree, "restore", lambda *_given: None)
        server.failures = [Killed()]
        with pytest.raises(Killed):
            run(server)
    old = next(
        path for path in layout.trees.iterdir() if path.name != os.path.basename(layout.link.readlink())
    )
    assert f"removed {old}, left by a run that was killed" in run(server).repaired
    assert not old.exists()


@pytest.mark.parametrize(
    ("state", "said", "called"),
    [
        ({"active": False}, "nginx was not running", ["judge", "start"]),
        ({"enabled": False}, "nginx was not enabled at boot", ["enable"]),
    ],
)
def test_service_that_was_changed_by_hand_is_repaired(server, state, said, called):
    run(server)
    server.calls.clear()
    server.now = State(**state)
    outcome = run(server)
    assert outcome.changed
    assert outcome.repaired == [said]
    assert server.calls == called


def test_file_that_was_changed_by_hand_is_repaired(server):
    run(server)
    (server.layout.link / "http.conf").write_text("# mine\n")
    outcome = run(server)
    assert outcome.repaired == [f"{server.layout.link}/http.conf was not what the last run had written"]
    assert server.running == FILES["http.conf"]


def test_missing_hook_is_repaired(server):
    run(server)
    server.layout.hook.unlink()
    assert run(server).repaired == [f"{server.layout.hook} was gone"]


def test_drop_in_alone_is_read_without_a_reload(server):
    run(server)
    server.calls.clear()
    outcome = run(server, drop_in=DROP_IN + "RestartSec=5s\n")
    assert outcome.changed
    assert server.calls == ["read_units"]
    assert server.layout.drop_in.read_text().endswith("RestartSec=5s\n")


def test_drop_in_that_a_killed_run_left_unread_is_read(server):
    run(server)
    server.calls.clear()
    server.now = State(unit_changed=True)
    assert run(server).changed
    assert server.calls == ["read_units"]


def test_drop_in_that_is_not_wanted_is_left_alone(server):
    run(server)
    assert not run(server, drop_in=None).changed


def test_check_mode_judges_and_touches_nothing(layout):
    server = converged(layout)
    before = snapshot(layout)
    outcome = run(server, check=True)
    assert outcome.changed
    assert server.calls == ["judge"]
    assert [diff["after"] for diff in outcome.diff] == [FILES["http.conf"]]
    assert snapshot(layout) == before


def test_check_mode_tells_of_no_change(server):
    run(server)
    assert not run(server, check=True).changed


def test_host_without_nginx_is_judged_in_check_mode_only_by_its_files(tmp_path):
    layout = _nginx_tree.Layout(tmp_path / "root")
    layout.root.mkdir()
    server = Server(layout, installed=False, active=False, enabled=False)
    assert run(server, check=True).changed
    assert server.calls == []
    assert list(layout.root.iterdir()) == []


def test_host_without_nginx_is_refused(layout):
    with pytest.raises(_nginx_transaction.Refused, match="nginx is not installed"):
        run(Server(layout, installed=False))


def test_a_certificate_that_was_renewed_behind_its_link_is_taken_up(server, tmp_path):
    chain = tmp_path / "shop/fullchain.pem"
    chain.parent.mkdir()
    chain.write_text("renewed")
    links = {"tls/shop": str(chain.parent)}
    server.since = chain.stat().st_mtime + 1
    run(server, links=links)
    server.calls.clear()
    assert not run(server, links=links).changed
    server.since = chain.stat().st_mtime - 10
    outcome = run(server, links=links)
    assert outcome.changed
    assert outcome.repaired == ["nginx had not taken up a certificate that was renewed"]
    assert server.calls == ["judge", "reload"]


def test_the_judgement_is_within_what_the_unit_says_of_files(server):
    run(server, drop_in=DROP_IN + "ProtectSystem=strict\n")
    assert server.confinement == ["ProtectSystem=strict"]


def test_a_drop_in_that_a_running_nginx_has_not_taken_up_is_told_of_until_it_has(server):
    assert run(server).warnings == [_nginx_transaction.RESTART]
    written = server.layout.drop_in.stat().st_mtime
    server.master = written - 2
    outcome = run(server)
    assert (outcome.changed, outcome.warnings) == (False, [_nginx_transaction.RESTART])
    # Its start is known to the second.
    server.master = written - 0.9
    assert run(server).warnings == []


def test_a_read_only_path_has_its_remedy(server):
    server.verdict = Verdict(False, '[emerg] 1#1: open() "/srv/x.log" failed (30: Read-only file system)\n')
    with pytest.raises(_nginx_transaction.Refused, match="name the folder in nginx_writable_paths"):
        run(server)


def test_connections_are_set_with_the_tree_and_taken_back_with_it(layout):
    server = converged(layout)
    layout.main.write_text("events { worker_connections 768; }\n")
    server.failures = [NotLoaded("[emerg] x", settled=True)]
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused):
        run(server, connections=4096)
    assert snapshot(layout) == before
    assert steps(run(server, connections=4096)) == ["judge", "commit", "reload"]
    assert layout.main.read_text() == "events { worker_connections 4096; }\n"
    assert not run(server, connections=4096).changed


def test_nginx_conf_without_a_line_for_the_connections_is_told_of(layout):
    server = converged(layout)
    layout.main.write_text("events { }\n")
    (warning,) = run(server, connections=4096).warnings
    assert "has no single line 'worker_connections NUMBER;'" in warning
    assert run(server).warnings == []


def test_foreign_files_are_taken_out_with_the_tree_and_come_back_with_it(layout):
    server = converged(layout)
    own = layout.nginx / "conf.d/own.conf"
    own.write_text("# mine\n")
    server.failures = [NotLoaded("[emerg] x", settled=True)]
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused):
        run(server, purge=True)
    assert snapshot(layout) == before
    checked = run(server, purge=True, check=True)
    assert (checked.changed, checked.purged) == (True, [str(own)])
    assert snapshot(layout) == before
    assert run(server, purge=True).purged == [str(own)]
    assert not own.exists()
    outcome = run(server, purge=True)
    assert (outcome.changed, outcome.purged) == (False, [])


def test_foreign_files_without_which_nginx_does_not_run_stay(layout):
    server = converged(layout)
    (layout.nginx / "conf.d/own.conf").write_text("# mine\n")
    server.verdict = Verdict(False, REFUSAL)
    before = snapshot(layout)
    with pytest.raises(_nginx_transaction.Refused, match="nothing was changed"):
        run(server, purge=True)
    assert snapshot(layout) == before


def test_a_purge_that_was_killed_before_the_reload_is_gone_on_with(layout, monkeypatch):
    server = converged(layout)
    (layout.nginx / "conf.d/own.conf").write_text("# mine\n")
    with monkeypatch.context() as patch:
        patch.setattr(_nginx_tree, "restore", lambda *_given: None)
        server.failures = [Killed()]
        with pytest.raises(Killed):
            run(server, purge=True)
    assert steps(run(server, purge=True)) == ["judge", "reload"]
    assert (layout.purged / "conf.d/own.conf").read_text() == "# mine\n"
