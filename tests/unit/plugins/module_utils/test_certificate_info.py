"""What is known of the certificates that nginx shows; openssl is the real one."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _certificate_info
from ansible_collections.webstack.python.plugins.module_utils._certificates import Request, Store

SITE = (
    "server {{\n    listen 443 ssl;\n    ssl_certificate {folder}/fullchain.pem;\n"
    "    ssl_certificate_key {folder}/privkey.pem;\n"
    "    include /etc/nginx/webstack/include/tls.conf;\n{more}}}\n"
)
CHALLENGE = "    location ^~ /.well-known/acme-challenge/ {\n    }\n"


@pytest.fixture
def store(tmp_path, monkeypatch):
    result = {"Result": "success", "ActiveState": "active"}
    monkeypatch.setattr(_certificate_info._systemd, "show", lambda *_: result)
    return Store(tmp_path)


def serve(store, site, folder, more=""):
    config = store.root / "etc/nginx/webstack/sites" / f"{site}.conf"
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(SITE.format(folder=f"/{folder.relative_to(store.root)}", more=more))


def issue(store, site):
    made = store.make(Request(site, ["shop.example.com"]))
    folder = store.issued(site)
    folder.parent.mkdir(parents=True, exist_ok=True)
    store.renewal(site).parent.mkdir(exist_ok=True)
    store.renewal(site).write_text(f"webroot_path = {store.webroot},\n")
    return made.rename(folder)


def test_names_issuer_and_dates_are_told(store):
    serve(store, "shop", store.make(Request("shop", ["shop.example.com", "www.shop.example.com"])))
    (found,) = _certificate_info.shown(store.root)
    assert (found.site, found.kind, found.trouble) == ("shop", "self_signed", "")
    assert found.names == ("shop.example.com", "www.shop.example.com")
    assert found.issuer == "CN = shop.example.com"
    begins, ends = (datetime.datetime.fromisoformat(text) for text in (found.begins, found.ends))
    assert (ends - begins).days == 825
    assert abs(datetime.datetime.now(datetime.UTC) - begins) < datetime.timedelta(minutes=1)


def test_kinds_are_told_apart(store):
    made = store.make(Request("made", ["a.org"]))
    own = store.make(Request("own", ["a.org"], certificate=(made / "fullchain.pem").read_text(), key="key"))
    serve(store, "made", made)
    serve(store, "own", own)
    serve(store, "issued", issue(store, "issued"), CHALLENGE)
    serve(store, "kept", own, CHALLENGE)
    serve(store, "waiting", store.make(Request("waiting", ["a.org"])), CHALLENGE)
    (store.root / "etc/nginx/webstack/sites/plain.conf").write_text("server {\n}\n")
    kinds = {found.site: found.kind for found in _certificate_info.shown(store.root)}
    assert kinds == {
        "kept": "stand-in",
        "made": "self_signed",
        "own": "files",
        "issued": "acme",
        "waiting": "stand-in",
    }


def test_a_renewal_that_failed_is_told_of_what_is_renewed_alone(store, monkeypatch):
    serve(store, "issued", issue(store, "issued"), CHALLENGE)
    serve(store, "made", store.make(Request("made", ["a.org"])))
    monkeypatch.setattr(
        _certificate_info._systemd, "show", lambda *_: {"Result": "exit-code", "ActiveState": "active"}
    )
    troubles = {found.site: found.trouble for found in _certificate_info.shown(store.root)}
    assert troubles == {
        "issued": "renewals on this host failed: journalctl -u certbot.service",
        "made": "",
    }


def test_nothing_renews_without_the_timer(store, monkeypatch):
    serve(store, "issued", issue(store, "issued"), CHALLENGE)
    shown = {"Result": "success", "ActiveState": "inactive"}
    monkeypatch.setattr(_certificate_info._systemd, "show", lambda *_: shown)
    (found,) = _certificate_info.shown(store.root)
    assert found.trouble == "nothing renews on this host: certbot.timer does not run; run site.yml again"


def test_names_of_the_site_that_a_certificate_is_not_for_are_told(store):
    folder = store.make(Request("shop", ["shop.example.com"]))
    serve(store, "shop", folder, "    server_name shop.example.com www.shop.example.com;\n")
    (found,) = _certificate_info.shown(store.root)
    assert found.lacking == ("www.shop.example.com",)
    serve(store, "shop", folder, "    server_name _;\n")
    (found,) = _certificate_info.shown(store.root)
    assert found.lacking == ()


def test_a_renewal_that_nginx_has_not_read_is_told(store):
    folder = issue(store, "issued")
    serve(store, "issued", folder, CHALLENGE)
    renewed = (folder / "fullchain.pem").stat().st_mtime
    for since, trouble in {
        renewed + 60: "",
        renewed - 60: "nginx shows an earlier one: see nginx -t, then run site.yml again",
        0: "",
    }.items():
        (found,) = _certificate_info.shown(store.root, since)
        assert found.trouble == trouble


def test_what_cannot_be_read_is_named(store):
    folder = store.make(Request("shop", ["a.org"]))
    serve(store, "shop", folder)
    (folder / "fullchain.pem").write_text("")
    (found,) = _certificate_info.shown(store.root)
    assert found.trouble == f"{folder}/fullchain.pem cannot be read as a certificate"


def test_a_host_without_sites_has_none(store):
    assert _certificate_info.shown(store.root) == []


def test_sites_that_are_served_by_tls_are_named_with_their_files(store):
    serve(store, "shop", store.own / "shop/1")
    (store.root / _certificate_info.SITES / "plain.conf").write_text("server { listen 80; }\n")
    files = {
        "certificate": "/var/lib/webstack/tls/shop/1/fullchain.pem",
        "key": "/var/lib/webstack/tls/shop/1/privkey.pem",
    }
    assert _certificate_info.by_tls(store.root) == {}, "the files are not there"
    made = store.make(Request("shop", ["a.org"]))
    made.rename(made.parent / "1")
    assert _certificate_info.by_tls(store.root) == {"shop": {**files, "redirected": False}}
    serve(store, "shop", store.own / "shop/1", "    return 308 https://$host$request_uri;\n")
    assert _certificate_info.by_tls(store.root) == {"shop": {**files, "redirected": True}}
    config = store.root / _certificate_info.SITES / "shop.conf"
    config.write_text(config.read_text().replace("include", "# include"))
    assert _certificate_info.by_tls(store.root) == {}, "it is of the site's raw directives"
