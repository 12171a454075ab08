"""Wrong settings are refused before the first change, with the entry, the key and the remedy."""

from __future__ import annotations

import datetime
from typing import Any

import pki
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

NAME = "alpha.test"
NOW = datetime.datetime.now(datetime.UTC)
ROOT = pki.make_root()
MIDDLE = pki.make(subject="middle", issuer=ROOT)
OWN = pki.make(NAME, issuer=MIDDLE)
CLIENT = pki.make(NAME, more=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])
MEASURED = ("/etc", "/srv", "/var/lib/webstack")

ENTRY = "python_apps[0] (alpha): nginx.tls"
FILES: dict[str, tuple[object, str, str]] = {
    "mode": ("letsencrypt", ": 'letsencrypt' is not known", "write off, self_signed, acme"),
    "no key": ({"certificate": OWN.pem}, ": key is missing", "name a file on the controller"),
    "unknown part": ({**OWN.tls, "chain": "x"}, ": chain: unknown key", "the known ones are certificate"),
    "no such file": (
        {"certificate": "no.pem", "key": OWN.key},
        ".certificate: there is no file",
        "name a file on the controller",
    ),
    "a folder": ({"certificate": OWN.pem, "key": "/etc"}, ".key: /etc cannot be read", "permissions"),
    "other key": ({**OWN.tls, "key": ROOT.key}, ".key: belongs to another certificate", "write the key that"),
    "encrypted key": (
        {**OWN.tls, "key": OWN.encrypted_key("secret")},
        ".key: is encrypted",
        "decrypt it with openssl pkey",
    ),
    "no key in it": ({**OWN.tls, "key": OWN.pem}, ".key: holds CERTIFICATE", "leave one private key"),
    "key beside it": (
        {**OWN.tls, "certificate": OWN.pem + OWN.key},
        ".certificate: holds a PRIVATE",
        "leave",
    ),
    "ended": (pki.make(NAME, ends=NOW).tls, ".certificate: has ended on", "renew it"),
    "not yet": (
        pki.make(NAME, begins=NOW + pki.DAY).tls,
        ".certificate: is not valid before",
        "take another",
    ),
    "other name": (pki.make("other.test").tls, ".certificate: is for other.test, not for alpha.test", "have"),
    "for clients": (CLIENT.tls, ".certificate: is not for servers", "have one issued for TLS servers"),
    "short key": (
        pki.make(NAME, key=rsa.generate_private_key(65537, 1024)).tls,
        ".certificate: its RSA key has 1024 bits",
        "take at least 2048",
    ),
    "wrong order": (
        {"certificate": MIDDLE.pem + OWN.pem, "key": OWN.key},
        ".certificate: its certificate 2 is the one of the key",
        "write the server's own certificate first",
    ),
    "other chain": (
        {"certificate": OWN.pem + ROOT.pem, "key": OWN.key},
        ".certificate: its certificate 2 did not issue certificate 1",
        "write the server's own certificate first",
    ),
    "relative path on the host": (
        {"certificate": "own.pem", "key": "/etc/own.key", "on_host": True},
        ": certificate: 'own.pem' is not an absolute path",
        "write an absolute path",
    ),
}
VARIABLES: dict[str, tuple[dict[str, Any], str, str]] = {
    "directory": (
        {"nginx_acme_directory": "pebble"},
        "nginx_acme_directory: 'pebble' is not an",
        "write the",
    ),
    "directory without TLS": (
        {"nginx_acme_directory": "http://ca.test/dir"},
        "nginx_acme_directory: 'http://ca.test/dir' is not an https URL",
        "write the https URL",
    ),
    "address": (
        {"nginx_acme_email": "ops"},
        "nginx_acme_email: 'ops' is not an address",
        "write one address",
    ),
    "half a binding": (
        {"nginx_acme_eab_kid": "kid-1"},
        "nginx_acme_eab_kid: is set without nginx_acme_eab_hmac_key",
        "write both as the authority gave them",
    ),
    "binding's key": (
        {"nginx_acme_eab_kid": "kid-1", "nginx_acme_eab_hmac_key": "no base64!"},
        "nginx_acme_eab_hmac_key: is not in base64url",
        "write it as the authority gave it",
    ),
    "root": (
        {"nginx_acme_root": "/etc/root.pem"},
        "nginx_acme_root: is not a certificate in PEM",
        "write it",
    ),
    "kind of key": ({"nginx_acme_key_type": "dsa"}, "nginx_acme_key_type: 'dsa'", "ecdsa"),
    "profile": ({"nginx_tls_profile": "old"}, "nginx_tls_profile: 'old'", "intermediate"),
    "default": ({"nginx_tls": "letsencrypt"}, "nginx_tls: 'letsencrypt'", "self_signed"),
    "age": ({"nginx_hsts_max_age": -1}, "nginx_hsts_max_age: ", "write a whole number from 0"),
    "port": ({"nginx_listen_tls": ["99999"]}, "nginx_listen_tls", "write"),
}
ON_HOST: dict[str, tuple[str, str, str]] = {
    "not there": ("rm -f /root/own.pem", ".certificate: there is no file /root/own.pem", "put it there"),
    "readable by all": ("chmod 644 /root/own.key", ".key: /root/own.key can be read by others", "chmod 600"),
    "other key": (
        "umask 077; openssl genpkey -algorithm ed25519 -out /root/own.key",
        ".key: /root/own.key belongs to another certificate",
        "name the key of this one",
    ),
}


