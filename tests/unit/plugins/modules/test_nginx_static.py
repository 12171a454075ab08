"""What the module says of a proxy's sets, and what it leaves alone."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible_collections.webstack.python.plugins.module_utils import _static_files
from ansible_collections.webstack.python.plugins.module_utils._static_sets import Sets
from ansible_collections.webstack.python.plugins.modules import nginx_static


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run the module for the app shop, and hand it an archive for each digest."""
    monkeypatch.setattr(nginx_static, "Sets", lambda app: Sets(app, tmp_path))
    monkeypatch.setattr(nginx_static, "lock_path", lambda name: tmp_path / f"locks/run/{name}.lock")
    (tmp_path / "a.css").write_text("a")
    _static_files.pack({"static/a.css": tmp_path / "a.css"}, tmp_path / "a.tar.gz")

    def run(state, check=False, archives=None, **app):
        arguments = {"_ansible_check_mode": check, "state": state, "apps": [{"name": "shop", **app}]}
        arguments["_archives"] = archives or {}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit):
            nginx_static.main()
        return json.loads(capsys.readouterr().out)

    run.archives = {"a": str(tmp_path / "a.tar.gz")}
    run.file = Sets("shop", tmp_path).current / "static/a.css"
    return run


def test_comparison_says_what_is_lacking_until_it_is_there(run):
    compared = run("compared", offered=["a"])
    assert (compared["changed"], compared["differs"], compared["lacking"]) == (False, True, ["a"])
    assert run("offered", offered=["a"], archives=run.archives)["changed"] is True
    assert run.file.read_text() == "a"
    compared = run("compared", offered=["a"], live=["a"])
    assert (compared["differs"], compared["lacking"]) == (False, [])
    assert run("offered", offered=["a"])["changed"] is False
    assert run("shown", live=["a"])["changed"] is False


def test_check_mode_foresees_without_an_archive(run):
    assert run("offered", check=True, offered=["a"])["changed"] is True
    assert not run.file.exists()


def test_archive_that_is_broken_is_told_and_shown_to_nobody(run, tmp_path):
    (tmp_path / "a.tar.gz").write_bytes(b"no archive")
    failed = run("offered", offered=["a"], archives=run.archives)
    assert failed["msg"].startswith("shop: its static files could not be offered on this proxy: ")
    assert failed["msg"].endswith("\nThose that were answered still are.")
    assert not run.file.exists()
