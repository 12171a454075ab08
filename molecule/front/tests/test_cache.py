"""What Nginx keeps, for whom, until when, and how it is removed."""

from __future__ import annotations

import collections
import shlex
import subprocess
import time

import harness
import pytest

FOLDER = "/var/cache/nginx/webstack"
PURGE = harness.ROOT / "playbooks/purge.yml"
HEADER = "x-cache-status"
# Longer than any answer of the site with the short cache is good, which is a second and a part of one.
EXPIRED = 2.5


@pytest.fixture(scope="module")
def cached(front):
    """The app with a cache, and sites of the same app with another and with none."""
    staff = {"cache": "1h", "basic_auth": {"users": {"alice": "secret"}}}
    front.deploy(cache="1h", sites={"short": {"cache": "1s"}, "open": {}, "staff": staff}).succeeded()
    return front


@pytest.fixture(scope="module")
def uncached(cached):
    """The app's site has no cache any more, the one beside it still has."""
    assert folders(cached) == ["alpha", "short", "staff"]
    cached.deploy(sites={"short": {"cache": "1s"}}).succeeded()
    return cached


def folders(front):
    return front.host.sh(f"ls {FOLDER}").split()


def went(client, path, options="", site="alpha"):
    """Return what the response says of the cache; nothing where it does not."""
    return client.headers(path, options, f"{site}.test").get(HEADER, "")


def twice(client, path, options="", site="alpha"):
    return [went(client, path, options, site) for _ in range(2)]


def purge(front, **variables):
    manifest = {"python_apps": [front.entry(cache="1h")]}
    return front.host.play({"app": "alpha", **manifest, **variables}, playbook=PURGE)


@pytest.mark.usefixtures("cached")
def test_the_second_visitor_gets_what_is_kept(client):
    assert twice(client, "/?second") == ["MISS", "HIT"]
    assert went(client, "/?second", "--head") == "HIT"
    assert twice(client, "/?second", site="open") == ["", ""]
    assert went(client, "/static/site.css") == ""


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("header", ["Cookie: session=1", "Cookie: 0", "Authorization: Bearer x"])
def test_a_visitor_who_is_known_gets_an_answer_of_their_own(client, header):
    path = f"/?{header.replace(' ', '-').replace(':', '')}"
    assert went(client, path, f"-H '{header}'") == "BYPASS"
    # It was not kept for others, nor is one of theirs given to who is known.
    assert twice(client, path) == ["MISS", "HIT"]
    assert went(client, path, f"-H '{header}'") == "BYPASS"


@pytest.mark.usefixtures("cached")
def test_behind_a_password_nobody_shares_an_answer(client):
    assert twice(client, "/?staff", "-u alice:secret", "staff") == ["BYPASS", "BYPASS"]


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize(
    "header",
    [
        "Set-Cookie:session=1",
        "Set-Cookie:session=2&header=Cache-Control:max-age%3D600",
        "Cache-Control:private",
        "Cache-Control:no-store",
    ],
)
def test_what_is_for_one_visitor_is_never_kept(client, header):
    assert twice(client, f"/?header={header}") == ["MISS", "MISS"]


@pytest.mark.usefixtures("cached")
def test_what_the_app_says_goes_before_the_time_of_the_site(client):
    path = "/?header=Cache-Control:max-age%3D600"
    assert twice(client, path, site="short") == ["MISS", "HIT"]
    time.sleep(EXPIRED)
    assert went(client, path, site="short") == "HIT"


@pytest.mark.usefixtures("cached")
def test_answers_that_vary_are_kept_apart(client):
    path = "/?header=Vary:Accept-Language"
    assert twice(client, path, "-H 'Accept-Language: de'") == ["MISS", "HIT"]
    assert twice(client, path, "-H 'Accept-Language: en'") == ["MISS", "HIT"]


@pytest.mark.usefixtures("cached")
def test_a_post_is_never_answered_from_the_cache(client):
    assert went(client, "/?post") == "MISS"
    assert went(client, "/?post", "-d x") == ""


