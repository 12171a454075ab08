"""Certificates on a directory that stands for the host's root; openssl is the real one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _certificates
from ansible_collections.webstack.python.plugins.module_utils._certificates import (
    Certificates,
    Request,
    Store,
)

DOMAINS = ["shop.example.com", "*.shop.example.com"]


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


def ask(folder, *options):
    command = ["openssl", "x509", "-in", folder / "fullchain.pem", "-noout", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def modes(folder):
    return {path.name: path.stat().st_mode & 0o777 for path in [folder, *folder.iterdir()]}


def issue(store, site="shop"):
    folder = store.issued(site)
    folder.mkdir(parents=True)
    for name in ("fullchain.pem", "privkey.pem"):
        (folder / name).write_text("issued")
    store.renewal(site).parent.mkdir(exist_ok=True)
    store.renewal(site).write_text(f"webroot_path = {store.webroot},\n")
    return folder


def serve(store, request):
    """Return what visitors of a site are shown, as by_tls tells it."""
    folder = store.make(request)
    return {request.name: {"certificate": f"{folder}/fullchain.pem", "key": f"{folder}/privkey.pem"}}


def test_a_certificate_is_made_for_all_names_and_found_again(store):
    request = Request("shop", DOMAINS)
    assert store.find(request) is None
    folder = store.make(request)
    assert store.find(request) == folder
    assert "DNS:shop.example.com, DNS:*.shop.example.com" in ask(folder, "-ext", "subjectAltName")
    assert "CA:FALSE" in ask(folder, "-ext", "basicConstraints")
    assert modes(folder) == {folder.name: 0o700, "fullchain.pem": 0o600, "privkey.pem": 0o600}
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_its_key_belongs_to_it(store):
    folder = store.make(Request("shop", DOMAINS))
    public = subprocess.run(
        ["openssl", "pkey", "-in", folder / "privkey.pem", "-pubout"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert ask(folder, "-pubkey") == public


def test_other_names_need_another_certificate(store):
    store.make(Request("shop", DOMAINS))
    assert store.find(Request("shop", DOMAINS[:1])) is None


def test_a_site_for_every_name_gets_one_of_the_hosts_name(store, monkeypatch):
    monkeypatch.setattr(_certificates.socket, "gethostname", lambda: "web1")
    assert "DNS:web1" in ask(store.make(Request("shop", [])), "-ext", "subjectAltName")


def test_a_name_that_a_subject_has_no_room_for_is_among_the_names(store):
    long = f"{'a' * 60}.example.com"
    folder = store.make(Request("shop", [long]))
    assert f"DNS:{long}" in ask(folder, "-ext", "subjectAltName")


def test_one_that_ends_soon_is_followed_by_another(store, monkeypatch):
    monkeypatch.setattr(_certificates, "DAYS", _certificates.RENEW_DAYS - 1)
    request = Request("shop", DOMAINS)
    made = store.make(request)
    old = made.rename(made.with_name(made.name.replace("-20", "-19")))
    assert store.find(request) is None
    monkeypatch.setattr(_certificates, "DAYS", 825)
    assert store.make(request) == made
    assert store.find(request) == made
    assert list(store.unused({made})) == [old]


def test_files_are_put_down_as_they_are(store):
    request = Request("shop", DOMAINS, certificate="chain\n\n", key="key")
    assert store.find(request) is None
    folder = store.make(request)
    assert store.find(request) == folder
    assert (folder / "fullchain.pem").read_text() == "chain\n"
    assert (folder / "privkey.pem").read_text() == "key\n"
    assert modes(folder) == {folder.name: 0o700, "fullchain.pem": 0o600, "privkey.pem": 0o600}
    assert store.find(Request("shop", DOMAINS, certificate="chain", key="another")) is None


def test_what_an_authority_has_issued_is_used_as_soon_as_it_is_there(store):
    request = Request("shop", DOMAINS, acme=True)
    stand_in = store.make(request)
    assert store.find(request) == stand_in
    issued = issue(store)
    assert store.find(request) == issued
    (issued / "privkey.pem").unlink()
    assert store.find(request) == stand_in
    assert store.find(Request("shop", DOMAINS)) == stand_in


@pytest.mark.parametrize("settings", ["", "webroot_path = /var/www/html,\n"], ids=["killed run", "foreign"])
def test_what_certbot_does_not_renew_for_us_is_copied_until_an_authority_answers(store, settings):
    request = Request("shop", DOMAINS, acme=True)
    issued = issue(store)
    store.renewal("shop").write_text(settings)
    assert store.sites() == []
    files = {"shop": {"certificate": f"{issued}/fullchain.pem", "key": f"{issued}/privkey.pem"}}
    kept = Certificates(store, [request], {"tls/shop": str(issued)}).adopted(files)
    (link,) = kept.links().values()
    assert link.startswith(str(store.own / "shop"))
    assert (Path(link) / "fullchain.pem").read_text() == "issued\n"


def test_a_site_of_another_name_keeps_the_certificate_of_its_names(store):
    files = serve(store, Request("shop", DOMAINS))
    renamed = Request("store", DOMAINS[:1], acme=True)
    (link,) = Certificates(store, [renamed]).adopted(files).links().values()
    assert (Path(link) / "fullchain.pem").read_text() == Path(files["shop"]["certificate"]).read_text()
    other = Request("store", ["other.example.com"], acme=True)
    assert Certificates(store, [other]).adopted(files).links() == {}


def test_half_of_a_folder_is_made_anew(store):
    request = Request("shop", DOMAINS)
    folder = store.make(request)
    (folder / "privkey.pem").unlink()
    assert store.find(request) is None
    assert store.make(request) == folder
    assert store.find(request) == folder


def test_what_no_site_uses_is_named(store):
    used = store.make(Request("shop", DOMAINS))
    unused = store.make(Request("shop", DOMAINS[:1]))
    store.make(Request("blog", DOMAINS))
    assert list(store.unused({used})) == [store.own / "blog", unused]
    assert list(Store(store.root / "none").unused(set())) == []


def test_what_openssl_says_is_told(store, monkeypatch):
    monkeypatch.setattr(_certificates, "OPENSSL", "[req]\n")
    with pytest.raises(_certificates.CertificateError, match="No objects specified"):
        store.make(Request("shop", DOMAINS))
    assert list((store.own / "shop").iterdir()) == []
