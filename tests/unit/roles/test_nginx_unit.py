"""The drop-in of nginx's unit: what it takes away, and what nginx keeps."""

from __future__ import annotations

import pytest

from tests.unit.roles import front_tree

# Without one of these, nginx does not start as root, bind port 80, open logs of others, or change its user.
NEEDED = {"CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETUID"}


def drop_in(**variables):
    known = front_tree.variables([], front_tree.DEBIAN_12, **variables)
    return front_tree.TEXTS.get_template("nginx.service.conf.j2").render(known)


def directives(text):
    return [line for line in text.splitlines() if "=" in line and not line.startswith("#")]


def test_nginx_keeps_what_it_needs_and_no_more():
    (bounding,) = [line for line in directives(drop_in()) if line.startswith("CapabilityBoundingSet=")]
    assert set(bounding.partition("=")[2].split()) == NEEDED
    # The workers' user and the owner of the logs are set by calls of the group.
    assert not [line for line in directives(drop_in()) if "~@privileged" in line]


def test_nginx_may_choose_its_processors():
    """The last word on a call counts, and nginx.conf may have worker_cpu_affinity."""
    filters = [line for line in directives(drop_in()) if line.startswith("SystemCallFilter=")]
    assert filters[-2:] == ["SystemCallFilter=~@resources", "SystemCallFilter=sched_setaffinity"]


def test_without_the_sandbox_the_unit_is_debians_but_for_restart_caches_and_limit():
    assert directives(drop_in(nginx_sandbox="off")) == [
        "Restart=on-failure",
        "RestartSec=1s",
        # nginx makes the folder of a cache, but not the one around it.
        "CacheDirectory=nginx/webstack",
        "LimitNOFILE=16384",
    ]


def test_nginx_can_write_where_it_must_and_where_the_user_says():
    lines = directives(drop_in(nginx_writable_paths=["/srv/logs", "/srv/dav"]))
    assert "ProtectSystem=strict" in lines
    assert [line for line in lines if line.startswith("ReadWritePaths=")] == [
        # On a line of its own: the test of a configuration has another /run.
        "ReadWritePaths=/run",
        "ReadWritePaths=-/var/cache -/var/lib/nginx -/var/log -/srv/logs -/srv/dav",
    ]


def test_limits_leave_two_files_for_each_connection():
    assert front_tree.DEFAULTS["nginx_limit_nofile"] >= 2 * front_tree.DEFAULTS["nginx_worker_connections"]
    assert "LimitNOFILE=65536" in directives(drop_in(nginx_limit_nofile=65536))


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"nginx_sandbox": "loose"}, "nginx_sandbox: 'loose'"),
        ({"nginx_writable_paths": ["logs"]}, "nginx_writable_paths: 'logs' is not an absolute path"),
        ({"nginx_writable_paths": ["/srv/a b"]}, "nginx_writable_paths: '/srv/a b' is not an absolute path"),
        ({"nginx_limit_nofile": 512}, "nginx_limit_nofile: 512 is out of range"),
        ({"nginx_worker_connections": -1}, "nginx_worker_connections: -1 is out of range"),
        (
            {"nginx_limit_nofile": 4096, "nginx_worker_connections": 8192},
            "nginx_limit_nofile: 4096 files leave no room for 8192 connections; write 16384",
        ),
    ],
)
def test_wrong_variables_are_refused(variables, said):
    (finding,) = front_tree.findings([], **variables)
    assert finding.startswith(said)
