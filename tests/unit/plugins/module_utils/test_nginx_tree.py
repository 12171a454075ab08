"""The collection's part of /etc/nginx, on a directory that stands for the root."""

from __future__ import annotations

import contextlib
import hashlib
import os

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _nginx_tree as tree

FILES = {"http.conf": "# http\n", "sites/shop.conf": "server { }\n"}
WANTED = tree.Wanted(FILES)
OTHER = tree.Wanted({"http.conf": "# other\n"})


@pytest.fixture
def layout(tmp_path):
    """Debian's nginx with its default site, and a site of the user's own."""
    layout = tree.Layout(tmp_path)
    for name in ("conf.d", "sites-available", "sites-enabled"):
        (layout.nginx / name).mkdir(parents=True)
    (layout.nginx / "nginx.conf").write_text("http { }\n")
    (layout.nginx / "sites-available/default").write_text("server { listen 80 default_server; }\n")
    layout.default_site.symlink_to(tree.PACKAGED_SITE)
    (layout.nginx / "sites-enabled/own").write_text("server { }\n")
    layout.dpkg_status.parent.mkdir(parents=True)
    record_default_site(layout)
    return layout


def record_default_site(layout):
    text = (layout.nginx / "sites-available/default").read_bytes()
    layout.dpkg_status.write_text(
        "Package: nginx-common\nConffiles:\n"
        f" /etc/nginx/nginx.conf {'0' * 32}\n {tree.PACKAGED_SITE} {hashlib.md5(text).hexdigest()}\n"
    )


def commit(layout, wanted=WANTED):
    return tree.commit(layout, tree.look(layout), wanted)


def snapshot(layout):
    """Everything below /etc/nginx: kind, mode and content."""
    found = {}
    for path in sorted([*layout.nginx.rglob("*"), *layout.mark.parent.rglob("*")]):
        content = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else b""
        found[str(path)] = (path.lstat().st_mode, content)
    return found


def test_digest_is_of_names_and_texts_in_any_order():
    assert tree.Wanted(dict(reversed(FILES.items()))).digest == WANTED.digest
    assert len({WANTED.digest, OTHER.digest, tree.Wanted({"a": "b"}).digest, tree.Wanted({}).digest}) == 4
    assert tree.TREE_NAME.match(WANTED.digest)


def test_fresh_host_has_nothing_of_ours(layout):
    live = tree.look(layout)
    assert (live.tree, live.files, live.hook, live.mark) == (None, {}, None, None)
    assert live.differs(WANTED)


def test_host_without_nginx_has_nothing_of_ours(tmp_path):
    assert tree.look(tree.Layout(tmp_path)) == tree.Live()


def test_committed_tree_differs_no_more(layout):
    commit(layout)
    live = tree.look(layout)
    assert not live.differs(WANTED)
    assert live.changed_by_hand(WANTED) == []
    assert layout.hook.read_text() == tree.HOOK
    assert (layout.link / "sites/shop.conf").read_text() == "server { }\n"
    assert not layout.default_site.is_symlink()
    assert (layout.nginx / "sites-enabled/own").exists()


def test_files_are_readable_under_any_umask(layout):
    before = os.umask(0o077)
    try:
        commit(layout)
    finally:
        os.umask(before)
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in layout.link.resolve().rglob("*")}
    assert modes == {"http.conf": "0o644", "sites": "0o755", "shop.conf": "0o644"}
    assert layout.trees.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (lambda link: (link / "http.conf").write_text("# mine\n"), ["http.conf"]),
        (lambda link: (link / "http.conf").unlink(), ["http.conf"]),
        (lambda link: (link / "extra.conf").write_text(""), ["extra.conf"]),
        (lambda link: (link / "link.conf").symlink_to("http.conf"), ["link.conf"]),
        (lambda link: (link / "folder").symlink_to("sites"), ["folder"]),
        (lambda link: (link / "http.conf").write_bytes(b"\xff"), ["http.conf"]),
    ],
)
def test_change_by_hand_is_seen_and_repaired(layout, damage, named):
    commit(layout)
    damage(layout.link)
    live = tree.look(layout)
    assert live.differs(WANTED)
    assert live.changed_by_hand(WANTED) == named
    assert commit(layout) == f"{WANTED.digest}-again"
    assert not tree.look(layout).differs(WANTED)


