"""An app's own commands, and what it keeps across releases."""

from __future__ import annotations

BUILD = [
    'echo "$GREETING by $(id -un)" > static/built.txt',
    "ln -s built.txt static/link.txt; mkdir static/deep; chmod 777 static/deep static/built.txt",
]


def test_what_build_made_is_served_and_is_roots(pair):
    host = pair.host
    pair.say("built", build=BUILD, env={"GREETING": "made"})
    assert host.get("/static/link.txt") == "made by alpha"
    code = host.sh("readlink -f /srv/alpha/current")
    assert host.sh(f"find {code} -not -user root -o -perm /7022 -not -type l") == ""
    # Another environment is another instance of the same release: nothing is built anew.
    pair.deploy(pair.alpha(build=BUILD, env={"GREETING": "again"})).succeeded()
    assert host.answer()["greeting"] == "again"
    assert host.get("/static/built.txt") == "made by alpha"
    assert host.sh("readlink -f /srv/alpha/current") == code


def test_failed_build_is_told_and_no_visitor_notices(pair):
    host = pair.host
    before = host.digest("/srv/alpha", "/etc/webstack/alpha")
    secret = "hunter2-hunter2"
    build = ["echo first", 'echo "no such table $KEY"; exit 3']
    with host.load() as loads:
        run = pair.deploy(pair.alpha("never seen", build=build, env={"KEY": secret}), "-vvv").refused()
    loads[0].without_failure()
    assert "alpha: build[1] failed: " in run.message
    assert ": exit status 3 after " in run.message
    assert "\n    no such table ********\n" in run.message
    assert secret not in run.text
    assert host.digest("/srv/alpha", "/etc/webstack/alpha") == before
    assert host.ti.run("systemctl list-units --all --plain --no-legend 'webstack-hook-*'").stdout == ""


def test_build_cannot_write_to_the_virtualenv_nor_see_others(pair):
    build = ["touch ../../../venvs/*/x && exit 1; ls /srv/beta && exit 2; test -w . || exit 3"]
    pair.say("confined", build=build)


def test_shared_file_and_folder_outlive_a_release(pair):
    host = pair.host
    shared = ["uploads", "counter.txt"]
    pair.alpha()
    (pair.folder / "alpha/counter.txt").write_text("1")
    pair.say("first", shared=shared)
    host.sh("runuser -u alpha -- sh -c 'cd /srv/alpha/shared && echo 2 > counter.txt && touch uploads/a'")
    pair.say("second", shared=shared)
    current = "/srv/alpha/current"
    assert host.sh(f"cat {current}/counter.txt; ls {current}/uploads") == "2\na"
    (pair.folder / "alpha/counter.txt").unlink()
    (pair.folder / "alpha/counter.txt").mkdir()
    (pair.folder / "alpha/counter.txt/part").write_text("")
    for options in (["--check"], []):
        run = pair.deploy(pair.alpha("third", shared=shared), *options).refused()
        assert "'counter.txt' is a folder in this release" in run.message
    assert host.sh(f"cat {current}/counter.txt") == "2"


def test_migrations_run_once_for_a_release_and_not_on_the_way_back(pair):
    host = pair.host
    keys = {"shared": ["log"], "migrate": ['echo "$WEBSTACK_RELEASE" >> log/runs; ! touch web.py']}
    pair.say("schema one", **keys)
    first = host.sh("cat /srv/alpha/shared/log/runs")
    assert host.sh("readlink /srv/alpha/current") == f"releases/{first}/code"
    pair.deploy(pair.alpha(env={"GREETING": "other"}, **keys)).succeeded()
    assert host.answer()["greeting"] == "other"
    pair.say("schema two", **keys)
    pair.say("schema one", **keys)
    runs = host.sh("cat /srv/alpha/shared/log/runs").split()
    assert (len(runs), runs[0]) == (2, first)


def test_failed_migration_is_told_and_tried_again(pair):
    host = pair.host
    before = host.digest("/srv/alpha", "/etc/webstack/alpha")
    with host.load() as loads:
        run = pair.deploy(pair.alpha("never seen", migrate=["echo locked table; exit 7"])).refused()
    loads[0].without_failure()
    assert "alpha: migrate[0] failed: 'echo locked table; exit 7': exit status 7 after " in run.message
    assert "\n    locked table\n" in run.message
    assert host.digest("/srv/alpha", "/etc/webstack/alpha") == before
    pair.say("seen", migrate=["true"])
