"""A live site changes how it is served, and nobody who asks for it notices."""

from __future__ import annotations

import datetime
import itertools

import pki
import pytest

NAME = "alpha.test"
OWN = pki.make(NAME)
MODES = ("off", "self_signed", "acme", "files", "on_host")
# Each mode after each other one, in one round.
ROUND = [mode for pair in itertools.combinations(MODES, 2) for mode in pair] + ["off"]


@pytest.fixture(scope="module")
def switch(front):
    """Serve the site in a mode, unless it is the one that was switched to last."""
    values = {"files": OWN.tls, "on_host": front.put(OWN)}
    modes = []

    def switch(mode, *, again=False):
        if mode in modes[-1:] and not again:
            return None
        modes.append(mode)
        return front.deploy(values.get(mode, mode)).succeeded()

    return switch


@pytest.fixture(autouse=True)
def name_known(authority, host):
    """The name leads to the proxy, for the authority and for the proxy itself."""
    authority.know(host, NAME)
    host.sh(f"grep -q {NAME} /etc/hosts || echo 127.0.0.1 {NAME} >> /etc/hosts")


def test_the_round_has_each_change():
    assert set(itertools.pairwise(ROUND)) == set(itertools.permutations(MODES, 2))


@pytest.mark.parametrize(("before", "after"), list(itertools.pairwise(ROUND)))
def test_a_change_of_mode_costs_no_request(front, switch, before, after):
    host = front.host
    switch(before)
    # hey follows the redirects that it gets, and takes every certificate.
    with host.load(options="-disable-keepalive", where=NAME) as counted:
        assert switch(after).changed
    counted[0].without_failure(at_least=100)
    if before == "off":
        assert switch(after, again=True).changed == []
    listening = host.sh("ss -Hlnt 'sport = :443' | wc -l")
    assert (listening == "0") == (after == "off")


def test_a_trusted_certificate_stays_until_an_authority_has_issued_another(front, authority):
    front.deploy(OWN.tls).succeeded()
    before = authority.shown(front.host, NAME)
    authority.close()
    front.deploy("acme").refused()
    assert authority.shown(front.host, NAME) == before
    authority.open()
    front.deploy("acme").succeeded()
    assert '"text": "one"' in authority.visit(front.host, NAME)


def test_a_site_goes_on_without_tls_until_an_authority_has_issued_its_first_certificate(front, authority):
    front.deploy("off").succeeded()
    authority.close()
    for _ in range(2):
        run = front.deploy("acme").refused()
        assert front.host.answer()["text"] == "one"
    assert run.changed == []
    authority.open()
    front.deploy("acme").succeeded()
    assert front.host.get(options="-i").startswith("HTTP/1.1 308")


def test_files_of_ones_own_are_shown_and_their_key_is_told_to_nobody(front):
    run = front.deploy(OWN.tls, options=("-vvv", "--diff")).succeeded()
    secret = OWN.key.splitlines()[1]
    assert secret not in run.text
    shown = front.host.sh("openssl x509 -in /etc/nginx/webstack/tls/alpha/fullchain.pem")
    assert shown == OWN.pem.strip()
    assert secret in front.host.sh("cat /etc/nginx/webstack/tls/alpha/privkey.pem")
    readable = front.host.sh("find /var/lib/webstack/tls -perm /077")
    assert readable == ""


def test_another_certificate_takes_the_place_of_the_first(front, authority):
    host = front.host
    front.deploy(OWN.tls).succeeded()
    before = authority.shown(host, NAME)
    with host.load(options="-disable-keepalive", where=NAME) as counted:
        front.deploy(pki.make(NAME).tls).succeeded()
    counted[0].without_failure(at_least=100)
    assert authority.shown(host, NAME) != before
    assert len(host.sh("ls /var/lib/webstack/tls/alpha").splitlines()) == 1


def test_files_that_are_on_the_host_are_used_where_they_are(front, authority):
    tls = front.put(pki.make(NAME))
    front.deploy(tls).succeeded()
    own = front.host.sh(f"openssl x509 -in {tls['certificate']} -noout -fingerprint -sha256")
    assert authority.shown(front.host, NAME) == own
    assert front.host.sh("ls /var/lib/webstack/tls") == ""


def test_status_warns_of_files_that_end_soon(front):
    soon = datetime.datetime.now(datetime.UTC) + 10 * pki.DAY
    front.deploy(pki.make(NAME, ends=soon).tls).succeeded()
    shown = front.status()
    assert (shown["kind"], shown["days"], shown["notes"]) == ("files", 9, ["ends soon"])
