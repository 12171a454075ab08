"""What Nginx keeps, for whom, until when, and how it is removed."""

from __future__ import annotations

import re
import time

import harness
import pytest

FOLDER = "/var/cache/nginx/webstack"
PURGE = harness.ROOT / "playbooks/purge.yml"


@pytest.fixture(scope="module")
def cached(front):
    """The app with a cache."""
    front.deploy(cache="1h").succeeded()
    return front


def went(client, path, options=""):
    """Return what the response says of the cache; nothing where it does not."""
    found = re.search(r"^X-Cache-Status: (\w+)", client.get(path, f"-i {options}"), re.MULTILINE)
    return found[1] if found else ""


def purge(front, **variables):
    return front.host.play({"app": "alpha", **variables}, playbook=PURGE)


@pytest.mark.usefixtures("cached")
def test_the_second_visitor_gets_what_is_kept(client):
    assert [went(client, "/?second") for _ in range(2)] == ["MISS", "HIT"]
    assert went(client, "/?second", "--head") == "HIT"


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("header", ["Cookie: session=1", "Cookie: 0", "Authorization: Bearer x"])
def test_a_visitor_who_is_known_gets_an_answer_of_their_own(client, header):
    path = f"/?{header.replace(' ', '-').replace(':', '')}"
    assert went(client, path, f"-H '{header}'") == "BYPASS"
    assert [went(client, path) for _ in range(2)] == ["MISS", "HIT"]


@pytest.mark.usefixtures("cached")
def test_a_post_is_never_answered_from_the_cache(client):
    assert went(client, "/?post") == "MISS"
    assert went(client, "/?post", "-d x") == ""


@pytest.mark.parametrize(("url", "left"), [("/?purge", "HIT"), ("", "MISS")])
def test_a_purge_removes_one_url_or_all(cached, client, url, left):
    for path in ("/?purge", "/?kept"):
        client.get(path)
        assert went(client, path) == "HIT"
    run = purge(cached, url=url).succeeded()
    assert run.changed
    assert went(client, "/?kept") == left
    assert [went(client, "/?purge") for _ in range(2)] == ["MISS", "HIT"]


def test_a_purge_of_nothing_changes_nothing(cached):
    assert purge(cached, url="/?no-such-page").succeeded().changed == []


def test_a_purge_of_an_unknown_app_is_refused(cached):
    run = cached.host.play({"app": "other"}, playbook=PURGE).refused()
    assert "app: there is no app 'other'; the proxies have alpha" in run.message


def test_an_app_that_fails_is_stood_in_for_by_what_is_kept(front, client):
    front.deploy(cache="1s").succeeded()
    assert went(client, "/?stale") == "MISS"
    time.sleep(2.5)
    front.host.sh("systemctl stop gunicorn-alpha.target")
    try:
        assert went(client, "/?stale") in ("STALE", "UPDATING")
        assert client.get("/?new", "-o /dev/null -w '%{http_code}'") == "502"
    finally:
        front.host.sh("systemctl start gunicorn-alpha.target")


def test_a_refused_change_leaves_no_folder(front):
    front.deploy().succeeded()
    assert front.host.sh(f"ls {FOLDER}") == ""
    front.deploy(cache="1h", extra="no_such_directive on;").refused()
    assert front.host.sh(f"ls {FOLDER}") == ""


def test_without_the_key_nothing_is_kept(front, client):
    front.deploy(cache="1h").succeeded()
    assert front.host.sh(f"ls {FOLDER}") == "alpha"
    assert front.deploy(cache="1h").succeeded().changed == []
    front.deploy().succeeded()
    assert [went(client, "/?off") for _ in range(2)] == ["", ""]
    assert front.host.sh(f"ls {FOLDER}") == ""
