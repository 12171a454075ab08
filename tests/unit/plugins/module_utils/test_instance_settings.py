"""What a release's own Gunicorn is asked, by an interpreter that has a stand-in for it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _instance_settings
from ansible_collections.webstack.python.plugins.module_utils._instance import Release
from ansible_collections.webstack.python.plugins.module_utils._instance_settings import (
    complaints,
    missing_class,
)

STAND_IN = """
class Config:
    settings = {"timeout": None, "loglevel": None}

    def set(self, name, value):
        if name == "timeout" and not isinstance(value, int):
            raise TypeError(f"Not an integer: {value}")
"""


@pytest.fixture
def virtualenv(tmp_path, monkeypatch) -> Path:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    package = tmp_path / f"lib/{version}/site-packages/gunicorn"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text('__version__ = "27.0.1"\n')
    (package / "config.py").write_text(STAND_IN)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(sys.executable)
    home = Path(os.path.realpath(sys.executable)).parent
    (tmp_path / "pyvenv.cfg").write_text(f"home = {home}\n")
    real = subprocess.run

    def run(command, *, user, group, extra_groups, **options):
        assert (user, group, extra_groups) == (1001, 1002, [])
        return real(command, **options)

    monkeypatch.setattr(subprocess, "run", run)
    return tmp_path


def ask(virtualenv: Path, settings: dict[str, object]) -> list[str]:
    return complaints(virtualenv, settings, uid=1001, gid=1002)


def test_settings_that_gunicorn_takes_give_no_complaint(virtualenv):
    assert ask(virtualenv, {"timeout": 5, "loglevel": "debug"}) == []


def test_a_typo_is_told_with_the_name_that_was_meant(virtualenv):
    assert ask(virtualenv, {"timeuot": 5}) == [
        "timeuot: Gunicorn 27.0.1 has no such setting; did you mean 'timeout'?"
    ]


def test_every_complaint_comes_at_once_in_gunicorns_words(virtualenv):
    assert ask(virtualenv, {"zzz": 1, "timeout": "soon"}) == [
        "zzz: Gunicorn 27.0.1 has no such setting; remove it",
        "timeout: Gunicorn 27.0.1 refuses the value: Not an integer: soon",
    ]


def test_no_settings_cost_no_process(virtualenv, monkeypatch):
    monkeypatch.setattr(subprocess, "run", None)
    assert ask(virtualenv, {}) == []


def test_a_gunicorn_that_does_not_answer_is_told(virtualenv, monkeypatch):
    monkeypatch.setattr(_instance_settings, "TIMEOUT", 0.2)
    for path in virtualenv.glob("lib/*/site-packages/gunicorn/config.py"):
        path.write_text("import time\ntime.sleep(30)\n")
    (complaint,) = ask(virtualenv, {"timeout": 5})
    assert complaint == f"{virtualenv}: its Gunicorn, asked about settings, gave no answer within 0.2 s"


def test_a_gunicorn_that_cannot_be_asked_is_told(virtualenv):
    for path in virtualenv.glob("lib/*/site-packages/gunicorn/config.py"):
        path.write_text("raise RuntimeError('broken install')\n")
    (complaint,) = ask(virtualenv, {"timeout": 5})
    assert "cannot be asked about settings" in complaint
    assert "broken install" in complaint


@pytest.mark.parametrize(
    ("worker_class", "version", "missing"),
    [
        ("asgi", "23.0.0", True),
        ("asgi", "24.0.0", False),
        ("asgi", "27.0.1", False),
        ("gthread", "23.0.0", False),
        ("gevent", "23.0.0", False),
    ],
)
def test_a_gunicorn_older_than_a_worker_class_is_named_with_a_remedy(worker_class, version, missing):
    release = Release(Path("/srv/shop/code"), Path("/srv/shop/venv"), (), version, ())
    told = (
        f"worker_class asgi needs Gunicorn 24 or newer, and /srv/shop/venv has {version}; "
        "allow a newer one in the requirements"
    )
    assert missing_class(worker_class, release) == (told if missing else "")
