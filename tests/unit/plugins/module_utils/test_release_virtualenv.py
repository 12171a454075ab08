"""By what a virtualenv is known, and how uv is called; uv itself is a stand-in."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_virtualenv
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.webstack.python.plugins.module_utils._release_virtualenv import (
    Dependencies,
    Interpreter,
    InterpreterMissing,
    Uv,
)

PYTHON = Interpreter("/usr/bin/python3.11", "3.11.2", "cpython", "linux-x86_64")
FLASK = Dependencies("requirements.txt", "abc", (), "27.0.1")
UV = Uv("/opt/uv", "", (), True)

# Notes how it was called; makes what `uv venv` would; fails where it is told to.
STAND_IN = """#!{python}
import json, os, pathlib, sys
here = pathlib.Path({here!r})
call = {{"arguments": sys.argv[1:], "typed": sys.stdin.read(), "directory": os.getcwd(),
        "temporary": os.environ["TMPDIR"],
        "environment": {{name: value for name, value in os.environ.items() if name.startswith("UV_")}}}}
with (here / "calls").open("a") as handle:
    handle.write(json.dumps(call) + "\\n")
venv = pathlib.Path(os.environ["UV_PROJECT_ENVIRONMENT"])
packages = venv / "lib/python3.11/site-packages"
if sys.argv[1] == "venv":
    packages.mkdir(parents=True)
elif (here / "fail").exists():
    print("error: https://bob:secret@index/ has no such package")
    sys.exit(2)
elif sys.argv[-1].startswith("gunicorn["):
    (packages / "gevent-25.9.1.dist-info").mkdir()
elif (here / "brings-gunicorn").exists() or sys.argv[-1].startswith("gunicorn=="):
    (packages / "gunicorn-23.0.0.dist-info").mkdir()