@pytest.fixture
def refuse(front):
    """Run site.yml, and return the line that says why it is refused; asserts that nothing changed."""

    def refuse(tls, finding, remedy, **keys):
        before = front.host.digest(*MEASURED)
        message = front.deploy(tls, NAME, **keys).refused().message
        assert front.host.digest(*MEASURED) == before
        lines = [line for line in message.splitlines() if finding in line]
        assert lines, message
        assert remedy in lines[0]
        return message

    return refuse


@pytest.mark.parametrize("kind", FILES)
def test_a_wrong_entry_is_refused(refuse, kind):
    tls, finding, remedy = FILES[kind]
    message = refuse(tls, ENTRY + finding, remedy)
    assert OWN.key.splitlines()[1] not in message


def test_a_certificate_that_is_no_text_is_refused(refuse, tmp_path):
    path = tmp_path / "own.der"
    path.write_bytes(OWN.certificate.public_bytes(Encoding.DER))
    refuse(
        {"certificate": str(path), "key": OWN.key}, f"{ENTRY}.certificate: {path} is not in PEM", "convert it"
    )


def test_a_file_that_vault_has_encrypted_is_refused_with_the_way_to_read_it(refuse, tmp_path):
    path = tmp_path / "own.key"
    path.write_text("$ANSIBLE_VAULT;1.1;AES256\n6330\n")
    refuse(
        {"certificate": OWN.pem, "key": str(path)}, f"{ENTRY}.key: {path} is encrypted by Ansible", "lookup("
    )


@pytest.mark.parametrize(
    ("domains", "finding"),
    [([], "acme needs names"), (["*.alpha.test"], "which *.alpha.test cannot be")],
    ids=["no name", "wildcard"],
)
def test_a_name_that_an_authority_cannot_prove_is_refused(front, domains, finding):
    before = front.host.digest(*MEASURED)
    message = front.host.deploy([front.entry("acme", domains)]).refused().message
    assert front.host.digest(*MEASURED) == before
    assert f"{ENTRY}: acme" in message
    assert finding in message
    assert "write" in message


@pytest.mark.parametrize("kind", VARIABLES)
def test_a_wrong_variable_is_refused(refuse, kind):
    variables, finding, remedy = VARIABLES[kind]
    refuse("acme", finding, remedy, **variables)


@pytest.mark.parametrize("kind", ON_HOST)
def test_wrong_files_of_the_host_are_refused(front, refuse, kind):
    spoil, finding, remedy = ON_HOST[kind]
    tls = front.put(pki.make(NAME))
    front.host.sh(spoil)
    refuse(tls, f"alpha: tls{finding}", remedy)
