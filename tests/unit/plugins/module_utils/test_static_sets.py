"""What a proxy keeps of static files of other hosts: nothing that is asked for is missing at any point."""

from __future__ import annotations

import os

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _files, _static_files, _static_sets
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.webstack.python.plugins.module_utils._static_sets import Request, Sets


class Killed(Exception):
    """The run ends here."""


class Proxy:
    """A proxy of the app shop. A release, named by a letter, has a file of that name, and common.css."""

    def __init__(self, folder):
        self.folder = folder
        self.sets = Sets("shop", folder / "root")
        self.sent = []

    def archive(self, release):
        """Pack the release's files once."""
        target = self.folder / f"{release}.tar.gz"
        if not target.exists():
            static = self.folder / release / "static"
            static.mkdir(parents=True)
            for name in (f"{release}.css", "common.css"):
                (static / name).write_text(release)
            _static_files.pack(_static_files.find(static.parent, ["static"]), target)
        return target

    def offer(self, offered, live="", *, complete=True):
        """Do what a run does before its swap."""
        request = Request("shop", list(offered), list(live), complete)
        lacking = self.sets.lacking(request)
        self.sent += lacking
        foreseen = self.sets.foresees(request, "offered")
        done = self.sets.offer(request, {release: self.archive(release) for release in lacking})
        assert done == foreseen
        return done

    def show(self, live, *, complete=True):
        """Do what a run does after its swap."""
        request = Request("shop", list(live), list(live), complete)
        foreseen = self.sets.foresees(request, "shown")
        done = self.sets.show(request)
        assert done == foreseen
        return done

    def deploy(self, release, live=""):
        """Do what a run does that succeeds."""
        self.offer(release, live)
        self.show(release)

    def differs(self, offered, live="", *, complete=True):
        return self.sets.differs(Request("shop", list(offered), list(live), complete))

    def answered(self):
        """Return the releases whose own files Nginx finds."""
        links = (self.sets.current, self.sets.previous)
        return {path.stem for link in links for path in link.glob("static/?.css")}

    def common(self):
        """Return whose file Nginx has where all have one of that name."""
        return (self.sets.current / "static/common.css").read_text()


@pytest.fixture
def proxy(tmp_path):
    return Proxy(tmp_path)


def test_first_release_is_answered_before_it_is_live(proxy):
    assert proxy.differs("a")
    assert proxy.offer("a")
    assert (proxy.answered(), proxy.common()) == ({"a"}, "a")
    assert not proxy.show("a")
    assert not proxy.differs("a", "a")


def test_next_release_is_answered_beside_the_others_and_then_asked_first(proxy):
    proxy.deploy("a")
    proxy.deploy("b", "a")
    assert proxy.offer("c", "b")
    assert (proxy.answered(), proxy.common()) == ({"a", "b", "c"}, "b")
    assert proxy.show("c")
    assert (proxy.answered(), proxy.common()) == ({"b", "c"}, "c")
    assert len(list(proxy.sets.folder.iterdir())) == 4


def test_run_without_a_change_changes_and_sends_nothing(proxy):
    proxy.deploy("a")
    proxy.deploy("b", "a")
    proxy.sent.clear()
    assert not proxy.differs("b", "b")
    assert not proxy.offer("b", "b")
    assert not proxy.show("b")
    assert proxy.sent == []


def test_refusal_takes_nothing_away_and_the_next_deploy_ends_it(proxy):
    proxy.deploy("a")
    proxy.deploy("b", "a")
    proxy.offer("c", "b")
    proxy.offer("d", "b")
    assert (proxy.answered(), proxy.common()) == ({"a", "b", "c", "d"}, "b")
    proxy.show("d")
    assert (proxy.answered(), proxy.common()) == ({"b", "d"}, "d")


def test_rollback_sends_nothing(proxy):
    proxy.deploy("a")
    proxy.deploy("b", "a")
    proxy.sent.clear()
    proxy.deploy("a", "b")
    assert (proxy.answered(), proxy.common(), proxy.sent) == ({"a", "b"}, "a", [])


