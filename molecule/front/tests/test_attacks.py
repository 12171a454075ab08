"""What visitors get while somebody holds 1,000 connections; beside it, the server block of tutorials."""

from __future__ import annotations

import dataclasses
import re

import attacks
import harness
import pytest
from attacks import BODY, CONNECTIONS, HEADERS, KEPT, READ

LIMITS = {"connection_limit": 20, "rate_limit": {"rate": "20r/s", "burst": 40}}
# The status by which an attacker is turned away: a request is counted when its head has come.
TURNED_AWAY = {HEADERS: 408, BODY: 429, READ: 429}

TUTORIAL = "/var/tmp/tutorial"
TUTORIAL_PORT = 8081
TUTORIAL_BLOCK = f"""server {{
    listen {TUTORIAL_PORT};
    server_name alpha.test;

    location / {{
        include proxy_params;
        proxy_pass http://unix:/run/http.sock;
    }}
}}"""


@pytest.fixture(scope="module")
def attacker(client):
    """Who attacks."""
    return attacks.Attacker(client.host)


@pytest.fixture(scope="module")
def neighbour(client, tmp_path_factory):
    """Who asks from another address than the attacker's: the other host of the scenario."""
    (other,) = set(harness.host_names()) - {client.host.name, client.proxy.name}
    return dataclasses.replace(client, host=harness.Host(other, tmp_path_factory.mktemp("neighbour")))


@pytest.fixture(scope="module")
def without_limits(front):
    """The app with no limits on one address."""
    front.deploy(variables={"nginx_status": True}).succeeded()
    return front


@pytest.fixture(scope="module")
def with_limits(front):
    """The app with limits on one address."""
    front.deploy(variables={"nginx_status": True}, **LIMITS).succeeded()
    return front


@pytest.fixture(scope="module")
def tutorial(without_limits):
    """The same app as tutorials serve it: three sync workers and a plain server block.

    In an Nginx of its own, with Debian's nginx.conf: the collection's has more connections.
    """
    host, etc = without_limits.host, f"{TUTORIAL}/etc"
    host.sh(
        f"mkdir -p {TUTORIAL}/run {TUTORIAL}/log && chmod 777 {TUTORIAL}/run && cp -a /etc/nginx {etc}"
        f" && rm -rf {etc}/webstack* {etc}/conf.d/* {etc}/sites-enabled/*"
        f" && sed -i 's/worker_connections .*;/worker_connections 768;/' {etc}/nginx.conf"
    )
    packaged = host.sh(
        "dpkg-query -W -f '${Conffiles}' nginx-common | awk '$1 ~ /nginx.nginx.conf$/ {print $2}'"
    )
    assert host.sh(f"md5sum < {etc}/nginx.conf").split()[0] == packaged
    host.sh(f"cat > {etc}/sites-enabled/tutorial <<'END'\n{TUTORIAL_BLOCK}\nEND")
    gunicorn = host.sh("ls /srv/alpha/venvs/*/bin/gunicorn | head -n 1")
    host.sh(
        f"systemd-run --quiet --unit=tutorial-app --uid=alpha -p WorkingDirectory=/srv/alpha/current"
        f" {gunicorn} --workers 3 --umask 0 --bind unix:{TUTORIAL}/run/http.sock --no-control-socket web:app"
    )
    places = f"{etc}:/etc/nginx {TUTORIAL}/run:/run {TUTORIAL}/log:/var/log/nginx"
    host.sh(
        f"systemd-run --quiet --unit=tutorial-nginx -p BindPaths='{places}' /usr/sbin/nginx -g 'daemon off;'"
    )
    asking = f"curl -sf -o /dev/null -H 'Host: alpha.test' http://127.0.0.1:{TUTORIAL_PORT}/"
    host.sh(f'timeout 30 sh -c "until {asking}; do sleep 0.2; done"')
    yield
    host.sh(f"systemctl stop tutorial-nginx tutorial-app; rm -rf {TUTORIAL}")


@pytest.fixture
def others_get(attacker, front, rows):
    """Attack, and let somebody else ask meanwhile; return the answers, and the connections held at most."""

    def others_get(attack, visitor, what, port=80):
        count = attacks.established(port)
        with attacker.attacks(attack, port):
            asking = attacks.ask(visitor.host, visitor.command(port=port))
            held = attacks.most(
                front.host, count if port == TUTORIAL_PORT else attacks.in_state(attack.state)
            )
            answers = attacks.answers(asking)
        front.host.sh(f'timeout 40 bash -c "until [ \\$({count}) -lt 10 ]; do sleep 0.2; done"')
        in_time = len(answers) - len(late(answers))
        slowest = max(seconds for _, seconds in answers)
        host = re.sub(r".*-", "", front.host.name)
        rows.add(attacks.Row(host, what, attack.name, held, len(answers), in_time, slowest))
        return answers, held

    return others_get


def late(answers):
    """Return what is no answer within a second, of all that was asked for."""
    assert len(answers) == attacks.ASKED
    return [(status, seconds) for status, seconds in answers if status != 200 or seconds >= 1]


def turned_away(front, status):
    """Return how many requests of the site got a status."""
    return front.log().count(f'" {status} ')


@pytest.mark.parametrize("attack", [HEADERS, BODY, READ, KEPT], ids=lambda attack: attack.name)
@pytest.mark.usefixtures("without_limits")
def test_who_shares_the_attackers_address_is_served_without_limits(front, client, others_get, attack):
    refused = turned_away(front, 429)
    answers, held = others_get(attack, client, "webstack")
    assert late(answers) == []
    assert held >= 0.95 * CONNECTIONS
    assert turned_away(front, 429) == refused


@pytest.mark.parametrize("attack", [HEADERS, BODY, READ], ids=lambda attack: attack.name)
@pytest.mark.usefixtures("with_limits")
def test_who_has_another_address_is_served_and_the_attacker_turned_away(front, neighbour, others_get, attack):
    before = turned_away(front, TURNED_AWAY[attack])
    answers, _ = others_get(attack, neighbour, "webstack, limits")
    assert late(answers) == []
    assert turned_away(front, TURNED_AWAY[attack]) - before >= 0.9 * CONNECTIONS


@pytest.mark.parametrize("attack", [HEADERS, BODY, READ, KEPT], ids=lambda attack: attack.name)
@pytest.mark.usefixtures("tutorial")
def test_the_block_of_tutorials_is_attacked_for_comparison(client, others_get, attack):
    """What becomes of it is in the table; the test is that it was attacked at all."""
    answers, held = others_get(attack, client, "tutorial", TUTORIAL_PORT)
    assert len(answers) == attacks.ASKED
    assert held > 0
