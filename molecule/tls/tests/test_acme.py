"""Certificates of an ACME authority, from the first to the last."""

from __future__ import annotations

import pytest

BOTH = ("alpha.test", "www.alpha.test")
APPLIED = "/var/lib/webstack/nginx-applied"
LIVE = "/etc/letsencrypt/live/webstack-alpha"
LEFT = "ls /etc/letsencrypt/renewal /etc/letsencrypt/live /etc/letsencrypt/archive | grep webstack || true"
# What prepare.yml gives the authority that binds accounts.
BINDING_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(autouse=True)
def names_known(authority, host):
    """The DNS leads both names to the proxy."""
    authority.know(host, *BOTH)


def test_a_dry_run_asks_for_nothing(front):
    before = front.host.digest("/etc", "/var/lib/webstack")
    run = front.deploy("acme", *BOTH, options=("--check",)).succeeded()
    assert "acme | Have certificates issued" in str(run.changed)
    assert front.host.digest("/etc", "/var/lib/webstack") == before


def test_a_certificate_for_two_names_is_issued_and_trusted_from_outside(front, authority):
    front.deploy("acme", *BOTH).succeeded()
    for name in BOTH:
        assert '"text": "one"' in authority.visit(front.host, name)
    assert front.deploy("acme", *BOTH).succeeded().changed == []
    assert front.host.sh("systemctl is-active certbot.timer") == "active"


def test_plain_http_leads_to_https(front):
    answer = front.host.get("/some/path?with=query", options="-i")
    assert answer.startswith("HTTP/1.1 308")
    assert "Location: https://alpha.test/some/path?with=query" in answer


def test_browsers_are_told_to_come_by_https_alone(front, authority):
    head = authority.visit(front.host, "alpha.test", options="-I").lower()
    assert "strict-transport-security: max-age=63072000" in head.splitlines()
    assert head.startswith("http/2 200")


def test_an_unknown_name_gets_no_certificate(front, authority):
    with pytest.raises(AssertionError, match=r"unrecognized name|alert"):
        authority.visit(front.host, "nobody.test", options="-k")
    answer = authority.visit(front.host, "alpha.test", options="-i -H 'Host: nobody.test'")
    assert answer.startswith("HTTP/2 421")


def test_keys_are_readable_by_root_alone(front):
    readable = "find -L /etc/letsencrypt /var/lib/webstack /etc/nginx/webstack -name '*key*.pem' -type f"
    assert front.host.sh(f"{readable} | wc -l") != "0"
    assert front.host.sh(f"{readable} -not -user root -o -type f -name '*key*.pem' -perm /077") == ""


def test_a_renewal_swaps_the_certificate_without_a_failed_request(front, authority):
    host = front.host
    before = authority.shown(host, "alpha.test")
    with host.load(scheme="https", options="-disable-keepalive") as counted:
        host.sh("systemctl start certbot.service")
        assert authority.shown(host, "alpha.test") == before, "it was not due"
        host.sh(
            "REQUESTS_CA_BUNDLE=/var/lib/webstack/acme-roots.pem certbot renew --force-renewal"
            " --no-random-sleep-on-renew --cert-name webstack-alpha"
        )
        host.sh("sleep 1")
    assert authority.shown(host, "alpha.test") != before
    counted[0].without_failure(at_least=100)
    assert front.deploy("acme", *BOTH).succeeded().changed == []


def test_an_authority_that_is_down_costs_nothing_but_a_message(front, authority):
    before = authority.shown(front.host, "alpha.test")
    authority.know(front.host, "new.alpha.test")
    authority.close()
    run = front.deploy("acme", *BOTH, "new.alpha.test").refused()
    assert "Connection refused" in run.message
    assert run.report["plays"][-1]["play"]["name"] == "Say what an authority refused", (
        "what follows was left out"
    )
    assert authority.shown(front.host, "alpha.test") == before

    authority.open()
    front.deploy("acme", *BOTH, "new.alpha.test").succeeded()
    assert '"text": "one"' in authority.visit(front.host, "new.alpha.test")
    assert '"text": "one"' in authority.visit(front.host, "alpha.test")


def test_a_name_less_is_a_certificate_less(front):
    front.deploy("acme", *BOTH).succeeded()
    names = front.host.sh(f"openssl x509 -in {LIVE}/fullchain.pem -noout -ext subjectAltName")
    assert names.endswith("DNS:alpha.test, DNS:www.alpha.test")


@pytest.mark.parametrize(("kind", "algorithm"), [("rsa", "rsaEncryption"), ("ecdsa", "id-ecPublicKey")])
def test_another_kind_of_key_is_another_certificate(front, kind, algorithm):
    front.deploy("acme", *BOTH, nginx_acme_key_type=kind).succeeded()
    shown = front.host.sh(f"openssl x509 -in {LIVE}/fullchain.pem -noout -text")
    assert f"Public Key Algorithm: {algorithm}" in shown


def test_bad_nonces_are_told_and_mended_by_the_next_run(front, authority):
    before = authority.shown(front.host, "alpha.test")
    run = front.deploy("acme", *BOTH, nginx_acme_directory=authority.without_nonces).refused()
    assert "badNonce" in run.message
    assert authority.shown(front.host, "alpha.test") == before
    front.deploy("acme", *BOTH).succeeded()