def test_held_release_stays_offered_while_another_is_live(proxy):
    proxy.deploy("a")
    proxy.offer("b", "a")
    assert not proxy.show("a")
    assert not proxy.offer("b", "a")
    assert proxy.common() == "a"


def test_run_that_was_cut_off_before_the_links_changed_places_is_ended_by_the_next(proxy):
    proxy.deploy("a")
    proxy.offer("b", "a")
    # The swap was done, and the run killed.
    proxy.offer("c", "b")
    assert (proxy.answered() >= {"b", "c"}, proxy.common()) == (True, "b")
    proxy.show("c")
    assert (proxy.answered(), proxy.common()) == ({"b", "c"}, "c")


def test_run_of_some_hosts_brings_what_it_lacks_once_a_killed_one_is_ended(proxy):
    proxy.deploy("a")
    # A release was refused, another one swapped in by a run that was killed, and the first one comes again.
    proxy.offer("c", "a", complete=False)
    proxy.offer("b", "a", complete=False)
    proxy.offer("c", "b", complete=False)
    assert (proxy.answered(), proxy.common()) == ({"a", "b", "c"}, "b")
    proxy.show("c", complete=False)
    assert (proxy.answered(), proxy.common()) == ({"a", "b", "c"}, "c")


def test_new_proxy_gets_what_is_live_and_what_is_to_be(proxy):
    assert proxy.offer("b", "a")
    assert (proxy.answered(), proxy.common(), sorted(proxy.sent)) == ({"a", "b"}, "a", ["a", "b"])
    proxy.show("b")
    assert (proxy.answered(), proxy.common()) == ({"a", "b"}, "b")


def test_hosts_whose_builds_differ_are_all_answered(proxy):
    proxy.deploy("ab")
    assert (proxy.answered(), proxy.common()) == ({"a", "b"}, "a")
    assert not proxy.differs("ba", "ba")


def test_hosts_outside_of_the_run_keep_their_files(proxy):
    proxy.deploy("a")
    for release, live in (("b", "a"), ("c", "b")):
        proxy.offer(release, live, complete=False)
        proxy.show(release, complete=False)
    assert (proxy.answered() >= {"a", "c"}, proxy.common()) == (True, "c")
    assert not proxy.differs("a", "a", complete=False)
    # With all of them, what none has is gone with the deploy after.
    proxy.deploy("c", "c")
    proxy.deploy("d", "c")
    assert proxy.answered() == {"c", "d"}


def test_file_of_one_host_may_be_a_folder_of_another(proxy):
    for release, name in (("a", "static/x"), ("b", "static/x/y.css")):
        path = proxy.folder / release / name
        path.parent.mkdir(parents=True)
        path.write_text(release)
        files = _static_files.find(proxy.folder / release, ["static"])
        _static_files.pack(files, proxy.folder / f"{release}.tar.gz")
    proxy.deploy("ab")
    assert (proxy.sets.current / "static/x").read_text() == "a"


def test_links_change_places_where_the_file_system_cannot_exchange_them(proxy, monkeypatch):
    monkeypatch.setattr(_static_sets, "exchange", lambda *_links: False)
    proxy.deploy("a")
    proxy.deploy("b", "a")
    proxy.deploy("c", "b")
    assert (proxy.answered(), proxy.common()) == ({"b", "c"}, "c")


def steps(monkeypatch, kill_at):
    """Kill the run before one of its changes that others see; returns the number of those seen."""
    seen = []

    def counted(function):
        def run(*arguments, **options):
            seen.append(function.__name__)
            if len(seen) - 1 == kill_at:
                raise Killed
            return function(*arguments, **options)

        return run

    monkeypatch.setattr(_static_sets, "replace_link", counted(_files.replace_link))
    monkeypatch.setattr(_static_sets, "exchange", counted(_files.exchange))
    monkeypatch.setattr(_static_sets, "write_text", counted(_files.write_text))
    monkeypatch.setattr(_static_sets, "unpack", counted(_static_sets.unpack))
    monkeypatch.setattr(os, "rename", counted(os.rename))
    monkeypatch.setattr(_static_sets.shutil, "rmtree", counted(_static_sets.shutil.rmtree))
    return seen