def test_change_by_hand_is_repaired_twice(layout):
    for _turn in range(2):
        commit(layout)
        (layout.link / "http.conf").write_text("# mine\n")
    commit(layout)
    assert not tree.look(layout).differs(WANTED)


@pytest.mark.parametrize("hook", [None, f"# {tree.MARKER}\n"])
def test_missing_or_changed_hook_is_seen(layout, hook):
    commit(layout)
    layout.hook.unlink()
    if hook:
        layout.hook.write_text(hook)
    assert tree.look(layout).differs(WANTED)
    commit(layout)
    assert layout.hook.read_text() == tree.HOOK


def test_default_site_that_came_back_is_seen(layout):
    commit(layout)
    layout.default_site.symlink_to("../sites-available/default")
    assert tree.look(layout).differs(WANTED)
    assert not tree.look(layout).differs(tree.Wanted(FILES, remove_default_site=False))


def test_edited_default_site_is_the_users(layout):
    (layout.nginx / "sites-available/default").write_text("server { }\n")
    commit(layout)
    assert layout.default_site.is_symlink()


def test_default_site_of_another_make_is_the_users(layout):
    layout.default_site.unlink()
    layout.default_site.write_text("server { }\n")
    commit(layout)
    assert layout.default_site.is_file()


@pytest.mark.parametrize("target", ["webstack.d/mine", "/srv/nginx", "../webstack.d/0123456789ab"])
def test_link_of_another_make_is_refused(layout, target):
    layout.link.symlink_to(target)
    with pytest.raises(tree.Foreign, match="which this collection did not make"):
        tree.look(layout)


def test_directory_in_the_links_place_is_refused(layout):
    layout.link.mkdir()
    with pytest.raises(tree.Foreign, match="is not a link of this collection"):
        tree.look(layout)


