"""What a host tells of the static files of its releases, and which of them it packs."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout
from ansible_collections.webstack.python.plugins.modules import release_static

NEW, LIVE, OLD = "0" * 12, "1" * 12, "2" * 12


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """Run the module on a host whose app shop has three releases."""
    layout = Layout("shop", tmp_path)
    for release in (NEW, LIVE, OLD):
        (layout.code(release) / "static").mkdir(parents=True)
        (layout.code(release) / "static/a.css").write_text(release)
    layout.pointer.symlink_to(f"releases/{NEW}")
    layout.current.symlink_to(f"releases/{LIVE}/code")
    monkeypatch.setattr(release_static, "Layout", lambda name: Layout(name, tmp_path))

    def run(*apps, check=False, **params):
        arguments = {"_ansible_check_mode": check, "apps": list(apps), **params}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit):
            release_static.main()
        return json.loads(capsys.readouterr().out)

    run.layout = layout
    return run


SHOP = {"name": "shop", "folders": ["static"]}


def test_what_is_to_be_live_and_what_is_are_told(run):
    found = run(SHOP)
    assert (found["changed"], sorted(found["digests"]["shop"])) == (False, ["live", "offered"])
    assert len(set(found["digests"]["shop"].values())) == 2


def test_release_that_is_named_takes_the_place_of_the_one_that_was_built(run):
    older = run({**SHOP, "release": OLD})["digests"]["shop"]
    run.layout.pointer.unlink()
    run.layout.pointer.symlink_to(f"releases/{OLD}")
    assert run(SHOP)["digests"]["shop"] == older


def test_release_that_is_not_there_is_not_told(run):
    run.layout.pointer.unlink()
    assert list(run(SHOP)["digests"]["shop"]) == ["live"]
    assert run({"name": "blog", "folders": ["static"]})["digests"] == {"blog": {}}


def test_what_is_wanted_is_packed_and_nothing_else(run, tmp_path):
    digest = run(SHOP)["digests"]["shop"]["offered"]
    out = tmp_path / "out"
    out.mkdir()
    run(SHOP, wanted=[digest, "none of this host"], _folder=str(out))
    assert [path.name for path in out.iterdir()] == [f"{digest}.tar.gz"]


def test_folder_that_cannot_be_written_to_is_named(run, tmp_path):
    digest = run(SHOP)["digests"]["shop"]["live"]
    failed = run(SHOP, wanted=[digest], _folder=str(tmp_path / "gone"))
    assert failed["failed"]
    assert f"{tmp_path}/gone/{digest}.tar.gz" in failed["msg"]
