"""The chain of a converged host: Nginx, the socket, Gunicorn, the sample Flask app."""

from __future__ import annotations

import json
import re

import pytest

testinfra_hosts = ["ansible://app_servers"]

DOMAIN = "hello.test"
NO_ANSWER = (52, 56)  # curl: the connection was closed, or reset, without a byte


def fetch(host, path="/", *options, domain=DOMAIN):
    """Fetch a path through Nginx as JSON-loving curl would; return the body."""
    arguments = " ".join(options)
    command = f"curl -sS --max-time 10 -H 'Host: {domain}' {arguments} http://127.0.0.1{path}"
    return host.check_output(command)


def answer(host, *options):
    """Return the app's own account of the request."""
    return json.loads(fetch(host, "/", "-H 'Accept: application/json'", *options))


def live_instance(host):
    """Return the live instance's unit name."""
    wants = host.check_output("systemctl show -P Wants gunicorn-hello.service").split()
    return next(unit for unit in wants if unit.startswith("gunicorn-hello@"))


def master(host):
    """Return the pid of the Gunicorn master."""
    return host.check_output(f"systemctl show -P MainPID {live_instance(host)}")


def wait_until(host, command, seconds=20):
    """Wait until a shell condition holds; fails when it does not in time."""
    host.check_output(f"timeout {seconds} sh -c 'until {command}; do sleep 0.2; done'")


@pytest.fixture(autouse=True)
def journal_on_failure(request, host):
    """Print the last lines of the units' journal after a failed test."""
    failed_before = request.session.testsfailed
    yield
    if request.session.testsfailed > failed_before:
        print(host.run("journalctl --no-pager -n 60 -u 'gunicorn-*' -u nginx").stdout)


def test_nginx_returns_the_flask_response(host):
    page = fetch(host)
    assert "<!doctype html>" in page.lower()
    assert "hello" in page
    assert fetch(host, "/healthz").strip() != ""


def test_unix_socket_returns_the_flask_response(host):
    body = host.check_output(
        "curl -sS --unix-socket /run/webstack/hello/http.sock"
        f" -H 'Host: {DOMAIN}' -H 'Accept: application/json' http://app/"
    )
    assert json.loads(body)["host"] == DOMAIN


def test_app_sees_client_host_scheme_and_request_id(host):
    # What a client claims of itself is overwritten.
    seen = answer(host, "-H 'X-Forwarded-For: 192.0.2.1'", "-H 'X-Forwarded-Proto: https'")
    assert seen["client"] == "127.0.0.1"
    assert seen["host"] == DOMAIN
    assert seen["scheme"] == "http"
    headers = fetch(host, "/", "-o /dev/null", "-D -")
    sent = {name.lower(): value for name, _, value in (line.partition(": ") for line in headers.splitlines())}
    assert len(sent["x-request-id"]) == 32
    assert len(seen["request_id"]) == 32


def test_app_names_the_live_release_and_instance(host):
    seen = answer(host)
    current = host.check_output("readlink -f /srv/hello/current")
    assert current == f"/srv/hello/releases/{seen['release']}/code"
    assert live_instance(host) == f"gunicorn-hello@{seen['instance']}.service"


def test_stylesheet_comes_from_nginx_with_no_worker_involved(host):
    unit = live_instance(host)
    host.check_output(f"systemctl kill --signal=STOP {unit}")
    try:
        headers = fetch(host, "/static/hello.css", "-D -", "-o /dev/null")
    finally:
        host.check_output(f"systemctl kill --signal=CONT {unit}")
    assert " 200 " in headers.splitlines()[0]
    assert "text/css" in headers


def test_gunicorn_runs_as_the_apps_user(host):
    pids = [*host.check_output(f"pgrep -d ' ' -P {master(host)}").split(), master(host)]
    assert len(pids) >= 2
    users = host.check_output(f"ps -o user= -p {','.join(pids)}").split()
    assert set(users) == {"hello"}
    assert host.user("hello").shell == "/usr/sbin/nologin"


def test_socket_is_closed_to_other_users(host):
    curl = "curl -sS -o /dev/null --max-time 5 --unix-socket /run/webstack/hello/http.sock http://app/healthz"
    assert host.run(f"setpriv --reuid www-data --clear-groups {curl}").rc == 0
    for user in ("nobody", "hello"):
        assert host.run(f"setpriv --reuid {user} --clear-groups {curl}").rc == 7  # cannot connect


def test_unknown_host_gets_nothing(host):
    for domain in ("nobody.test", "127.0.0.1"):
        unknown = host.run(f"curl -sS --max-time 5 -H 'Host: {domain}' http://127.0.0.1/")
        assert unknown.stdout == ""
        assert unknown.rc in NO_ANSWER


def test_environment_file_is_readable_by_root_alone(host):
    environment = host.file(f"/etc/webstack/hello/{answer(host)['instance']}/env")
    assert (environment.user, environment.mode) == ("root", 0o600)


def test_service_is_sandboxed(host):
    table = host.check_output(f"systemd-analyze security --no-pager {live_instance(host)}")
    exposure = re.search(r"exposure level for .*: (\d+\.\d+)", table)
    assert float(exposure[1]) <= 1.5, table


def test_killed_worker_comes_back(host):
    pid = master(host)
    worker = host.check_output(f"pgrep -o -P {pid}")
    host.check_output(f"kill -KILL {worker}")
    wait_until(host, f"! kill -0 {worker} 2>/dev/null && [ $(pgrep -c -P {pid}) -ge 2 ]")
    assert answer(host)["host"] == DOMAIN


def test_killed_master_comes_back_and_requests_wait(host):
    pid = master(host)
    host.check_output(f"kill -KILL {pid}")
    assert answer(host)["host"] == DOMAIN
    assert master(host) not in (pid, "0")


def test_restarting_the_handle_restarts_the_live_instance(host):
    pid = master(host)
    host.check_output("systemctl restart gunicorn-hello")
    assert answer(host)["host"] == DOMAIN
    assert master(host) != pid


def test_git_app_answers_on_its_tcp_socket(host):
    assert "tcp" in fetch(host, domain="tcp.test")
    assert "127.0.0.1:8001" in host.check_output("ss -Hlnt")