def test_a_name_without_dns_costs_the_others_nothing(front, authority):
    authority.forget("lost.alpha.test")
    names = (*BOTH, "lost.alpha.test")
    run = front.deploy("acme", *names).refused()
    assert "lost.alpha.test" in run.message
    assert "could not resolve" in run.message
    for name in BOTH:
        assert '"text": "one"' in authority.visit(front.host, name)
    serial = authority.shown(front.host, "alpha.test")
    front.deploy("acme", *names).refused()
    assert authority.shown(front.host, "alpha.test") == serial, "it was asked for the same once more"

    authority.know(front.host, "lost.alpha.test")
    front.deploy("acme", *names).succeeded()
    assert '"text": "one"' in authority.visit(front.host, "lost.alpha.test")


def test_a_refusal_leaves_the_site_up_on_what_it_had(front, authority):
    before = authority.shown(front.host, "alpha.test")
    run = front.deploy("acme", *BOTH, "forbidden.test").refused()
    assert "forbidden by policy" in run.message
    assert authority.shown(front.host, "alpha.test") == before
    front.deploy("acme", *BOTH).succeeded()


def test_an_account_is_bound_to_another_one(front, authority):
    variables = {"nginx_acme_directory": authority.with_binding}
    assert "xternal" in front.deploy("acme", *BOTH, **variables).refused().message
    before = authority.shown(front.host, "alpha.test")
    variables.update(nginx_acme_eab_kid="kid-1", nginx_acme_eab_hmac_key=BINDING_KEY)
    run = front.deploy("acme", *BOTH, options=("-vvv", "--diff"), **variables).succeeded()
    assert BINDING_KEY not in run.text
    assert front.host.sh(f"grep -rl {BINDING_KEY} /etc /var /tmp || true") == ""
    assert authority.shown(front.host, "alpha.test") != before
    front.deploy("acme", *BOTH).succeeded()


def test_what_a_killed_run_left_costs_no_visitor_the_certificate(front, authority):
    before = authority.shown(front.host, "alpha.test")
    front.host.sh(": > /etc/letsencrypt/renewal/webstack-alpha.conf")
    authority.close()
    front.deploy("acme", *BOTH).refused()
    assert authority.shown(front.host, "alpha.test") == before
    front.host.sh("nginx -t -q")

    authority.open()
    front.deploy("acme", *BOTH).succeeded()
    assert '"text": "one"' in authority.visit(front.host, "alpha.test")
    assert front.deploy("acme", *BOTH).succeeded().changed == []


def test_an_app_that_is_renamed_keeps_the_certificate_until_it_has_its_own(front, authority):
    before = authority.shown(front.host, "alpha.test")
    apps = [{**front.entry("acme", BOTH), "name": "beta"}, {"name": "alpha", "state": "absent"}]
    authority.close()
    front.host.deploy(apps, **authority.variables()).refused()
    assert authority.shown(front.host, "alpha.test") == before

    authority.open()
    front.host.deploy(apps, **authority.variables()).succeeded()
    assert authority.shown(front.host, "alpha.test") != before
    assert '"text": "one"' in authority.visit(front.host, "alpha.test")
    assert front.host.sh(LEFT).split() == ["webstack-beta", "webstack-beta", "webstack-beta.conf"]
    apps = [front.entry("acme", BOTH), {"name": "beta", "state": "absent"}]
    front.host.deploy(apps, **authority.variables()).succeeded()


def test_status_shows_the_certificate_and_a_renewal_that_failed(front, authority):
    host, renewal = front.host, "/etc/letsencrypt/renewal/webstack-alpha.conf"
    shown = front.status()
    assert (shown["kind"], shown["names"], shown["notes"]) == ("acme", list(BOTH), [])
    assert "Pebble" in shown["issuer"]

    host.sh(f"cp {renewal} /root; sed -i '1i renew_before_expiry = 3650 days' {renewal}")
    authority.close()
    assert host.ti.run("systemctl start certbot.service").rc != 0
    assert front.status()["notes"] == ["renewals on this host failed: journalctl -u certbot.service"]
    assert "Connection refused" in host.sh("journalctl -u certbot.service --no-pager")
    assert '"text": "one"' in authority.visit(host, "alpha.test")

    authority.open()
    host.sh("systemctl start certbot.service")
    assert front.status()["notes"] == []
    host.sh(f"grep -v renew_before_expiry {renewal} > /root/renewal; mv /root/renewal {renewal}")


def test_without_the_app_no_certificate_is_renewed(front):
    front.remove().succeeded()
    assert front.host.sh(LEFT) == ""
    front.deploy("acme", *BOTH).succeeded()
    assert front.host.sh(LEFT) != ""


def test_without_a_site_no_certificate_is_renewed(front):
    front.deploy("off").succeeded()
    assert front.host.sh(LEFT) == ""
    assert front.host.sh("find /var/lib/webstack/* /etc/letsencrypt/renewal-hooks -type f") == APPLIED
    assert front.deploy("off").succeeded().changed == []
