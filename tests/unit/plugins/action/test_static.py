"""How archives of static files get from an app host to a proxy, by way of the controller alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible import constants
from ansible.errors import AnsibleActionFail, AnsibleConnectionFailure
from ansible.plugins.action import ActionBase
from ansible_collections.webstack.python.plugins.action import nginx_static, release_static


class Host:
    """What an action plugin needs of a host; it notes what goes over the connection."""

    def __init__(self, plugin, monkeypatch, arguments, *, check=False, answer=None):
        self.calls, self.fetched, self.sent, self.removed = [], [], [], []
        self.answer = answer or {"changed": False}
        shell = SimpleNamespace(tmpdir=None, join_path=lambda *parts: "/".join(parts))
        connection = SimpleNamespace(_shell=shell, fetch_file=self.fetch)
        self.action = object.__new__(plugin.ActionModule)
        self.action._connection = connection
        self.action._task = SimpleNamespace(args=arguments, check_mode=check, delegate_to="front")
        monkeypatch.setattr(ActionBase, "run", lambda *_arguments: {})
        monkeypatch.setattr(self.action, "_execute_module", self.execute, raising=False)
        monkeypatch.setattr(self.action, "_make_tmp_path", lambda: setattr(shell, "tmpdir", "/remote"))
        monkeypatch.setattr(self.action, "_transfer_file", self.transfer)
        monkeypatch.setattr(self.action, "_remove_tmp_path", self.removed.append)

    def execute(self, *, module_args, **_options):
        self.calls.append(module_args)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def fetch(self, remote, local):
        self.fetched.append(remote)
        Path(local).write_text(remote)

    def transfer(self, local, remote):
        self.sent.append((Path(local).name, remote))
        return remote


@pytest.fixture(autouse=True)
def run_folder(monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "DEFAULT_LOCAL_TMP", str(tmp_path))
    return tmp_path


def test_digests_alone_are_asked_for_without_a_folder(monkeypatch):
    host = Host(release_static, monkeypatch, {"apps": []})
    host.action.run()
    assert (host.calls, host.removed) == ([{"apps": [], "wanted": []}], [])


def test_what_is_wanted_comes_to_the_folder_of_the_run_once(monkeypatch, run_folder):
    host = Host(release_static, monkeypatch, {"apps": [], "wanted": ["a", "b"]})
    host.action.run()
    assert host.calls == [{"apps": [], "wanted": ["a", "b"], "_folder": "/remote"}]
    assert sorted(path.name for path in run_folder.iterdir()) == [
        "webstack-static-a.tar.gz",
        "webstack-static-b.tar.gz",
    ]
    assert host.removed == ["/remote"]
    again = Host(release_static, monkeypatch, {"apps": [], "wanted": ["a", "b"]})
    again.action.run()
    assert again.fetched == []


def test_nothing_is_fetched_of_a_host_that_failed_nor_in_check_mode(monkeypatch):
    for more in ({"answer": {"failed": True}}, {"check": True}):
        host = Host(release_static, monkeypatch, {"apps": [], "wanted": ["a"]}, **more)
        host.action.run()
        assert host.fetched == []


def test_proxy_is_sent_what_it_lacks(monkeypatch):
    host = Host(nginx_static, monkeypatch, {"state": "offered", "apps": [], "lacking": ["a"]})
    host.action.run()
    assert host.sent == [("webstack-static-a.tar.gz", "/remote/a.tar.gz")]
    assert host.calls[0]["_archives"] == {"a": "/remote/a.tar.gz"}
    assert host.removed == ["/remote"]


@pytest.mark.parametrize(("lacking", "check"), [([], False), (["a"], True)])
def test_nothing_is_sent_that_is_there_nor_in_check_mode(monkeypatch, lacking, check):
    arguments = {"state": "offered", "apps": [], "lacking": lacking}
    host = Host(nginx_static, monkeypatch, arguments, check=check)
    host.action.run()
    assert (host.sent, host.calls) == ([], [arguments])


@pytest.mark.parametrize(
    ("state", "remedy"),
    [
        ("compared", "Nothing was swapped: "),
        ("offered", "Nothing was swapped: "),
        ("shown", "What was swapped is live, "),
    ],
)
def test_proxy_that_is_not_reached_is_named_with_a_remedy(monkeypatch, state, remedy):
    away = AnsibleConnectionFailure("no route to host")
    host = Host(nginx_static, monkeypatch, {"state": state, "apps": []}, answer=away)
    with pytest.raises(AnsibleActionFail, match=f"^front: no route to host\n{remedy}"):
        host.action.run()
