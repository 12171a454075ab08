# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A certificate with its chain and key, judged as a browser and Nginx would, before Nginx gets them."""

from __future__ import annotations

import datetime
import itertools
import re
from collections.abc import Iterator, Sequence

from ansible_collections.webstack.python.plugins.module_utils._certificates import covers
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID

BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]+)-----\n.*?-----END \1-----", re.DOTALL)
CERTIFICATE = "CERTIFICATE"
RSA_LEAST = 2048  # bits; what Debian's OpenSSL takes at its default level of security
BROKEN_HASHES = ("md5", "sha1")
USE_CHAIN = "write the server's own certificate first, then the one that issued it, and so on"
USE_PEM = "write it in PEM, which starts with -----BEGIN"


def findings(certificate: str, key: str, domains: Sequence[str], now: datetime.datetime) -> Iterator[Finding]:
    """Yield all that is wrong with a certificate and its key, both in PEM.

    certificate: the server's own, then its chain. domains: the names that visitors ask for; none where
    a site answers every name. now: with a time zone. No finding holds a part of the key.
    """
    chain, problems = read_chain(certificate)
    yield from (Finding("certificate", problem) for problem in problems)
    private, problem = read_key(key)
    if problem:
        yield Finding("key", problem)
    if chain:
        yield from (Finding("certificate", problem) for problem in _of_chain(chain, domains, now))
    if chain and private:
        yield from _of_pair(chain, private)


def read_chain(text: str) -> tuple[list[x509.Certificate], list[str]]:
    """Return the certificates of a text in PEM, and what is wrong with the text."""
    blocks = list(BLOCK.finditer(text.replace("\r\n", "\n")))
    if not blocks:
        return [], [f"is not a certificate in PEM; {USE_PEM} CERTIFICATE-----"]
    others = sorted({block[1] for block in blocks if block[1] != CERTIFICATE})
    problems = [f"holds a {other}; leave only certificates in it" for other in others]
    chain = []
    for number, block in enumerate((block for block in blocks if block[1] == CERTIFICATE), 1):
        try:
            chain.append(x509.load_pem_x509_certificate(block[0].encode()))
        except ValueError:
            problems.append(f"its certificate {number} cannot be read; copy it from its source once more")
    return ([] if problems else chain), problems


def read_key(text: str) -> tuple[PrivateKeyTypes | None, str]:
    """Return the private key of a text in PEM, or what is wrong with it."""
    kinds = [block[1] for block in BLOCK.finditer(text.replace("\r\n", "\n"))]
    kinds = [kind for kind in kinds if kind != "EC PARAMETERS"]
    if not kinds:
        return None, f"is not a private key in PEM; {USE_PEM} PRIVATE KEY-----"
    if len(kinds) > 1 or "PRIVATE KEY" not in kinds[0]:
        return None, f"holds {' and '.join(kinds)}; leave one private key in it"
    try:
        return load_pem_private_key(text.encode(), password=None), ""
    except TypeError:
        return None, (
            "is encrypted, and Nginx starts without anybody who knows its password; decrypt it with "
            "openssl pkey, and encrypt it by Ansible Vault instead"
        )
    except ValueError:
        return None, "cannot be read as a private key; copy it from its source once more"


def begins(certificate: x509.Certificate) -> datetime.datetime:
    """Return when a certificate begins to be valid. cryptography tells the time zone from 42 on."""
    found = getattr(certificate, "not_valid_before_utc", None)
    return found or certificate.not_valid_before.replace(tzinfo=datetime.UTC)


def ends(certificate: x509.Certificate) -> datetime.datetime:
    """Return when a certificate ends."""
    found = getattr(certificate, "not_valid_after_utc", None)
    return found or certificate.not_valid_after.replace(tzinfo=datetime.UTC)


def names_of(certificate: x509.Certificate) -> list[str]:
    """Return the host names that a certificate is for, as browsers see it: none from its subject."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in names.get_values_for_type(x509.DNSName)]


def _of_chain(
    chain: Sequence[x509.Certificate], domains: Sequence[str], now: datetime.datetime
) -> Iterator[str]:
    own = chain[0]
    if ends(own) <= now:
        yield f"has ended on {ends(own):%Y-%m-%d %H:%M} UTC; renew it"
    elif begins(own) > now:
        yield f"is not valid before {begins(own):%Y-%m-%d %H:%M} UTC; take another until then"
    yield from _of_names(own, domains)
    if not _serves(own):
        yield "is not for servers (extendedKeyUsage); have one issued for TLS servers"
    for number, certificate in enumerate(chain):
        yield from _of_strength(certificate, number)
    for number, (below, above) in enumerate(itertools.pairwise(chain), 1):
        if not _issued(above, below):
            yield f"its certificate {number + 1} did not issue certificate {number}; {USE_CHAIN}"
        elif ends(above) <= now:
            ended = f"{ends(above):%Y-%m-%d}"
            yield f"its certificate {number + 1} has ended on {ended}; renew the chain"


def _of_names(own: x509.Certificate, domains: Sequence[str]) -> Iterator[str]:
    names = names_of(own)
    uncovered = [domain for domain in domains if not covers(names, domain)]
    if uncovered:
        found = f"is for {', '.join(names)}" if names else "names no host"
        yield f"{found}, not for {', '.join(uncovered)}; have one issued for all domains of the app"


def _of_strength(certificate: x509.Certificate, number: int) -> Iterator[str]:
    """Say what Debian's OpenSSL refuses; a self-signed root's own signature counts for nothing."""
    which = "its" if number == 0 else f"its certificate {number + 1}'s"
    public = certificate.public_key()
    if isinstance(public, rsa.RSAPublicKey) and public.key_size < RSA_LEAST:
        yield f"{which} RSA key has {public.key_size} bits, which OpenSSL refuses; take at least {RSA_LEAST}"
    used = certificate.signature_hash_algorithm
    if used and used.name in BROKEN_HASHES and certificate.issuer != certificate.subject:
        name = used.name.upper()
        yield f"{which} signature is made with {name}, which OpenSSL refuses; have a new one issued"


def _serves(own: x509.Certificate) -> bool:
    try:
        usage = own.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True
    return bool({ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE} & set(usage))


def _issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _of_pair(chain: Sequence[x509.Certificate], private: PrivateKeyTypes) -> Iterator[Finding]:
    public = _bytes(private.public_key())
    numbers = [number for number, own in enumerate(chain, 1) if _bytes(own.public_key()) == public]
    if not numbers:
        yield Finding("key", "belongs to another certificate; write the key that this one was requested with")
    elif numbers[0] > 1:
        problem = f"its certificate {numbers[0]} is the one of the key; {USE_CHAIN}"
        yield Finding("certificate", problem)


def _bytes(public: PublicKeyTypes) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