"""


@pytest.fixture
def uv(tmp_path, monkeypatch):
    monkeypatch.setattr(_release_virtualenv, "CACHE", tmp_path / "cache/uv")
    monkeypatch.setattr("os.fchown", lambda *_arguments: None)
    binary = tmp_path / "uv"
    binary.write_text(STAND_IN.format(python=sys.executable, here=str(tmp_path)))
    binary.chmod(0o755)
    return Uv(str(binary), "https://bob:secret@index/simple", ("--no-build",), True)


@pytest.fixture
def make(tmp_path, uv):
    (tmp_path / "code").mkdir()

    def run(dependencies):
        _release_virtualenv.build(tmp_path / "venv", PYTHON, dependencies, uv, tmp_path / "code")
        return [json.loads(line) for line in (tmp_path / "calls").read_text().splitlines()]

    return run


def test_key_is_stable_and_short():
    key = _release_virtualenv.key(PYTHON, FLASK, UV)
    assert key == _release_virtualenv.key(replace(PYTHON), replace(FLASK), replace(UV))
    assert len(key) == 12


@pytest.mark.parametrize(
    ("interpreter", "dependencies", "uv"),
    [
        (replace(PYTHON, version="3.11.3"), FLASK, UV),
        (replace(PYTHON, path="/opt/python3.11"), FLASK, UV),
        (replace(PYTHON, implementation="pypy"), FLASK, UV),
        (replace(PYTHON, platform="linux-aarch64"), FLASK, UV),
        (PYTHON, replace(FLASK, lock="abd"), UV),
        (PYTHON, replace(FLASK, kind="list"), UV),
        (PYTHON, replace(FLASK, gunicorn="27.0.0"), UV),
        (PYTHON, replace(FLASK, extras=("gevent",)), UV),
        (PYTHON, FLASK, replace(UV, index_url="https://index/simple")),
        (PYTHON, FLASK, replace(UV, arguments=("--no-build",))),
    ],
)
def test_key_tells_each_input(interpreter, dependencies, uv):
    assert _release_virtualenv.key(interpreter, dependencies, uv) != _release_virtualenv.key(
        PYTHON, FLASK, UV
    )


def test_virtualenv_without_extras_keeps_the_name_it_had_before_there_were_any():
    assert _release_virtualenv.key(PYTHON, FLASK, UV) == "d66de13f92c1"


def test_new_password_or_uv_is_the_same_virtualenv():
    one = replace(UV, index_url="https://bob:old@index/simple")
    other = replace(UV, index_url="https://bob:new@index/simple", binary="/opt/uv2")
    assert _release_virtualenv.key(PYTHON, FLASK, one) == _release_virtualenv.key(PYTHON, FLASK, other)


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        ("requirements.txt", ["--no-build", "--requirements=requirements.txt"]),
        ("pylock.toml", ["--no-build", "--requirements=pylock.toml"]),
        ("pyproject.toml", ["--no-build", "--requirements=pyproject.toml"]),
        ("list", ["--no-build", "--requirements=-"]),
    ],
)
def test_dependencies_are_installed_in_the_code_by_pip(tmp_path, make, kind, arguments):
    call = make(replace(FLASK, kind=kind, specifiers=("flask", "redis")))[1]
    python = str(tmp_path / "venv/bin/python")
    assert call["arguments"] == ["pip", "install", "--python", python, *arguments]
    assert call["directory"] == ("/" if kind == "list" else str(tmp_path / "code"))
    assert call["typed"] == ("flask\nredis" if kind == "list" else "")


def test_uv_lock_is_installed_as_it_stands(tmp_path, make):
    call = make(replace(FLASK, kind="uv.lock"))[1]
    assert call["arguments"][:4] == ["sync", "--frozen", "--no-dev", "--no-install-project"]
    assert call["environment"]["UV_PROJECT_ENVIRONMENT"] == str(tmp_path / "venv")


def test_no_dependencies_leave_gunicorn_alone(make):
    calls = make(replace(FLASK, kind="none"))
    assert [call["arguments"][0] for call in calls] == ["venv", "pip"]
    assert calls[1]["arguments"][-1] == "gunicorn==27.0.1"


def test_gunicorn_is_not_added_to_an_app_that_brings_it(tmp_path, make):
    (tmp_path / "brings-gunicorn").touch()
    assert len(make(FLASK)) == 2


@pytest.mark.parametrize("brings", [False, True], ids=["by itself", "with the app's own Gunicorn"])
def test_what_a_worker_class_needs_is_added_to_the_gunicorn_that_is_there(tmp_path, make, brings):
    if brings:
        (tmp_path / "brings-gunicorn").touch()
    calls = make(replace(FLASK, extras=("gevent",)))
    assert len(calls) == (3 if brings else 4)
    assert calls[-1]["arguments"][-1] == "gunicorn[gevent]"


def test_index_is_no_argument_and_certificates_are_the_systems(make):
    for call in make(FLASK):
        assert "secret" not in " ".join(call["arguments"])
        assert call["environment"]["UV_DEFAULT_INDEX"] == "https://bob:secret@index/simple"
        assert call["environment"]["UV_SYSTEM_CERTS"] == "1"
        assert call["environment"]["UV_PYTHON_DOWNLOADS"] == "never"


def test_cache_is_for_root_alone_and_holds_what_uv_leaves(tmp_path, make):
    call = make(FLASK)[0]
    assert call["environment"]["UV_CACHE_DIR"] == str(tmp_path / "cache/uv")
    assert call["temporary"] == str(tmp_path / "cache")
    assert stat.S_IMODE((tmp_path / "cache/uv").stat().st_mode) == 0o700


def test_options_that_are_off_are_not_set(tmp_path):
    environment = Uv("/opt/uv", "", (), False).environment(tmp_path)
    assert "UV_DEFAULT_INDEX" not in environment
    assert "UV_SYSTEM_CERTS" not in environment


def test_failure_shows_uvs_words_and_leaves_nothing(tmp_path, make):
    (tmp_path / "fail").touch()
    with pytest.raises(ReleaseError) as caught:
        make(FLASK)
    assert "uv pip install failed (exit 2)" in str(caught.value)
    assert "https://***@index/ has no such package" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert not (tmp_path / "venv").exists()


def test_half_made_virtualenv_is_made_anew(tmp_path, make):
    (tmp_path / "venv").mkdir()
    (tmp_path / "venv/left").touch()
    make(FLASK)
    assert not (tmp_path / "venv/left").exists()
    assert _release_virtualenv.is_complete(tmp_path / "venv")


def test_missing_uv_is_named(tmp_path):
    with pytest.raises(ReleaseError, match="run the role python_app"):
        Uv("/nonexistent/uv", "", (), True).run(tmp_path, "venv")


def test_sealed_files_are_readable_by_all_and_writable_by_none_but_their_owner(tmp_path):
    loose, tight, linked = tmp_path / "loose", tmp_path / "tight", tmp_path / "linked"
    loose.touch()
    loose.chmod(0o666)
    tight.touch()
    tight.chmod(0o700)
    linked.symlink_to("/nonexistent")
    (tmp_path / "folder").mkdir(mode=0o700)
    _release_virtualenv.seal(tmp_path)
    modes = [stat.S_IMODE(os.lstat(path).st_mode) for path in (loose, tight, tmp_path / "folder")]
    assert modes == [0o644, 0o744, 0o755]


def test_interpreter_is_asked_what_it_is():
    found = _release_virtualenv.probe(sys.executable)
    assert found.path == os.path.realpath(sys.executable)
    assert found.version == ".".join(map(str, sys.version_info[:3]))


def test_missing_interpreter_is_named_with_a_remedy():
    with pytest.raises(InterpreterMissing, match=r"no interpreter 'python3\.99'.*python_app_packages"):
        _release_virtualenv.probe("python3.99")


def test_command_that_is_no_interpreter_is_refused():
    with pytest.raises(ReleaseError, match="does not answer as a Python interpreter"):
        _release_virtualenv.probe("/bin/echo")


def test_resolution_is_shared_by_hosts_that_differ_in_no_version():
    def name(app="shop", **changes):
        return _release_virtualenv.resolution(app, replace(PYTHON, **changes), FLASK, UV)

    assert name() == name(path="/usr/local/bin/python3.11", version="3.11.9")
    assert len({name(), name(version="3.12.2"), name(platform="linux-aarch64"), name("blog")}) == 4


@pytest.mark.parametrize("kind", ["uv.lock", "pylock.toml", "none"])
def test_nothing_is_resolved_where_all_is_said(kind):
    assert _release_virtualenv.resolution("shop", PYTHON, replace(FLASK, kind=kind), UV) == ""
    hashes = replace(UV, arguments=("--require-hashes",))
    assert _release_virtualenv.resolution("shop", PYTHON, FLASK, hashes) == ""


def test_what_is_not_from_an_index_is_no_version_for_others(tmp_path):
    packages = tmp_path / "lib/python3.11/site-packages"
    for name in ("flask-3.1.3", "zope_interface-7.2", "kit-1.0"):
        (packages / f"{name}.dist-info").mkdir(parents=True)
    (packages / "kit-1.0.dist-info/direct_url.json").touch()
    assert _release_virtualenv.installed(tmp_path) == ["flask==3.1.3", "zope_interface==7.2"]


RUN = """
import pathlib, sys
from ansible_collections.webstack.python.plugins.module_utils._release_virtualenv import Uv
Uv(sys.argv[1], "", (), True).run(pathlib.Path("/venv"), "venv")
"""


def test_uv_ends_with_the_run_that_is_killed(tmp_path):
    binary = tmp_path / "uv"
    binary.write_text(
        f"#!/bin/sh\necho $$ > {tmp_path}/part && mv {tmp_path}/part {tmp_path}/pid\nexec sleep 60\n"
    )
    binary.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen([sys.executable, "-c", RUN, str(binary)], env=environment) as process:
        wait_for((tmp_path / "pid").exists)
        process.kill()
    uv = Path("/proc") / (tmp_path / "pid").read_text().strip()
    wait_for(lambda: not runs(uv))


def runs(process):
    """Tell whether a process does anything; one that waits for its parent's notice has no command line."""
    try:
        return bool((process / "cmdline").read_bytes())
    except OSError:
        return False


def wait_for(condition):
    """Return once a condition holds; it has ten seconds."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