@pytest.mark.parametrize("kill_at", range(20))
def test_a_kill_anywhere_loses_nothing_and_the_next_run_puts_it_right(proxy, monkeypatch, kill_at):
    proxy.deploy("a")
    proxy.deploy("b", "a")
    swapped = "b"
    with monkeypatch.context() as patched:
        seen = steps(patched, kill_at)
        try:
            proxy.offer("c", "b")
            swapped = "c"
            proxy.show("c")
        except Killed:
            pass
    assert proxy.answered() >= {"b", swapped}
    assert proxy.differs("c", swapped) or len(list(proxy.sets.folder.iterdir())) == 4
    proxy.deploy("c", swapped)
    assert (proxy.answered(), proxy.common()) == ({"b", "c"}, "c")
    assert len(list(proxy.sets.folder.iterdir())) == 4
    assert len(seen) < 20


def cut_off(folder, *_arguments, **_options):
    """Remove a tree as a run does that is killed at its second file."""
    file = next((path for path in folder.rglob("*") if path.is_file()), None)
    if file:
        file.unlink()
        raise Killed


def test_a_set_whose_removal_was_cut_off_is_sent_again(proxy, monkeypatch):
    proxy.deploy("a")
    proxy.deploy("b", "a")
    proxy.offer("c", "b")
    with monkeypatch.context() as patched:
        patched.setattr(_static_sets.shutil, "rmtree", cut_off)
        with pytest.raises(Killed):
            proxy.show("c")
    assert proxy.differs("c", "c")
    proxy.sent.clear()
    proxy.deploy("a", "c")
    assert (proxy.sent, proxy.answered(), proxy.common()) == (["a"], {"a", "c"}, "a")
    assert len(list(proxy.sets.folder.iterdir())) == 4


def test_an_app_whose_removal_was_cut_off_starts_from_nothing(proxy, monkeypatch):
    proxy.deploy("a")
    top = proxy.sets.folder.parent
    with monkeypatch.context() as patched:
        patched.setattr(_static_sets.shutil, "rmtree", cut_off)
        with pytest.raises(Killed):
            _static_sets.remove_others([], proxy.folder / "root")
    proxy.sent.clear()
    proxy.deploy("a")
    assert (proxy.sent, proxy.answered(), proxy.common()) == (["a"], {"a"}, "a")
    _static_sets.remove_others(["shop"], proxy.folder / "root")
    assert [path.name for path in top.iterdir()] == ["shop"]


def test_run_that_ends_another_brings_what_it_lacks_then(proxy):
    proxy.deploy("a")
    # Refused; its set has the files of "a", too, as some hosts are left out.
    proxy.offer("c", "a", complete=False)
    # Swapped, and killed before it was shown.
    proxy.offer("b", "a", complete=False)
    proxy.sent.clear()
    assert proxy.offer("c", "b", complete=False)
    assert proxy.sent == ["c"]
    assert (proxy.answered(), proxy.common()) == ({"a", "b", "c"}, "b")


def test_run_whose_proxy_was_changed_since_it_looked_says_so(proxy):
    proxy.deploy("a")
    with pytest.raises(ReleaseError, match="other files are live than when this run looked; run again"):
        proxy.sets.offer(Request("shop", ["b"], ["a"], complete=True), {})
    assert (proxy.answered(), proxy.common()) == ({"a"}, "a")


def test_folders_of_other_apps_are_removed(tmp_path):
    top = tmp_path / _static_sets.FOLDER
    for app in ("shop", "blog"):
        (top / app / "1/files").mkdir(parents=True)
    assert _static_sets.others(["shop", "new"], tmp_path) == [top / "blog"]
    assert _static_sets.remove_others(["shop"], tmp_path) == [top / "blog"]
    assert [path.name for path in top.iterdir()] == ["shop"]
    assert _static_sets.others([], tmp_path / "none") == []
