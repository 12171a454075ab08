"""Answers are removed by site and URL, and check mode tells how many would be."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils import basic
from ansible_collections.webstack.python.plugins.module_utils import _nginx_caches
from ansible_collections.webstack.python.plugins.modules import nginx_purge


@pytest.fixture
def purge(monkeypatch, tmp_path, capsys):
    """Run the module on a host whose site shop keeps /news twice and /about once."""
    caches = _nginx_caches.Caches(tmp_path)
    monkeypatch.setattr(nginx_purge, "Caches", lambda: caches)
    folder = caches.folder / "shop/d/3e"
    folder.mkdir(parents=True)
    for number, path in enumerate(("/news", "/news", "/about")):
        key = f"\nKEY: https://shop.example.com{path}\n"
        (folder / f"{number:032x}").write_text(f"header{key}HTTP/1.1 200 OK\n")

    def run(**params):
        arguments = {"_ansible_check_mode": params.pop("check", False), **params}
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit):
            nginx_purge.main()
        return json.loads(capsys.readouterr().out)

    run.left = lambda: sum(path.is_file() for path in folder.iterdir())
    return run


@pytest.mark.parametrize(("url", "removed"), [("", 3), ("/news", 2), ("/new", 0)])
def test_what_was_asked_for_is_removed_once(purge, url, removed):
    foreseen = purge(site="shop", url=url, check=True)
    assert (foreseen["changed"], foreseen["removed"], purge.left()) == (removed > 0, removed, 3)
    done = purge(site="shop", url=url)
    assert (done["changed"], done["removed"], purge.left()) == (removed > 0, removed, 3 - removed)
    assert purge(site="shop", url=url)["changed"] is False


@pytest.mark.parametrize("site", ["..", "../shop", "", "/etc"])
def test_nothing_outside_of_a_cache_is_looked_at(purge, site):
    assert "is not the name of a site" in purge(site=site)["msg"]
