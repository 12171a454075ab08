"""What the preflight finds on a host, on a tree that stands for it."""

from __future__ import annotations

import grp
import pwd
from types import SimpleNamespace

import pytest
from ansible_collections.webstack.python.plugins.modules import preflight

ENTRY = "python_apps[0] (shop)"


@pytest.fixture
def root(tmp_path):
    """A Debian host with systemd and nothing of ours on it."""
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/os-release").write_text('NAME="Debian"\nID=debian\n')
    (tmp_path / "run/systemd/system").mkdir(parents=True)
    return tmp_path


def test_debian_with_systemd_is_fine(root):
    assert preflight.host_findings(root) == []


def test_derivative_of_debian_is_fine(root):
    (root / "etc/os-release").write_text('ID=ubuntu\nID_LIKE="debian"\n')
    assert preflight.host_findings(root) == []


def test_other_system_and_missing_systemd_are_both_found(root):
    (root / "etc/os-release").write_text('ID="rocky"\nID_LIKE="rhel centos fedora"\n')
    (root / "run/systemd/system").rmdir()
    findings = preflight.host_findings(root)
    assert len(findings) == 2
    assert "use Debian 12 or 13" in findings[0]
    assert "started by systemd" in findings[1]


def fake_accounts(monkeypatch, users=None, groups=()):
    def user(name):
        return SimpleNamespace(pw_gecos=(users or {})[name])

    def group(name):
        if name not in groups:
            raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", user)
    monkeypatch.setattr(grp, "getgrnam", group)


def test_user_of_the_collection_is_fine(monkeypatch):
    fake_accounts(monkeypatch, users={"shop": "webstack.python shop"}, groups=("shop",))
    assert preflight.account_findings(ENTRY, "shop") == []


def test_free_name_is_fine(monkeypatch):
    fake_accounts(monkeypatch)
    assert preflight.account_findings(ENTRY, "shop") == []


@pytest.mark.parametrize(
    ("users", "groups", "kind"),
    [({"shop": "The shop"}, (), "user"), ({}, ("shop",), "group")],
)
def test_account_of_someone_else_is_found(monkeypatch, users, groups, kind):
    fake_accounts(monkeypatch, users, groups)
    (finding,) = preflight.account_findings(ENTRY, "shop")
    assert finding.startswith(f"{ENTRY}: name: the {kind} 'shop'")
    assert "choose another name" in finding


def test_directory_is_found_only_if_it_holds_what_is_not_ours(root):
    folder = root / "srv/shop"
    assert preflight.folder_findings(ENTRY, "shop", root) == []
    folder.mkdir(parents=True)
    assert preflight.folder_findings(ENTRY, "shop", root) == []
    (folder / "theirs").touch()
    (finding,) = preflight.folder_findings(ENTRY, "shop", root)
    assert finding.startswith(f"{ENTRY}: name: {folder} of this host was not made by webstack.python")
    (folder / ".webstack.json").write_text('{"managed_by": "webstack.python", "app": "other"}')
    assert len(preflight.folder_findings(ENTRY, "shop", root)) == 1
    (folder / ".webstack.json").write_text('{"managed_by": "webstack.python", "app": "shop"}')
    assert preflight.folder_findings(ENTRY, "shop", root) == []


def test_file_or_link_in_the_place_of_the_directory_is_found(root):
    place = root / "srv/shop"
    place.parent.mkdir()
    place.touch()
    (file,) = preflight.folder_findings(ENTRY, "shop", root)
    place.unlink()
    (root / "elsewhere").mkdir()
    place.symlink_to(root / "elsewhere")
    (link,) = preflight.folder_findings(ENTRY, "shop", root)
    assert file == link
    assert "move the directory away" in file


def test_app_that_the_manifest_does_not_name_is_an_orphan(root):
    for name in ("blog", "shop", "theirs"):
        (root / "srv" / name).mkdir(parents=True)
    for name in ("blog", "shop"):
        (root / "srv" / name / ".webstack.json").touch()
    assert preflight.orphans(root, {"shop"}) == ["blog"]


def test_units_of_someone_else_are_found_by_name(root):
    etc, packaged = root / "etc/systemd/system", root / "usr/lib/systemd/system"
    etc.mkdir(parents=True)
    packaged.mkdir(parents=True)
    (etc / "gunicorn-shop.service").write_text("# Managed by webstack.python\n")
    assert preflight.unit_findings(ENTRY, "shop", root) == []
    (etc / "gunicorn-shop.socket").write_text("[Socket]\n")
    (packaged / "gunicorn-shop.service").write_text("[Service]\n")
    in_etc, in_usr = preflight.unit_findings(ENTRY, "shop", root)
    assert in_etc.startswith(f"{ENTRY}: name: the unit gunicorn-shop.socket of this host")
    assert in_usr.startswith(f"{ENTRY}: name: the unit gunicorn-shop.service of this host")


def test_static_files_that_the_run_cannot_bring_must_be_there(root):
    (finding,) = preflight.static_findings("shop", ["app1", "app2"], root)
    assert finding == (
        "nginx: the static files of 'shop' are not on this proxy, and the run leaves out who has them; "
        "run for app1, app2, too"
    )
    (root / "var/lib/webstack/static/shop/current").mkdir(parents=True)
    assert preflight.static_findings("shop", ["app1", "app2"], root) == []


def test_taken_hook_of_nginx_is_found(root):
    assert preflight.front_findings(root) == []
    hook = root / "etc/nginx/conf.d/webstack.conf"
    hook.parent.mkdir(parents=True)
    hook.write_text("# Managed by webstack.python\n")
    assert preflight.front_findings(root) == []
    hook.write_text("server {}\n")
    (finding,) = preflight.front_findings(root)
    assert finding.startswith(f"nginx: {hook} has no line")


def test_all_taken_places_of_nginx_are_found_at_once(root):
    drop_in = root / "etc/systemd/system/nginx.service.d/webstack.conf"
    drop_in.parent.mkdir(parents=True)
    drop_in.write_text("[Service]\n")
    link = root / "etc/nginx/webstack"
    link.mkdir(parents=True)
    of_link, of_drop_in = preflight.front_findings(root)
    assert of_link.startswith(f"nginx: {link} is not a link of this collection")
    assert of_drop_in.startswith(f"nginx: {drop_in} has no line")
