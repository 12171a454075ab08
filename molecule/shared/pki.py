"""Certificates as tests want them: good ones, and those that must be refused."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

DAY = datetime.timedelta(days=1)
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Pair:
    """A certificate and its private key."""

    certificate: x509.Certificate
    private: PrivateKey

    @property
    def pem(self) -> str:
        """The certificate's text."""
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key(self) -> str:
        """The key's text."""
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    def encrypted_key(self, password: str) -> str:
        """Return the key's text as it is of no use without a password."""
        encryption = BestAvailableEncryption(password.encode())
        return self.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()

    @property
    def tls(self) -> dict[str, str]:
        """What a manifest says of it."""
        return {"certificate": self.pem, "key": self.key}

    def write(self, folder: Path, name: str) -> tuple[Path, Path]:
        """Write both to <name>.pem and <name>.key, and return their paths."""
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_text(self.pem)
        key.touch(0o600)
        key.write_text(self.key)
        return certificate, key


def make(
    *names: str,
    subject: str = "test",
    issuer: Pair | None = None,
    begins: datetime.datetime | None = None,
    ends: datetime.datetime | None = None,
    key: PrivateKey | None = None,
    more: Sequence[x509.ExtensionType] = (),
) -> Pair:
    """Make a certificate.

    names: host names and addresses that it is for. issuer: itself by default. begins, ends: a day ago and
    in 90 days by default. more: further extensions.
    """
    key = key or ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    own = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(own)
        .issuer_name(issuer.certificate.subject if issuer else own)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins or now - DAY)
        .not_valid_after(ends or now + 90 * DAY)
    )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([_name(name) for name in names]), critical=False
        )
    for extension in more:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    return Pair(builder.sign(issuer.private if issuer else key, hashes.SHA256()), key)


def make_root(*names: str, subject: str = "root") -> Pair:
    """Make a certificate that clients can trust as an authority's, and that serves these names itself."""
    authority = x509.BasicConstraints(ca=True, path_length=None)
    return make(*names, subject=subject, more=[authority])


def _name(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)