@pytest.mark.parametrize("name", ["hook", "drop_in"])
def test_file_without_the_marker_is_refused(layout, name):
    path = getattr(layout, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("# mine\n")
    with pytest.raises(tree.Foreign, match=f"{path} has no line 'Managed by webstack.python'"):
        tree.look(layout)


def test_stage_is_nginx_as_it_will_be(layout, tmp_path):
    (layout.nginx / "modules-enabled").mkdir()
    (layout.nginx / "modules-enabled/50-x.conf").symlink_to("/usr/share/nginx/x.conf")
    os.mkfifo(layout.nginx / "fifo")
    commit(layout, OTHER)
    layout.default_site.symlink_to(tree.PACKAGED_SITE)
    before = snapshot(layout)
    staged = tree.stage(layout, tree.look(layout), WANTED, tmp_path / "scratch")
    assert snapshot(layout) == before
    assert (staged / "webstack/http.conf").read_text() == "# http\n"
    assert (staged / "conf.d/webstack.conf").read_text() == tree.HOOK
    assert (staged / "sites-enabled/own").exists()
    assert os.readlink(staged / "modules-enabled/50-x.conf") == "/usr/share/nginx/x.conf"
    assert not (staged / "sites-enabled/default").is_symlink()
    assert [path.name for path in (staged / "webstack.d").iterdir()] == [WANTED.digest]


def test_staged_logs_are_directories_alone(layout, tmp_path):
    (layout.logs / "nginx/old").mkdir(parents=True)
    (layout.logs / "nginx/error.log").write_text("x")
    (layout.logs / "elsewhere").symlink_to("/")
    staged = tree.stage_logs(layout, tmp_path / "scratch")
    assert sorted(str(path.relative_to(staged)) for path in staged.rglob("*")) == ["nginx", "nginx/old"]


def test_staged_caches_are_where_nginx_can_make_its_own(layout, tmp_path):
    (layout.caches / "nginx/own/d/3e").mkdir(parents=True)
    (layout.caches / "apt").mkdir()
    (layout.caches / "apt/pkgcache.bin").write_text("x")
    staged = tree.stage_caches(layout, tmp_path / "scratch")
    found = sorted(str(path.relative_to(staged)) for path in staged.rglob("*"))
    assert found == ["apt", "nginx", "nginx/own", "nginx/webstack"]


def test_caches_are_staged_on_a_host_that_has_none(layout, tmp_path):
    assert (tree.stage_caches(layout, tmp_path / "scratch") / "nginx/webstack").is_dir()
    assert not layout.caches.exists()


@pytest.mark.parametrize("earlier", [None, OTHER])
def test_restore_leaves_every_byte_as_it_was(layout, earlier):
    if earlier:
        commit(layout, tree.Wanted({"http.conf": "# oldest\n"}))
        commit(layout, earlier)
        layout.default_site.symlink_to(tree.PACKAGED_SITE)
    before, live = snapshot(layout), tree.look(layout)
    tree.commit(layout, live, WANTED)
    assert snapshot(layout) != before
    tree.restore(layout, live)
    assert snapshot(layout) == before


def test_restore_brings_back_what_was_changed_by_hand(layout):
    commit(layout)
    (layout.link / "http.conf").write_text("# mine\n")
    before, live = snapshot(layout), tree.look(layout)
    tree.commit(layout, live, WANTED)
    tree.restore(layout, live)
    assert snapshot(layout) == before


@pytest.mark.parametrize("call", range(1, 8))
@pytest.mark.parametrize("earlier", [None, OTHER])
def test_restore_undoes_a_commit_that_broke_off(layout, monkeypatch, earlier, call):
    if earlier:
        commit(layout, earlier)
    before, live = snapshot(layout), tree.look(layout)
    calls = []

    def breaking(name):
        original = getattr(tree, name)

        def step(*given):
            calls.append(name)
            if len(calls) == call:
                raise OSError("no space left on device")
            return original(*given)

        return step

    with monkeypatch.context() as patch:
        for name in ("_write", "_make_directory", "replace_link"):
            patch.setattr(tree, name, breaking(name))
        with contextlib.suppress(OSError):
            tree.commit(layout, live, WANTED)
    tree.restore(layout, live)
    assert snapshot(layout) == before


def test_commit_takes_the_mark_away_first(layout):
    commit(layout)
    tree.write_mark(layout, WANTED.digest)
    assert tree.look(layout).mark == WANTED.digest
    commit(layout, OTHER)
    assert tree.look(layout).mark is None


def test_prune_keeps_what_is_named_and_what_is_not_a_tree(layout):
    for text in ("1", "2", "3"):
        commit(layout, tree.Wanted({"http.conf": text}))
    (layout.trees / f".{WANTED.digest}.partial").mkdir()
    (layout.trees / "notes.txt").write_text("mine")
    kept = [tree.Wanted({"http.conf": text}).digest for text in ("2", "3")]
    tree.prune(layout, keep=kept)
    assert {path.name for path in layout.trees.iterdir()} == {*kept, "notes.txt"}


def test_differences_name_each_file(layout):
    commit(layout, OTHER)
    live = tree.look(layout)
    wanted = tree.Wanted(FILES, drop_in=f"# {tree.MARKER}\n")
    found = {diff["after_header"]: diff for diff in tree.differences(layout, live, wanted)}
    assert set(found) == {
        str(layout.link / "http.conf"),
        str(layout.link / "sites/shop.conf"),
        str(layout.drop_in),
    }
    assert found[str(layout.link / "http.conf")]["before"] == "# other\n"
    assert found[str(layout.link / "http.conf")]["after"] == "# http\n"


def test_differences_name_the_default_site(layout):
    found = [diff["before_header"] for diff in tree.differences(layout, tree.look(layout), WANTED)]
    assert str(layout.default_site) in found


LINKED = tree.Wanted(FILES, links={"tls/shop": "/var/lib/webstack/tls/shop/0123"})


def test_links_are_part_of_the_tree(layout):
    commit(layout, LINKED)
    live = tree.look(layout)
    assert live.links == LINKED.links
    assert not live.differs(LINKED)
    assert live.differs(WANTED)
    assert LINKED.digest != WANTED.digest
    assert os.readlink(layout.link / "tls/shop") == "/var/lib/webstack/tls/shop/0123"


def test_another_target_is_another_tree_and_shown_as_one(layout):
    commit(layout, LINKED)
    other = tree.Wanted(FILES, links={"tls/shop": "/etc/letsencrypt/live/webstack-shop"})
    live = tree.look(layout)
    (difference,) = tree.differences(layout, live, other)
    assert difference["before"] == "-> /var/lib/webstack/tls/shop/0123\n"
    assert difference["after"] == "-> /etc/letsencrypt/live/webstack-shop\n"
    commit(layout, other)
    assert tree.look(layout).links == other.links
    tree.restore(layout, live)
    assert tree.look(layout).links == LINKED.links


def test_a_link_that_somebody_led_elsewhere_is_named(layout):
    commit(layout, LINKED)
    (layout.link / "tls/shop").unlink()
    (layout.link / "tls/shop").symlink_to("/tmp")
    live = tree.look(layout)
    assert live.changed_by_hand(LINKED) == ["tls/shop"]
    assert live.differs(LINKED)


def test_a_file_in_the_place_of_a_link_is_named(layout):
    commit(layout, LINKED)
    (layout.link / "tls/shop").unlink()
    (layout.link / "tls/shop").write_text("")
    assert tree.look(layout).changed_by_hand(LINKED) == ["tls/shop"]


def test_links_are_staged(layout, tmp_path):
    staged = tree.stage(layout, tree.look(layout), LINKED, tmp_path / "scratch")
    assert os.readlink(staged / "webstack/tls/shop") == "/var/lib/webstack/tls/shop/0123"


GUARDED = tree.Wanted(FILES, secrets={"shop.htpasswd": "alice:$7$hash\n"})


def test_a_secret_is_for_root_and_nginx_alone(layout):
    commit(layout, GUARDED)
    path = layout.link / "secrets/shop.htpasswd"
    assert path.read_text() == "alice:$7$hash\n"
    assert path.stat().st_mode & 0o777 == 0o640
    # nginx's workers come to it through the folder.
    assert path.parent.stat().st_mode & 0o777 == 0o755
    if os.geteuid() == 0:
        assert (path.owner(), path.group()) == ("root", "www-data")
    assert not tree.look(layout).differs(GUARDED)


def test_a_secret_is_part_of_the_tree(layout):
    assert len({GUARDED.digest, WANTED.digest, tree.Wanted(FILES, secrets={"shop.htpasswd": ""}).digest}) == 3
    commit(layout)
    assert tree.look(layout).differs(GUARDED)
    commit(layout, GUARDED)
    assert tree.look(layout).differs(WANTED)
    staged = tree.stage(layout, tree.look(layout), GUARDED, layout.root / "scratch")
    assert (staged / "webstack/secrets/shop.htpasswd").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.chmod(0o644),
        lambda path: path.chmod(0o600),
        lambda path: path.write_text("mallory:$7$hash\n"),
        lambda path: path.unlink(),
    ],
)
def test_a_secret_that_was_changed_by_hand_is_seen_and_repaired(layout, damage):
    commit(layout, GUARDED)
    damage(layout.link / "secrets/shop.htpasswd")
    assert tree.look(layout).changed_by_hand(GUARDED) == ["secrets/shop.htpasswd"]
    commit(layout, GUARDED)
    assert not tree.look(layout).differs(GUARDED)


