"""Nginx's unit, its sizes, and what others have put beside the collection's files."""

from __future__ import annotations

import re

import pytest

MAIN = "/etc/nginx/nginx.conf"
FOREIGN = "/etc/nginx/sites-enabled/foreign"
SERVER = "server { listen 8088; return 200 foreign; }"
MASTER = "$(systemctl show -P MainPID nginx)"
LOG = "/var/log/nginx/alpha.access.log"
# A log that Nginx writes outside of its sandbox.
OWN_LOG = "/srv/logs/access.log"
EXTRA = f"access_log {OWN_LOG};"


def exposure(host):
    table = host.sh("systemd-analyze security --no-pager nginx.service")
    return float(re.search(r"exposure level for .*: (\d+\.\d+)", table)[1])


def confined(host):
    """Tell whether the running master can gain no privileges, as in the sandbox."""
    return host.sh(f"grep NoNewPrivs /proc/{MASTER}/status").endswith("1")


def connections(host):
    return host.sh(f"sed -n 's/.*worker_connections \\(.*\\);/\\1/p' {MAIN}")


def warnings(run):
    return run.text.count("systemctl restart nginx")


@pytest.fixture(scope="module")
def plain(front):
    """The app with default keys, and a site of somebody else."""
    front.host.sh(f"mkdir -p /srv/logs /etc/nginx/sites-enabled; echo '{SERVER}' > {FOREIGN}")
    # Where an Nginx runs already.
    front.host.sh("! systemctl is-active nginx || systemctl reload nginx")
    front.deploy().succeeded()
    yield
    front.host.sh(f"rm -f {FOREIGN}")


@pytest.mark.usefixtures("plain")
def test_nginx_is_started_in_its_sandbox(front, client):
    assert exposure(front.host) <= 2.6
    assert confined(front.host)
    assert '"text"' in client.get("/")


@pytest.mark.usefixtures("plain")
def test_workers_have_the_connections_and_files_that_are_asked_for(front):
    host = front.host
    assert connections(host) == "4096"
    assert "exceed open file resource limit" not in host.sh("nginx -t 2>&1")
    worker = host.sh(f"pgrep -P {MASTER} | head -n 1")
    assert "16384" in host.sh(f"grep 'Max open files' /proc/{worker}/limits")


@pytest.mark.usefixtures("plain")
def test_the_logs_of_sites_are_rotated(front, client):
    host = front.host
    client.get("/before")
    host.sh("logrotate --force /etc/logrotate.d/nginx")
    # Nginx is told by a signal, and lets go of the old file a moment later.
    open_files = "ls -l /proc/[0-9]*/fd 2>/dev/null"
    host.sh(f"timeout 10 sh -c 'while {open_files} | grep -q {LOG}.1; do sleep 0.1; done'")
    client.get("/after")
    assert "/before" in host.sh(f"cat {LOG}.1")
    log = front.log()
    assert "/after" in log
    assert "/before" not in log
    assert host.sh(f"stat -c '%U %G %a' {LOG}") == "www-data adm 640"


@pytest.mark.usefixtures("plain")
def test_what_others_have_there_stays_and_a_second_run_changes_nothing(front):
    assert front.deploy().succeeded().changed == []
    assert front.host.sh("curl -sS http://127.0.0.1:8088/") == "foreign"


@pytest.mark.usefixtures("plain")
def test_a_path_out_of_the_sandbox_is_refused_before_a_restart_would_fail(front, client):
    refused = front.deploy(extra=EXTRA).refused()
    assert "name the folder in nginx_writable_paths" in refused.message
    assert '"text"' in client.get("/")


@pytest.mark.usefixtures("plain")
def test_a_user_can_have_another_unit_their_own_nginx_conf_and_no_foreign_sites(front, client):
    host = front.host
    host.sh(f"sed -i 's/worker_connections .*;/worker_connections 1000;/' {MAIN}")
    variables = {"nginx_sandbox": "off", "nginx_worker_connections": 0, "nginx_purge": True}
    before = host.sh(f"echo {MASTER}")
    run = front.deploy(variables=variables).succeeded()

    assert connections(host) == "1000"

    host.sh("! curl -sS --max-time 5 http://127.0.0.1:8088/ 2>&1")
    assert host.sh("cat /var/lib/webstack/nginx-purged/sites-enabled/foreign") == SERVER

    # A running Nginx keeps its visitors, and leaves the sandbox when it is restarted.
    assert warnings(run) > 0
    assert host.sh(f"echo {MASTER}") == before
    assert confined(host)
    host.sh("systemctl restart nginx")
    assert not confined(host)
    assert exposure(host) > 9
    again = front.deploy(variables=variables).succeeded()
    assert (again.changed, warnings(again)) == ([], 0)
    assert '"text"' in client.get("/")


@pytest.mark.usefixtures("plain")
def test_a_path_of_ones_own_can_be_written(front, client):
    host = front.host
    run = front.deploy(extra=EXTRA, variables={"nginx_writable_paths": ["/srv/logs"]}).succeeded()
    assert run.changed
    assert connections(host) == "4096"
    host.sh("systemctl restart nginx")
    assert confined(host)
    client.get("/written")
    assert "/written" in host.sh(f"cat {OWN_LOG}")
