"""Virtualenvs by the real uv, from an index on loopback that wants a password."""

from __future__ import annotations

import base64
import hashlib
import io
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_virtualenv
from ansible_collections.webstack.python.plugins.module_utils._redact import with_credentials
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.webstack.python.plugins.module_utils._release_virtualenv import Dependencies, Uv

PASSWORD = "hunt%er@2/"
SHOWN = (PASSWORD, "hunt%25er%402%2F", base64.b64encode(f"deploy:{PASSWORD}".encode()).decode())


def wheel(name, version, requires=()):
    """Return a wheel with one module, that holds its version."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {requirement}\n" for requirement in requires)
    files = {
        f"{name}/__init__.py": f"version = '{version}'\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as handle:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            handle.writestr(path, text)
    return packed.getvalue()


@pytest.fixture
def index(loopback, monkeypatch):
    """An index with two versions of shop, what it needs, and Gunicorn; watches all processes."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = loopback(user="deploy", password=PASSWORD, tls=False)
    server.command_lines = set()
    pages = {}
    for name, version, *requires in (
        ("shop", "1.4.0", "kit"),
        ("shop", "1.5.0", "kit"),
        ("kit", "2.0"),
        ("kit", "2.1"),
        ("gunicorn", "27.0.1"),
    ):
        content = wheel(name, version, requires)
        file = f"{name}-{version}-py3-none-any.whl"
        server.files[f"/files/{file}"] = content
        digest = hashlib.sha256(content).hexdigest()
        pages[name] = pages.get(name, "") + f'<a href="/files/{file}#sha256={digest}">{file}</a>\n'
    for name, page in pages.items():
        server.files[f"/simple/{name}/"] = f"<html><body>{page}</body></html>".encode()

    def answer(handler):
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                server.command_lines.add(process.read_bytes())
            except OSError:
                continue
        server.answer_file(handler)

    server.answer = answer
    return server


@pytest.fixture
def make(tmp_path, index, monkeypatch):
    """Make a virtualenv, as a release of a package has it."""
    monkeypatch.setattr(_release_virtualenv, "CACHE", tmp_path / "cache/uv")
    monkeypatch.setattr("os.fchown", lambda *_arguments: None)
    (tmp_path / "code").mkdir()

    def build(*specifiers, password=PASSWORD, pins=(), kind="list"):
        url = with_credentials(f"http://127.0.0.1:{index.port}/simple", "deploy", password)
        uv = Uv(str(Path(sys.executable).with_name("uv")), url, (), True, pins)
        interpreter = _release_virtualenv.probe(sys.executable)
        dependencies = Dependencies(kind, "1", specifiers, "27.0.1")
        _release_virtualenv.build(tmp_path / "venv", interpreter, dependencies, uv, tmp_path / "code")

    return build


def said_by(tmp_path, program):
    python = tmp_path / "venv/bin/python"
    return subprocess.run(
        [python, "-c", program], check=True, cwd=tmp_path / "code", capture_output=True, text=True
    ).stdout.strip()


def files_with(secrets, *folders):
    paths = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    return [path for path in paths if any(secret.encode() in path.read_bytes() for secret in secrets)]


def test_package_is_imported_from_the_virtualenv(tmp_path, make):
    make("shop==1.4.0", "kit==2.0")
    assert said_by(tmp_path, "import shop, kit; print(shop.version, kit.version)") == "1.4.0 2.0"
    assert said_by(tmp_path, "import shop; print(shop.__file__)").startswith(f"{tmp_path}/venv/lib/")


def test_password_of_the_index_is_in_no_argument_and_no_file(tmp_path, index, make):
    make("shop==1.4.0")
    lines = b"\n".join(index.command_lines)
    assert b"pip\0install" in lines
    assert not [secret for secret in SHOWN if secret.encode() in lines]
    assert files_with(SHOWN, tmp_path / "venv", tmp_path / "code", tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("specifiers", "password", "said"),
    [
        (["shop==9"], PASSWORD, "shop==9"),
        (["nothing==1"], PASSWORD, "nothing"),
        (["shop==1.4.0"], "wr0ng", "401"),
        (["shop==1.4.0", "kit<1"], PASSWORD, "kit<1"),
    ],
    ids=["version", "package", "password", "conflict"],
)
def test_failure_names_package_and_index_and_no_password(tmp_path, index, make, specifiers, password, said):
    with pytest.raises(ReleaseError) as caught:
        make(*specifiers, password=password)
    message = str(caught.value)
    assert said in message
    assert message.endswith(f"\nThe index that was asked: http://127.0.0.1:{index.port}/simple.")
    assert not [secret for secret in (*SHOWN, "wr0ng") if secret in message]
    assert not (tmp_path / "venv").exists()
    assert files_with((*SHOWN, "wr0ng"), tmp_path) == []


def test_versions_of_another_host_hold_and_leave_nothing(tmp_path, make):
    make("shop==1.4.0", pins=("gunicorn==27.0.1", "kit==2.0", "other==9"))
    found = _release_virtualenv.installed(tmp_path / "venv")
    assert found == ["gunicorn==27.0.1", "kit==2.0", "shop==1.4.0"]
    assert not list((tmp_path / "cache").glob("*.constraints"))


def test_versions_of_another_host_go_with_hashes(tmp_path, index, make):
    lines = []
    for name in ("shop-1.4.0", "kit-2.0"):
        digest = hashlib.sha256(index.files[f"/files/{name}-py3-none-any.whl"]).hexdigest()
        lines.append(f"{name.replace('-', '==')} --hash=sha256:{digest}")
    (tmp_path / "code/requirements.txt").write_text("\n".join(lines))
    make(kind="requirements.txt", pins=("gunicorn==27.0.1", "kit==2.0", "shop==1.4.0"))
    assert "kit==2.0" in _release_virtualenv.installed(tmp_path / "venv")


def test_versions_that_do_not_fit_this_host_are_named(tmp_path, make):
    with pytest.raises(ReleaseError, match=r"kit==2\.0"):
        make("shop==1.4.0", "kit==2.1", pins=("kit==2.0",))
    assert not list((tmp_path / "cache").glob("*.constraints"))
