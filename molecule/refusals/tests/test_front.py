"""Nginx's tree is changed as one transaction: what it refuses is never on the disk."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

ADDED = 'add_header X-Mended "yes" always;'


def with_extra(pair, extra):
    alpha = pair.alpha()
    alpha["nginx"]["extra"] = extra
    return alpha


def test_broken_directive_is_refused_and_leaves_the_tree(pair):
    host = pair.host
    before, workers = host.digest("/etc/nginx"), host.sh("pgrep -u www-data nginx")
    run = pair.deploy(with_extra(pair, "proxy_bufering off;")).refused()
    assert 'unknown directive "proxy_bufering"' in run.message
    assert host.digest("/etc/nginx") == before
    assert host.sh("pgrep -u www-data nginx") == workers
    assert host.answer()["text"] == pair.text

    pair.deploy(with_extra(pair, ADDED)).succeeded()
    assert "X-Mended: yes" in host.get(options="-i")


def test_directive_that_fails_only_at_reload_is_taken_back(pair):
    host = pair.host
    pair.deploy(pair.alpha()).succeeded()
    host.sh("systemd-run --unit=squatter python3 -m http.server 8099 --bind 127.0.0.1")
    host.sh("timeout 20 sh -c 'until ss -Hlnt | grep -q :8099; do sleep 0.1; done'")
    try:
        before = host.digest("/etc/nginx")
        run = pair.deploy(with_extra(pair, "listen 127.0.0.1:8099;")).refused()
    finally:
        host.sh("systemctl stop squatter")
    assert "127.0.0.1:8099" in run.message
    assert "Address already in use" in run.message
    assert host.digest("/etc/nginx") == before
    assert host.answer()["text"] == pair.text
    assert pair.deploy(pair.alpha()).succeeded().changed == []


def test_run_killed_between_swap_and_reload_is_repaired(pair):
    host = pair.host
    # A reload that does not end holds the module at that very point.
    drop_in = "/run/systemd/system/nginx.service.d/hang.conf"
    host.sh(f"mkdir -p {drop_in.rpartition('/')[0]}")
    host.sh(f"printf '[Service]\\nExecReload=\\nExecReload=/bin/sleep 600\\n' > {drop_in}")
    host.sh("systemctl daemon-reload")
    with ThreadPoolExecutor() as pool:
        run = pool.submit(pair.deploy, with_extra(pair, ADDED))
        host.sh("timeout 120 sh -c 'until pgrep -f \"^/?[a-z/]*systemctl reload\"; do sleep 0.1; done'")
        host.sh("kill -KILL $(ps -o ppid= -p $(pgrep -of '^/?[a-z/]*systemctl reload'))")
        host.sh(f"rm {drop_in}; systemctl daemon-reload; pkill -x sleep")
        run.result().refused()
    assert "X-Mended" in host.sh("cat /etc/nginx/webstack/sites/alpha.conf")
    assert "X-Mended" not in host.get(options="-i")

    pair.deploy(with_extra(pair, ADDED)).succeeded()
    assert "X-Mended: yes" in host.get(options="-i")


@pytest.mark.parametrize("present", [True, False], ids=["present", "absent"])
def test_site_works_with_and_without_debians_default_site(pair, present):
    host = pair.host
    link = "/etc/nginx/sites-enabled/default"
    host.sh(f"ln -sf /etc/nginx/sites-available/default {link}" if present else f"rm -f {link}")
    pair.deploy(with_extra(pair, f"# default site {present}")).succeeded()
    assert host.answer()["text"] == pair.text
    assert host.gives_no_answer("nobody.test")
