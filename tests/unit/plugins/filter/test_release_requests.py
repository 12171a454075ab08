"""What of a manifest reaches the release module."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.release_facts import release_facts
from ansible_collections.webstack.python.plugins.filter.release_requests import release_requests


class Forbidden(dict):
    """An entry whose secrets must not be read."""

    def __getitem__(self, key):
        assert key not in {"env", "nginx"}
        return super().__getitem__(key)


def test_defaults_are_filled_in():
    assert release_requests([{"name": "shop", "source": {"path": "shop"}}]) == {
        "shop": {
            "source": {"path": "shop"},
            "requirements": "auto",
            "python": "python3",
            "shared": [],
            "build": [],
            "migrate": [],
            "static": [],
            "env": {},
            "sandbox": "strict",
            "keep": 5,
            "name": "shop",
            "worker_class": "gthread",
        }
    }


def test_entry_wins_over_defaults_and_its_secrets_stay_out():
    app = Forbidden(name="shop", source={}, keep_releases=2, shared=["a"], env={"KEY": "secret"})
    app["gunicorn"] = {"worker_class": "gevent", "settings": {"statsd_host": "secret"}}
    found = release_requests([app])["shop"]
    assert (found["keep"], found["shared"], found["worker_class"]) == (2, ["a"], "gevent")
    assert "secret" not in str(found)
    assert found["env"] == {}


def test_commands_come_with_the_environment_that_they_need():
    found = release_requests([{"name": "shop", "build": ["make"], "env": {"KEY": "secret"}}])["shop"]
    assert (found["build"], found["env"]) == (["make"], {"KEY": "secret"})


def test_folders_that_nginx_serves_come_without_the_rest_of_their_section():
    nginx = Forbidden(static={"/static/": "shop/static", "/media/": "media"}, tls={"key": "secret"})
    found = release_requests([{"name": "shop", "nginx": nginx}])["shop"]
    assert found["static"] == ["media", "shop/static"]
    assert "secret" not in str(found)


def test_migrations_come_with_the_environment_that_they_need():
    found = release_requests([{"name": "shop", "migrate": ["upgrade"], "env": {"KEY": "secret"}}])["shop"]
    assert (found["migrate"], found["env"]) == (["upgrade"], {"KEY": "secret"})


@pytest.mark.parametrize(
    ("own", "common", "profile"),
    [
        ({}, "jit", "jit"),
        ({"sandbox": "off"}, "jit", "off"),
        ({"sandbox": False}, "jit", "off"),
        ({}, False, "off"),
    ],
)
def test_the_sandbox_is_the_services(own, common, profile):
    app = {"name": "shop", "service": own}
    assert release_requests([app], sandbox=common)["shop"]["sandbox"] == profile


def test_the_worker_class_of_all_apps_is_that_of_an_app_that_names_none():
    assert release_requests([{"name": "shop"}], worker_class="gevent")["shop"]["worker_class"] == "gevent"


def test_states_are_told_apart():
    apps = [{"name": "a"}, {"name": "b", "state": "absent"}, {"name": "c", "state": "present"}]
    assert list(release_requests(apps)) == ["a", "c"]
    assert list(release_requests(apps, state="absent")) == ["b"]


def test_no_list_is_refused():
    with pytest.raises(ValueError, match="python_apps must be a list of entries"):
        release_requests({"name": "shop"})


def test_facts_are_known_by_the_loops_item():
    results = [
        {"app": "shop", "id": "1", "directory": "/d", "virtualenv": "/v", "changed": True},
        {"app": "later", "id": "", "directory": "", "virtualenv": ""},
    ]
    assert release_facts(results, loop_var="app") == {
        "shop": {"id": "1", "directory": "/d", "virtualenv": "/v"}
    }


def test_others_than_those_asked_for_are_passed_over():
    apps = [{"name": "a"}, {"name": "b", "state": "absent"}, {"name": "c"}]
    assert list(release_requests(apps, only=["c", "b"])) == ["c"]
    assert list(release_requests(apps, "absent", "b")) == ["b"]
    assert list(release_requests(apps, "absent", "c")) == []
