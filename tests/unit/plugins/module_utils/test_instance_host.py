"""What a host tells about instances, read from a directory that stands for it."""

from __future__ import annotations

import json
import os
import pwd
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _instance_host, _systemd
from ansible_collections.webstack.python.plugins.module_utils._instance import File, Instance, Paths

LIVE, OLD = "aaaaaaaaaaaa", "bbbbbbbbbbbb"
TCP = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 101 1 0 100
   1: 0100007F:1F40 0100007F:A3F2 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0 100
   2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 103 1 0 100
"""
TCP6 = """\
  sl  local_address                         remote_address                        st
   0: 00000000000000000000000001000000:1F40 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 201 1
"""
UNIX = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 301 /run/webstack/shop/http.sock
0000000000000000: 00000003 00000000 00000000 0001 03 302 /run/webstack/shop/http.sock
0000000000000000: 00000003 00000000 00000000 0001 03 303
0000000000000000: 00000002 00000000 00010000 0001 01 304 /run/with a blank.sock
"""


@pytest.fixture
def paths(tmp_path):
    return Paths("shop", tmp_path)


@pytest.mark.skipif(sys.byteorder != "little", reason="the table is of a little-endian machine")
def test_listening_tcp_sockets_are_found_by_address():
    assert _instance_host.parse_tcp(TCP) == {
        (ip_address("127.0.0.1"), 8000): {101},
        (ip_address("0.0.0.0"), 80): {103},
    }
    assert _instance_host.parse_tcp(TCP6) == {(ip_address("::1"), 8000): {201}}


def test_listening_unix_sockets_are_found_by_path():
    assert _instance_host.parse_unix(UNIX) == {
        "/run/webstack/shop/http.sock": {301},
        "/run/with a blank.sock": {304},
    }


def test_a_socket_that_this_process_holds_is_found_in_the_kernels_tables(tmp_path, monkeypatch):
    run_as_oneself(monkeypatch)
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as unix, socket.socket() as tcp:
        for each, address in ((unix, str(path)), (tcp, ("127.0.0.1", 0))):
            each.bind(address)
            each.listen()
        host, port = tcp.getsockname()
        held = _instance_host.held_inodes(os.getpid(), os.getuid(), os.getgid())
        for address in (str(path), f"{host}:{port}"):
            inodes = _instance_host.listening_inodes(address)
            assert inodes
            assert inodes <= held
    assert not inodes & _instance_host.held_inodes(os.getpid(), os.getuid(), os.getgid())


def run_as_oneself(monkeypatch):
    """Let commands run as whoever runs the tests, who need not be root."""
    real = subprocess.run

    def run(command, *, user, group, extra_groups, **options):
        assert (user, group, extra_groups) == (os.getuid(), os.getgid(), [])
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)


def virtualenv(folder: Path, *, gunicorn: str | None = "27.0.1") -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(sys.executable)
    packages = folder / "lib/python3.11/site-packages"
    packages.mkdir(parents=True)
    if gunicorn:
        (packages / f"gunicorn-{gunicorn}.dist-info").mkdir()
    return folder


def test_a_release_is_read_through_its_links(tmp_path):
    code = tmp_path / "releases/r1/code"
    (code / "src").mkdir(parents=True)
    virtualenv(tmp_path / "venvs/v1")
    (tmp_path / "next").symlink_to("releases/r1")
    (tmp_path / "releases/r1/venv").symlink_to("../../venvs/v1")
    release = _instance_host.read_release(tmp_path / "next/code", tmp_path / "next/venv")
    assert release.directory == code
    assert release.virtualenv == tmp_path / "venvs/v1"
    assert release.pythonpath == (code, code / "src")
    assert release.gunicorn_version == (27, 0, 1)
    assert release.name == "r1"
    assert release.interpreters[0] == Path(sys.executable).parent.parent


def test_a_release_without_a_directory_is_refused(tmp_path):
    with pytest.raises(ValueError, match="there is no such directory; build the release first"):
        _instance_host.read_release(tmp_path / "code", tmp_path)


def test_a_virtualenv_without_an_interpreter_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no virtualenv with a working bin/python"):
        _instance_host.read_release(tmp_path, tmp_path / "venv")


def test_a_virtualenv_without_gunicorn_is_refused(tmp_path):
    venv = virtualenv(tmp_path / "venv", gunicorn=None)
    with pytest.raises(ValueError, match="Gunicorn is not installed in this virtualenv"):
        _instance_host.read_release(tmp_path, venv)


def test_a_release_that_is_not_built_is_foreseen_from_its_virtualenv_and_the_live_one(tmp_path):
    code = tmp_path / "r1/code"
    (code / "src").mkdir(parents=True)
    live = _instance_host.read_release(code, virtualenv(tmp_path / "v1"))
    same = _instance_host.foresee_release(tmp_path / "r2/code", tmp_path / "v1", live)
    assert same.pythonpath == (tmp_path / "r2/code", tmp_path / "r2/code/src")
    newer = virtualenv(tmp_path / "v2", gunicorn="27.1.0")
    assert _instance_host.foresee_release(tmp_path / "r2/code", newer, live).gunicorn == "27.1.0"
    unbuilt = _instance_host.foresee_release(tmp_path / "r2/code", tmp_path / "v3", live)
    assert (unbuilt.gunicorn, unbuilt.interpreters) == (live.gunicorn, live.interpreters)
    first = _instance_host.foresee_release(tmp_path / "r2/code", tmp_path / "v3", None)
    assert first.pythonpath == (tmp_path / "r2/code",)


