"""An app that is to be absent goes, with all that was its own and nothing else."""

from __future__ import annotations

# What is named after the app, anywhere but in caches, logs and temporary files.
TRACES = (
    r"find / /run -xdev \( -path /proc -o -path /var/log -o -path '/var/cache/*' -o -path /root"
    r" -o -path /tmp \) -prune -o -name '*alpha*' -not -path '/usr/*' -print"
)


def test_removing_one_app_removes_all_of_it_and_nothing_else(pair):
    host = pair.host
    assert host.sh(TRACES) != ""
    pids = host.pids("beta")
    beta = host.digest("/srv/beta", "/etc/webstack/beta")

    with host.load("beta.test") as loads:
        pair.deploy({"name": "alpha", "state": "absent"}).succeeded()
    loads[0].without_failure()

    assert host.sh(TRACES) == ""
    # What it was asked stays on record.
    assert host.sh("ls /var/log/nginx/alpha.*") != ""
    assert host.ti.run("getent passwd alpha; getent group alpha").stdout == ""
    assert host.ti.run("systemctl list-units --all --plain --no-legend 'gunicorn-alpha*'").stdout == ""
    assert host.gives_no_answer("alpha.test")
    assert host.pids("beta") == pids
    assert host.digest("/srv/beta", "/etc/webstack/beta") == beta
    assert pair.deploy({"name": "alpha", "state": "absent"}).succeeded().changed == []


def test_removed_app_can_come_back(pair):
    pair.say("back")


def test_old_releases_are_pruned_and_the_live_one_kept(pair):
    host = pair.host
    for number in range(3):
        pair.say(f"number {number}", keep_releases=2)
    assert len(host.sh("ls /srv/alpha/releases").split()) == 2
    assert len(host.sh("ls -d /etc/webstack/alpha/*/").split()) == 2
    assert host.answer()["text"] == "number 2"
    live = host.sh("readlink -f /srv/alpha/current")
    assert live.startswith("/srv/alpha/releases/")
    assert host.sh(f"cat {live}/static/site.css") == "/* number 2 */"
