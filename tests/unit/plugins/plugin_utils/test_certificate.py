"""Certificates with their keys, as Nginx is to get them, and those that must be refused."""

from __future__ import annotations

import datetime
import functools

import pki
import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _certificate
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from pki import DAY

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
SPAN = {"begins": NOW - DAY, "ends": NOW + 90 * DAY}
DOMAINS = ["shop.example.com", "www.shop.example.com"]


def make(subject="shop", issuer=None, **keys):
    return pki.make(*keys.pop("names", ()), **{"subject": subject, "issuer": issuer, **SPAN, **keys})


@functools.cache
def authorities():
    root = make("root", ends=NOW + 3650 * DAY)
    return root, make("middle", root, ends=NOW + 1000 * DAY)


def own(**keys):
    return make("shop", authorities()[1], **{"names": DOMAINS, **keys})


def judge(certificate, key, domains=DOMAINS):
    return [str(finding) for finding in _certificate.findings(certificate, key, domains, NOW)]


def judge_own(domains=DOMAINS, **keys):
    made = own(**keys)
    return judge(made.pem + authorities()[1].pem, made.key, domains)


@pytest.mark.parametrize(
    ("names", "domains"),
    [
        (DOMAINS, DOMAINS),
        (["*.example.com"], ["shop.example.com"]),
        (["SHOP.example.com"], ["Shop.Example.Com"]),
        (["*.example.com"], ["*.example.com"]),
        (DOMAINS, []),
    ],
)
def test_a_good_certificate_is_taken(names, domains):
    assert judge_own(domains, names=names) == []


def test_a_chain_is_taken_with_its_root_and_with_the_line_ends_of_windows():
    made, (root, middle) = own(), authorities()
    text = (made.pem + middle.pem + root.pem).replace("\n", "\r\n")
    assert judge(text, made.key.replace("\n", "\r\n")) == []


def test_the_parameters_before_an_ec_key_are_taken():
    made = own()
    traditional = made.private.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ).decode()
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert judge(made.pem, parameters + traditional) == []


def test_the_key_of_another_certificate_is_refused():
    assert judge(own().pem, own().key) == [
        "key: belongs to another certificate; write the key that this one was requested with"
    ]


def test_a_chain_that_starts_at_its_other_end_is_refused():
    made, (_root, middle) = own(), authorities()
    assert judge(middle.pem + made.pem, made.key) == [
        "certificate: names no host, not for shop.example.com, www.shop.example.com; have one issued for "
        "all domains of the app",
        "certificate: its certificate 2 did not issue certificate 1; write the server's own certificate "
        "first, then the one that issued it, and so on",
        "certificate: its certificate 2 is the one of the key; write the server's own certificate first, "
        "then the one that issued it, and so on",
    ]


def test_a_chain_of_another_authority_is_refused():
    made = own()
    assert judge(made.pem + make("middle").pem, made.key) == [
        "certificate: its certificate 2 did not issue certificate 1; write the server's own certificate "
        "first, then the one that issued it, and so on"
    ]


def test_a_chain_with_an_authority_that_has_ended_is_refused():
    middle = make("old", authorities()[0], ends=NOW - DAY, begins=NOW - 9 * DAY)
    made = make("shop", middle, names=DOMAINS)
    assert judge(made.pem + middle.pem, made.key) == [
        "certificate: its certificate 2 has ended on 2026-05-31; renew the chain"
    ]


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"begins": NOW - 9 * DAY, "ends": NOW}, "has ended on 2026-06-01 00:00 UTC; renew it"),
        (
            {"begins": NOW + DAY},
            "is not valid before 2026-06-02 00:00 UTC; take another until then",
        ),
        (
            {"names": ["shop.example.com", "*.org"]},
            "is for shop.example.com, *.org, not for www.shop.example.com; have one issued for all domains "
            "of the app",
        ),
        (
            {"names": ["*.example.com"]},
            "is for *.example.com, not for www.shop.example.com; have one issued for all domains of the app",
        ),
        (
            {"more": [x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])]},
            "is not for servers (extendedKeyUsage); have one issued for TLS servers",
        ),
        (
            {"key": rsa.generate_private_key(65537, 1024)},
            "its RSA key has 1024 bits, which OpenSSL refuses; take at least 2048",
        ),
    ],
)
def test_a_certificate_that_browsers_refuse_is_refused(keys, problem):
    assert judge_own(**keys) == [f"certificate: {problem}"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: "shop.pem", "is not a certificate in PEM; write it in PEM, which starts with -----BEGIN "),
        (
            lambda made: made.pem.replace("M", "!"),
            "its certificate 1 cannot be read; copy it from its source",
        ),
        (
            lambda made: made.pem + made.key,
            "holds a PRIVATE KEY; leave only certificates in it",
        ),
    ],
)
def test_what_is_no_certificate_is_refused(change, problem):
    made = own()
    (finding,) = judge(change(made), made.key)
    assert finding.startswith(f"certificate: {problem}")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda _: "", "is not a private key in PEM; write it in PEM, which starts with -----BEGIN "),
        (lambda made: made.pem, "holds CERTIFICATE; leave one private key in it"),
        (
            lambda made: made.encrypted_key("secret"),
            "is encrypted, and Nginx starts without anybody who knows its password; decrypt it with openssl "
            "pkey, and encrypt it by Ansible Vault instead",
        ),
        (lambda made: made.key + own().key, "holds PRIVATE KEY and PRIVATE KEY; leave one"),
        (lambda made: made.key.replace("M", "!"), "cannot be read as a private key; copy it from its"),
    ],
)
def test_what_is_no_key_is_refused_without_a_part_of_it(change, problem):
    made = own()
    (finding,) = judge(made.pem, change(made))
    assert finding.startswith(f"key: {problem}")
    assert made.key.splitlines()[1] not in finding