@pytest.mark.parametrize("mode", [0o640, 0o644])
def test_no_diff_has_a_secret(layout, mode):
    changed = tree.Wanted({**FILES, "http.conf": "# new\n"}, secrets={"shop.htpasswd": "alice:$7$other\n"})
    commit(layout, GUARDED)
    (layout.link / "secrets/shop.htpasswd").chmod(mode)
    for wanted in (changed, WANTED):
        shown = str(list(tree.differences(layout, tree.look(layout), wanted)))
        assert "$7$" not in shown
    assert "$7$" not in str(list(tree.differences(layout, tree.Live(), GUARDED)))
    assert len(list(tree.differences(layout, tree.look(layout), changed))) == 1


DEBIANS = "user www-data;\nevents {\n\tworker_connections 768;\n\t# multi_accept on;\n}\nhttp { }\n"
SIZED = tree.Wanted(FILES, connections=4096)


@pytest.mark.parametrize(
    "text", [DEBIANS, "events { worker_connections 768; }\n", "# worker_connections 1;\n" + DEBIANS]
)
def test_the_number_of_connections_is_all_that_changes_in_nginx_conf(layout, text):
    layout.main.write_text(text)
    layout.main.chmod(0o640)
    assert tree.look(layout).differs(SIZED)
    commit(layout, SIZED)
    assert layout.main.read_text() == text.replace("768", "4096")
    assert layout.main.stat().st_mode & 0o777 == 0o640
    assert not tree.look(layout).differs(SIZED)
    assert not tree.look(layout).differs(WANTED)


