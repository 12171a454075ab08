"""Nginx's unit, its sizes, and what others have put beside the collection's files."""

from __future__ import annotations

import re

import pytest

MAIN = "/etc/nginx/nginx.conf"
FOREIGN = "/etc/nginx/sites-enabled/foreign"
SERVER = "server { listen 8088; return 200 foreign; }"
MASTER = "$(systemctl show -P MainPID nginx)"


def exposure(host):
    table = host.sh("systemd-analyze security --no-pager nginx.service")
    return float(re.search(r"exposure level for .*: (\d+\.\d+)", table)[1])


def confined(host):
    """Tell whether the running master can gain no privileges, as in the sandbox."""
    return host.sh(f"grep NoNewPrivs /proc/{MASTER}/status").endswith("1")


@pytest.fixture
def as_before(front):
    """Leave the host as the other tests expect it."""
    yield
    front.host.sh(f"rm -f {FOREIGN}")
    front.deploy().succeeded()
    front.host.sh("systemctl restart nginx")


def warnings(run):
    return run.text.count("systemctl restart nginx")


def test_nginx_is_started_in_its_sandbox(front, client):
    front.deploy().succeeded()
    assert exposure(front.host) <= 2.6
    assert confined(front.host)
    assert '"text"' in client.get("/")


@pytest.mark.usefixtures("as_before")
def test_a_running_nginx_keeps_its_visitors_and_takes_the_sandbox_up_when_it_is_restarted(front, client):
    host = front.host
    before = host.sh(f"echo {MASTER}")
    assert warnings(front.deploy(variables={"nginx_sandbox": "off"}).succeeded()) > 0
    assert host.sh(f"echo {MASTER}") == before
    assert confined(host)
    host.sh("systemctl restart nginx")
    assert not confined(host)
    assert exposure(host) > 9
    assert warnings(front.deploy(variables={"nginx_sandbox": "off"}).succeeded()) == 0
    assert '"text"' in client.get("/")


def test_a_sandboxed_nginx_reloads_and_rotates_its_logs(front, client):
    host = front.host
    front.deploy().succeeded()
    workers = host.sh(f"pgrep -P {MASTER}")
    host.sh("systemctl reload nginx && sleep 1")
    assert host.sh(f"pgrep -P {MASTER}") != workers
    host.sh("mv /var/log/nginx/alpha.access.log /var/log/nginx/alpha.access.log.1")
    # As logrotate does.
    host.sh("invoke-rc.d nginx rotate")
    host.sh("timeout 5 sh -c 'until [ -e /var/log/nginx/alpha.access.log ]; do sleep 0.1; done'")
    client.get("/")
    assert host.sh("cat /var/log/nginx/alpha.access.log") != ""


def test_a_path_out_of_the_sandbox_is_refused_before_a_restart_would_fail(front, client):
    extra = "access_log /srv/logs/access.log;"
    front.host.sh("mkdir -p /srv/logs")
    refused = front.deploy(extra=extra).refused()
    assert "name the folder in nginx_writable_paths" in refused.message
    assert '"text"' in client.get("/")


@pytest.mark.usefixtures("as_before")
def test_a_path_of_ones_own_can_be_written(front, client):
    front.host.sh("mkdir -p /srv/logs")
    paths = {"nginx_writable_paths": ["/srv/logs"]}
    front.deploy(variables=paths).succeeded()
    front.host.sh("systemctl restart nginx")
    front.deploy(extra="access_log /srv/logs/access.log;", variables=paths).succeeded()
    client.get("/")
    assert front.host.sh("cat /srv/logs/access.log") != ""


def test_workers_have_the_connections_and_files_that_are_asked_for(front):
    host = front.host
    front.deploy().succeeded()
    assert "worker_connections 4096;" in host.sh(f"cat {MAIN}")
    assert "exceed open file resource limit" not in host.sh(
        "nginx -t 2>&1; tail -n 5 /var/log/nginx/error.log"
    )
    worker = host.sh(f"pgrep -P {MASTER} | head -n 1")
    assert "16384" in host.sh(f"grep 'Max open files' /proc/{worker}/limits")
    assert front.deploy().succeeded().changed == []


@pytest.mark.usefixtures("as_before")
def test_nginx_conf_is_left_alone_where_the_user_says_so(front):
    host = front.host
    host.sh(f"sed -i 's/worker_connections .*;/worker_connections 1000;/' {MAIN}")
    front.deploy(variables={"nginx_worker_connections": 0}).succeeded()
    assert "worker_connections 1000;" in host.sh(f"cat {MAIN}")
    assert front.deploy().succeeded().changed != []
    assert "worker_connections 4096;" in host.sh(f"cat {MAIN}")


@pytest.mark.usefixtures("as_before")
def test_foreign_sites_are_purged_where_the_user_says_so_and_not_else(front):
    host = front.host
    host.sh(f"echo '{SERVER}' > {FOREIGN} && systemctl reload nginx && sleep 1")
    front.deploy().succeeded()
    assert host.sh("curl -sS http://127.0.0.1:8088/") == "foreign"
    front.deploy(variables={"nginx_purge": True}).succeeded()
    host.sh("! curl -sS --max-time 5 http://127.0.0.1:8088/ 2>&1")
    assert host.sh("cat /var/lib/webstack/nginx-purged/sites-enabled/foreign") == SERVER
    assert front.deploy(variables={"nginx_purge": True}).succeeded().changed == []