def write(path: Path, text: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_units_that_someone_else_wrote_are_found(paths, tmp_path):
    write(paths.units / "gunicorn-shop.service", "[Service]\n")
    write(paths.units / "gunicorn-shop.target", "# Managed by webstack.python\n")
    write(tmp_path / "usr/lib/systemd/system/gunicorn-shop.socket", "[Socket]\n")
    assert _instance_host.foreign_units(paths) == [
        paths.units / "gunicorn-shop.service",
        tmp_path / "usr/lib/systemd/system/gunicorn-shop.socket",
    ]


SHOWN = [
    {
        "Id": "gunicorn-shop.service",
        "ActiveState": "active",
        "NeedDaemonReload": "yes",
        "MainPID": "0",
        "Wants": f"gunicorn-shop@{LIVE}.service sysinit.target",
    },
    {
        "Id": "gunicorn-shop.target",
        "ActiveState": "inactive",
        "NeedDaemonReload": "no",
        "Wants": "",
    },
]


def test_everything_about_an_app_is_read_with_one_call_to_systemd(paths, monkeypatch):
    calls = []
    monkeypatch.setattr(_systemd, "show_all", lambda names, *_: calls.append(names) or SHOWN)
    write(paths.record, f"[Unit]\nWants=gunicorn-shop@{LIVE}.service\n")
    write(paths.instance(LIVE) / "instance.json", f'{{"directory": "{paths.root}/code"}}')
    write(paths.instance(OLD) / "instance.json", "{cut off")
    write(paths.units / paths.unit("cccccccccccc", "service"))
    write(paths.units / "gunicorn-shop.socket")
    write(paths.units / "gunicorn-shop-api.socket")
    write(paths.runtime_units / paths.check_unit(OLD, "service"))
    write(paths.units / ".gunicorn-shop.target.new")
    write(paths.units / ".gunicorn-shop-api.target.new")
    # Of an editor that is open.
    write(paths.units / ".gunicorn-shop.target.swp")
    write(paths.units / f".gunicorn-shop@{LIVE}.service.new")
    (paths.root / "code").mkdir()
    current = paths.root / "current"
    current.symlink_to("code")
    for name in (".current.new", ".previous.new", ".next.new"):
        (paths.root / name).symlink_to("code")

    observed = _instance_host.observe(paths, Instance(LIVE, (), (), ()), current, paths.root / "previous")

    assert observed.live == LIVE
    assert set(observed.records) == {LIVE}
    assert observed.leftovers == {OLD, "cccccccccccc"}
    assert observed.checks == (paths.runtime_units / paths.check_unit(OLD, "service"),)
    assert observed.public_sockets == ("gunicorn-shop.socket",)
    assert {path.name for path in observed.litter} == {
        ".gunicorn-shop.target.new",
        f".gunicorn-shop@{LIVE}.service.new",
        ".current.new",
        ".previous.new",
    }
    assert observed.current
    assert not observed.enabled
    assert observed.unit("gunicorn-shop.service").needs_reload
    assert f"gunicorn-shop@{LIVE}.service" in observed.unit("gunicorn-shop.service").wants
    assert observed.unit("gunicorn-shop.target").down
    assert observed.unit("not-loaded.service").down
    assert len(calls) == 1


@pytest.mark.parametrize(
    ("mode", "user", "as_wanted"),
    [("0600", "", True), ("0660", "", False), ("0600", "no-such-user", False)],
)
def test_the_open_public_socket_is_compared_with_its_unit(paths, monkeypatch, mode, user, as_wanted):
    monkeypatch.setattr(_systemd, "show_all", lambda *_: [])
    write(paths.public_node)
    paths.public_node.chmod(0o600)
    account = pwd.getpwuid(os.getuid())
    os.chown(paths.public_node, -1, account.pw_gid)
    text = f"[Socket]\nSocketUser={user or account.pw_name}\nSocketMode={mode}\n"
    unit = File(paths.units / "gunicorn-shop.socket", text, 0o644)
    assert _instance_host.observe(paths, Instance(LIVE, (), (), (unit,)), None).access == as_wanted
    paths.public_node.unlink()
    assert _instance_host.observe(paths, Instance(LIVE, (), (), (unit,)), None).access


def test_a_link_that_leads_elsewhere_is_not_current(paths, monkeypatch):
    monkeypatch.setattr(_systemd, "show_all", lambda *_: [])
    write(paths.record, f"[Unit]\nWants=gunicorn-shop@{LIVE}.service\n")
    write(paths.instance(LIVE) / "instance.json", '{"directory": "/elsewhere"}')
    current = paths.root / "current"
    current.symlink_to("code")
    assert not _instance_host.observe(paths, Instance(LIVE, (), (), ()), current).current


@pytest.mark.parametrize(
    ("left", "leads_to", "as_wanted"),
    [
        ("old", "old", True),
        ("old", "other", False),
        ("old", "", False),
        ("gone", "gone", True),
        ("gone", "other", False),
        (None, "other", True),
    ],
)
def test_the_link_to_what_was_live_before_is_compared_with_the_record(
    paths, monkeypatch, left, leads_to, as_wanted
):
    monkeypatch.setattr(_systemd, "show_all", lambda *_: [])
    write(paths.record, f"[Unit]\nWants=gunicorn-shop@{LIVE}.service\n")
    record = {"directory": "/elsewhere", "left": left and str(paths.root / left)}
    write(paths.instance(LIVE) / "instance.json", json.dumps(record))
    for name in ("old", "other"):
        (paths.root / name).mkdir()
    previous = paths.root / "previous"
    if leads_to:
        previous.symlink_to(leads_to)
    observed = _instance_host.observe(paths, Instance(LIVE, (), (), ()), None, previous)
    assert observed.previous is as_wanted
    assert _instance_host.observe(paths, Instance(LIVE, (), (), ()), None).previous