@pytest.mark.parametrize(
    "text",
    ["http { }\n", DEBIANS + "mail { worker_connections 9; }\n", "# worker_connections 768;\n", "\xe4\n"],
    ids=["none", "two", "comment", "not UTF-8"],
)
def test_nginx_conf_without_one_line_for_the_number_stays(layout, text):
    layout.main.write_text(text, encoding="latin-1")
    commit(layout, SIZED)
    assert layout.main.read_text(encoding="latin-1") == text
    assert not tree.look(layout).differs(SIZED)


def test_nginx_conf_that_is_a_link_stays(layout, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(DEBIANS)
    layout.main.unlink()
    layout.main.symlink_to(elsewhere)
    commit(layout, SIZED)
    assert layout.main.is_symlink()
    assert elsewhere.read_text() == DEBIANS


def test_the_number_of_connections_is_staged_and_shown(layout, tmp_path):
    layout.main.write_text(DEBIANS)
    live = tree.look(layout)
    staged = tree.stage(layout, live, SIZED, tmp_path / "scratch")
    assert "worker_connections 4096;" in (staged / "nginx.conf").read_text()
    assert layout.main.read_text() == DEBIANS
    (shown,) = [
        diff for diff in tree.differences(layout, live, SIZED) if diff["after_header"] == str(layout.main)
    ]
    assert shown["before"] == DEBIANS


PURGING = tree.Wanted(FILES, purge=True)
PURGED = ("conf.d/mine.conf", "sites-enabled/link", "sites-enabled/own")


@pytest.fixture
def strangers(layout):
    """What others have put beside ours: a site and a setting, a link, and what nginx does not read."""
    (layout.nginx / "conf.d/mine.conf").write_bytes(b"log_format \xff 'x';\n")
    (layout.nginx / "conf.d/mine.conf").chmod(0o600)
    (layout.nginx / "conf.d/notes.txt").write_text("mine")
    (layout.nginx / "sites-enabled/link").symlink_to("../sites-available/link")
    (layout.nginx / "sites-enabled/.hidden").write_text("mine")
    (layout.nginx / "modules-enabled").mkdir()
    (layout.nginx / "modules-enabled/50-x.conf").write_text("load_module x;\n")
    return {path: snapshot(layout)[str(layout.nginx / path)] for path in PURGED}


def left(layout):
    return {str(path.relative_to(layout.nginx)) for path in layout.nginx.rglob("*") if not path.is_dir()}


@pytest.mark.usefixtures("strangers")
def test_strangers_stay_unless_the_user_says_otherwise(layout):
    commit(layout)
    assert set(PURGED) <= left(layout)
    assert not tree.look(layout).differs(WANTED)


def test_strangers_are_moved_away_and_nothing_of_them_is_lost(layout, strangers):
    before = left(layout)
    commit(layout, PURGING)
    assert before - left(layout) == {*PURGED, "sites-enabled/default"}
    assert {path: snapshot(layout)[str(layout.purged / path)] for path in PURGED} == strangers
    assert not tree.look(layout).differs(PURGING)


@pytest.mark.usefixtures("strangers")
def test_strangers_are_staged_away_and_shown(layout, tmp_path):
    live = tree.look(layout)
    staged = tree.stage(layout, live, PURGING, tmp_path / "scratch")
    assert [path for path in PURGED if os.path.lexists(staged / path)] == []
    assert (staged / "modules-enabled/50-x.conf").exists()
    assert set(PURGED) <= left(layout)
    shown = {diff["before_header"]: diff for diff in tree.differences(layout, live, PURGING)}
    assert shown[str(layout.nginx / "sites-enabled/link")]["before"] == "-> ../sites-available/link\n"
    assert shown[str(layout.nginx / "sites-enabled/own")]["before"] == "server { }\n"
    mine = shown[str(layout.nginx / "conf.d/mine.conf")]
    assert (mine["before"], mine["after"]) == ("(not everyone may read it)\n", "")


def test_edited_default_site_is_purged_as_any_other(layout):
    (layout.nginx / "sites-available/default").write_text("server { }\n")
    commit(layout, PURGING)
    assert os.readlink(layout.purged / "sites-enabled/default") == tree.PACKAGED_SITE


@pytest.mark.usefixtures("strangers")
def test_a_stranger_that_came_back_does_not_replace_the_one_from_before(layout):
    path = layout.nginx / "sites-enabled/own"
    for text in ("first", "second", "second"):
        path.write_text(text)
        commit(layout, PURGING)
    kept = {path.name: path.read_text() for path in layout.purged.glob("sites-enabled/own*")}
    assert kept == {"own": "first", "own.1": "second"}


@pytest.mark.parametrize("wanted", [SIZED, PURGING, tree.Wanted(FILES, connections=1, purge=True)])
@pytest.mark.usefixtures("strangers")
def test_restore_brings_back_what_others_had(layout, wanted):
    layout.main.write_text(DEBIANS)
    before, live = snapshot(layout), tree.look(layout)
    tree.commit(layout, live, wanted)
    assert snapshot(layout) != before
    tree.restore(layout, live)
    assert snapshot(layout) == before


@pytest.mark.parametrize("call", range(1, 7))
def test_a_purge_that_broke_off_is_gone_on_with_and_can_be_undone(layout, strangers, monkeypatch, call):
    layout.main.write_text(DEBIANS)
    wanted = tree.Wanted(FILES, connections=4096, purge=True)
    before, live = snapshot(layout), tree.look(layout)
    calls = []

    def breaking(*given, original=os.replace):
        calls.append(given)
        if len(calls) == call:
            raise OSError("no space left on device")
        return original(*given)

    with monkeypatch.context() as patch, contextlib.suppress(OSError):
        patch.setattr(os, "replace", breaking)
        tree.commit(layout, live, wanted)
    assert len(calls) == call
    broken = tree.look(layout)
    commit(layout, wanted)
    assert not tree.look(layout).differs(wanted)
    assert {path: snapshot(layout)[str(layout.purged / path)] for path in PURGED} == strangers
    tree.restore(layout, broken)
    tree.restore(layout, live)
    assert snapshot(layout) == before


def test_what_the_unit_says_of_files_is_known():
    text = "# x\n[Service]\nRestart=on-failure\nProtectSystem=strict\nReadWritePaths=/run\nLimitNOFILE=9\n"
    wanted = tree.Wanted({}, drop_in=text)
    assert wanted.confinement == ["ProtectSystem=strict", "ReadWritePaths=/run", "LimitNOFILE=9"]
    assert tree.Wanted({}).confinement == []
