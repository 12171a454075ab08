"""What testssl.sh finds of severity MEDIUM or above, from another host: what has a reason alone."""

from __future__ import annotations

import json

import pki
import pytest
from cryptography import x509

NAME = "alpha.test"
CRL = x509.DistributionPoint([x509.UniformResourceIdentifier("http://ca.test/crl")], None, None, None)
ROOT = pki.make_root()
OWN = pki.make(NAME, issuer=ROOT, more=[x509.CRLDistributionPoints([CRL])])
SEVERE = {"MEDIUM", "HIGH", "CRITICAL"}
ON_ANY = {
    "BREACH": "pages are compressed, as visitors expect; an app masks the secrets that it repeats",
}
EXPECTED = {
    "intermediate": {
        **ON_ANY,
        "cipher_order": "Mozilla's six suites are all good, and clients know which they are fast with",
    },
    "modern": ON_ANY,
}


@pytest.mark.parametrize("profile", EXPECTED)
def test_testssl_finds_nothing(front, authority, profile):
    front.deploy(OWN.tls, nginx_tls_profile=profile).succeeded()
    found, root = "/tmp/testssl.json", "/tmp/root.pem"
    authority.host.sh(f"cat > {root} <<'END'\n{ROOT.pem}END")
    authority.host.sh(
        f"rm -f {found}; testssl --quiet --color 0 --warnings batch --severity MEDIUM --jsonfile {found}"
        f" --add-ca {root} --ip {authority.address(front.host)} {NAME}:443 || test -s {found}"
    )
    findings = json.loads(authority.host.sh(f"cat {found}"))
    severe = {entry["id"]: entry["finding"] for entry in findings if entry["severity"] in SEVERE}
    assert set(severe) == set(EXPECTED[profile]), severe


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_a_visitor_who_comes_again_needs_no_whole_handshake(front, authority, version):
    front.deploy(OWN.tls).succeeded()
    connect = (
        f"-connect {authority.address(front.host)}:443 -servername {NAME} -tls{version.replace('.', '_')}"
    )
    # A ticket of TLS 1.3 comes with the answer.
    visit = f"printf 'HEAD / HTTP/1.0\\r\\nHost: {NAME}\\r\\n\\r\\n' | openssl s_client -ign_eof {connect}"
    first = authority.host.sh(f"{visit} -sess_out /tmp/session 2>/dev/null")
    again = authority.host.sh(f"{visit} -sess_in /tmp/session 2>/dev/null")
    assert "\nNew, TLSv1" in first
    assert f"\nReused, TLSv{version}" in again
