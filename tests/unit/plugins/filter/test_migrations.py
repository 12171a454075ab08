"""Which host of a run migrates the data of an app."""

from __future__ import annotations

from ansible_collections.webstack.python.plugins.filter.migrations import migrations

REQUESTS = {"shop": {"migrate": ["upgrade"]}, "blog": {"migrate": ["upgrade"]}, "wiki": {"migrate": []}}
HOSTS = ["a", "b", "c"]


def apps(*names, **states):
    entries = [{"name": name} for name in names]
    return {"python_apps": [*entries, *({"name": name, "state": state} for name, state in states.items())]}


def test_only_the_first_host_with_the_app_migrates_it():
    hostvars = {"a": apps("shop"), "b": apps("shop", "blog"), "c": apps("shop", "blog")}
    assert migrations(REQUESTS, hostvars, "a", HOSTS) == ["shop", "blog"]
    assert migrations(REQUESTS, hostvars, "b", HOSTS) == ["blog"]
    assert migrations(REQUESTS, hostvars, "c", HOSTS) == []


def test_a_host_that_is_to_lose_the_app_is_not_the_first():
    hostvars = {"a": apps(shop="absent"), "b": apps("shop", "blog")}
    assert migrations(REQUESTS, hostvars, "b", ["a", "b"]) == ["shop", "blog"]


def test_a_host_outside_of_the_run_is_not_the_first():
    hostvars = {"a": apps("shop", "blog"), "b": apps("shop", "blog")}
    assert migrations(REQUESTS, hostvars, "b", ["b"]) == ["shop", "blog"]


def test_a_manifest_of_the_play_is_that_of_all_hosts():
    assert migrations(REQUESTS, {"a": {}, "b": {}}, "b", ["a", "b"]) == []


def test_a_host_that_only_runs_gunicorn_is_not_the_first():
    hostvars = {"a": {"gunicorn_apps": [{"name": "shop"}]}, "b": apps("shop", "blog")}
    assert migrations(REQUESTS, hostvars, "b", ["a", "b"]) == ["shop", "blog"]