@pytest.mark.usefixtures("cached")
def test_what_is_not_kept_is_asked_of_the_app_in_the_clients_words(client):
    part = "-H 'Range: bytes=0-1' -H 'If-Range: \"a\"'"
    assert client.get("/?environ=HTTP_RANGE", f"{part} -b session=1") == "bytes=0-1"
    assert client.get("/?environ=HTTP_IF_RANGE", f"{part} -b session=1") == '"a"'
    assert client.get("/?environ=HTTP_IF_MATCH", "-H 'If-Match: \"a\"' -X PUT") == '"a"'
    # What is kept is whole.
    assert client.get("/?environ=HTTP_IF_RANGE", "-H 'If-Range: \"a\"'") == "None"


@pytest.mark.usefixtures("cached")
def test_one_of_many_visitors_at_once_asks_the_app(client):
    ask = shlex.quote(client.command("/?lock&wait=0.5", "-o /dev/null -D -"))
    said = client.sh(f"seq 8 | xargs -P 8 -n 1 sh -c {ask} | grep -i ^{HEADER}:")
    assert collections.Counter(line.split()[1] for line in said.splitlines()) == {"MISS": 1, "HIT": 7}


@pytest.mark.usefixtures("cached")
def test_a_new_answer_is_fetched_behind_the_visitors_back(client):
    path = "/?behind&wait=2"
    assert went(client, path, site="short") == "MISS"
    time.sleep(EXPIRED)
    assert float(client.get(path, "-o /dev/null -w '%{time_total}'", "short.test")) < 1
    # It is on its way.
    assert went(client, path, site="short") == "UPDATING"


def test_an_app_that_fails_is_stood_in_for_by_what_is_kept(cached, client):
    assert went(client, "/?stale", site="short") == "MISS"
    time.sleep(EXPIRED)
    cached.host.sh("systemctl stop gunicorn-alpha.target")
    try:
        assert went(client, "/?stale", site="short") in ("STALE", "UPDATING")
        assert client.status("/?stale", domain="short.test") == 200
        assert client.status("/?new", domain="short.test") == 502
        assert client.status("/?stale", domain="open.test") == 502
    finally:
        cached.host.sh("systemctl start gunicorn-alpha.target")


@pytest.mark.parametrize(("url", "left"), [("/?purge", "HIT"), ("", "MISS")])
def test_a_purge_removes_one_url_or_all(cached, client, url, left):
    for path in ("/?purge", "/?kept"):
        client.get(path)
        assert went(client, path) == "HIT"
    assert purge(cached, url=url).succeeded().changed
    assert went(client, "/?kept") == left
    assert twice(client, "/?purge") == ["MISS", "HIT"]


def test_a_purge_is_at_once_also_for_an_answer_that_everybody_asks_for(cached, client):
    client.get("/?often")
    (kept,) = cached.host.sh(f"grep -rlF 'alpha.test/?often' {FOLDER}/alpha").split()
    ask = (
        "$(curl -s -o /dev/null -w '%header{x-cache-status}' -H 'Host: alpha.test' 'http://127.0.0.1/?often')"
    )
    # The purge comes before one of the last two.
    script = f"exec 3<{kept}; while [ {kept} -ef /dev/fd/3 ]; do last={ask}; done; echo $last {ask}"
    with subprocess.Popen(
        ["docker", "exec", cached.host.name, "timeout", "60", "bash", "-c", script],
        stdout=subprocess.PIPE,
        text=True,
    ) as asking:
        assert purge(cached, url="/?often").succeeded().changed
        assert "MISS" in asking.communicate()[0].split()


def test_a_purge_of_nothing_changes_nothing(cached):
    assert purge(cached, url="/?no-such-page").succeeded().changed == []


def test_a_purge_of_an_unknown_app_is_refused(cached):
    run = purge(cached, app="other").refused()
    assert "app: there is no app 'other'; the proxies have alpha" in run.message


def test_without_the_key_nothing_is_kept(uncached, client):
    assert twice(client, "/?off") == ["", ""]
    assert twice(client, "/?off", site="short") == ["MISS", "HIT"]
    assert folders(uncached) == ["short"]


def test_a_refused_change_leaves_no_folder(uncached):
    uncached.deploy(cache="1h", extra="no_such_directive on;", sites={"short": {"cache": "1s"}}).refused()
    assert folders(uncached) == ["short"]
