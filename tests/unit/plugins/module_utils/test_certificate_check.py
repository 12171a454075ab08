"""Certificates that are on a host already; openssl is the real one."""

from __future__ import annotations

import datetime

import pki
import pytest
from ansible_collections.webstack.python.plugins.module_utils import _certificate_check
from ansible_collections.webstack.python.plugins.module_utils._certificate_check import Files
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID

DOMAINS = ["shop.example.com", "www.shop.example.com"]
LABEL = "nginx_sites[0] (shop): tls"


def make(folder, name, domains=DOMAINS, **keys):
    return Files(LABEL, *pki.make(*domains, **keys).write(folder, name), DOMAINS)


@pytest.mark.parametrize("domains", [DOMAINS, ["*.shop.example.com", "shop.example.com"]])
def test_good_files_are_taken(tmp_path, domains):
    assert make(tmp_path, "shop", domains).findings() == []


def test_files_that_are_not_there_are_named(tmp_path):
    files = Files(LABEL, tmp_path / "a.pem", tmp_path / "a.key", DOMAINS)
    assert files.findings() == [
        f"{LABEL}.certificate: there is no file {tmp_path}/a.pem on this host; put it there, or name another",
        f"{LABEL}.key: there is no file {tmp_path}/a.key on this host; put it there, or name another",
    ]


def test_a_key_that_others_can_read_is_refused(tmp_path):
    files = make(tmp_path, "shop")
    files.key.chmod(0o644)
    (finding,) = files.findings()
    assert finding == (
        f"{LABEL}.key: {files.key} can be read by others than its owner; take that right away (chmod 600)"
    )


@pytest.mark.parametrize("other", [None, rsa.generate_private_key(65537, 2048)], ids=["like it", "RSA"])
def test_the_key_of_another_certificate_is_refused(tmp_path, other):
    files = make(tmp_path, "shop")
    make(tmp_path, "other", key=other).key.rename(files.key)
    assert files.findings() == [
        f"{LABEL}.key: {files.key} belongs to another certificate; name the key of this one"
    ]


def test_an_encrypted_key_is_refused(tmp_path):
    files = make(tmp_path, "shop")
    files.key.write_text(pki.make().encrypted_key("secret"))
    (finding,) = files.findings()
    assert finding.startswith(f"{LABEL}.key: {files.key} is encrypted; decrypt it with openssl pkey")


def test_what_is_no_certificate_is_refused(tmp_path):
    files = make(tmp_path, "shop")
    files.certificate.write_text("nothing")
    (finding,) = files.findings()
    assert finding.startswith(f"{LABEL}.certificate: OpenSSL cannot load it with its key: ")


def test_one_that_has_ended_or_is_for_other_names_is_refused(tmp_path):
    ended = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=1)
    files = make(tmp_path, "shop", DOMAINS[:1], ends=ended)
    assert files.findings() == [
        f"{LABEL}.certificate: {files.certificate} has ended; renew it",
        f"{LABEL}.certificate: {files.certificate} is for shop.example.com, not for www.shop.example.com; "
        "have one issued for all domains",
    ]
    (finding,) = make(tmp_path, "none", []).findings()
    assert "names no host" in finding


def test_a_key_of_another_user_is_refused(tmp_path, monkeypatch):
    files = make(tmp_path, "shop")
    monkeypatch.setattr(_certificate_check.os, "geteuid", lambda: 12345)
    (finding,) = files.findings()
    assert finding.startswith(f"{LABEL}.key: {files.key} does not belong to root")


def test_one_that_is_not_valid_yet_or_not_for_servers_is_refused(tmp_path):
    tomorrow = datetime.datetime.now(datetime.UTC) + pki.DAY
    client = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
    files = make(tmp_path, "shop", begins=tomorrow, more=[client])
    assert files.findings() == [
        f"{LABEL}.certificate: {files.certificate} is not valid yet; take another until then",
        f"{LABEL}.certificate: {files.certificate} is not for servers; have one issued for TLS servers",
    ]


def test_a_chain_is_in_the_order_in_which_its_certificates_were_issued(tmp_path):
    root = pki.make_root()
    middle = pki.make(subject="middle", issuer=root)
    files = make(tmp_path, "shop", issuer=middle)
    own = files.certificate.read_text()
    files.certificate.write_text(own + middle.pem + root.pem)
    assert files.findings() == []
    files.certificate.write_text(own + root.pem)
    (finding,) = files.findings()
    assert "its certificate 2 did not issue certificate 1" in finding
