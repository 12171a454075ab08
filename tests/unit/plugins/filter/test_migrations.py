"""Which host of a run migrates the data of an app."""

from __future__ import annotations

from ansible.errors import AnsibleError
from ansible_collections.webstack.python.plugins.filter.migrations import migrations

REQUESTS = {
    name: {"migrate": migrate, "source": {}}
    for name, migrate in {"shop": ["upgrade"], "blog": ["upgrade"], "wiki": []}.items()
}
HOSTS = ["a", "b", "c"]


def apps(*names, **states):
    entries = [{"name": name, "state": "present"} for name in names]
    entries += [{"name": name, "state": state} for name, state in states.items()]
    return {"python_apps": [{**entry, "migrate": ["upgrade"]} for entry in entries]}


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


def shop(**keys):
    return {"python_apps": [{"name": "shop", "migrate": ["upgrade"], **keys}]}


def second(first, other, **request):
    """Return what the second of two hosts migrates."""
    requests = {"shop": {"migrate": ["upgrade"], "source": {}, **request}}
    return migrations(requests, {"a": first, "b": other}, "b", ["a", "b"])


def test_a_host_with_another_release_of_the_app_is_not_the_first():
    old, new = ({"git": "https://host/shop.git", "ref": ref} for ref in ("v1", "v2"))
    assert second(shop(source=old), shop(source=new), source=new) == ["shop"]
    assert second(shop(source=new), shop(source=new), source=new) == []


def test_a_host_with_other_commands_is_not_the_first():
    assert second(shop(migrate=[]), shop()) == ["shop"]
    assert second(shop(migrate=["other"]), shop()) == ["shop"]
    assert second(shop(), shop()) == []


def test_a_credential_of_its_own_makes_a_host_no_other():
    sources = [{"git": "https://host/shop.git", "token": token} for token in ("a", "b")]
    assert second(*(shop(source=source) for source in sources), source=sources[1]) == []


class Play(dict):
    """A source whose template needs a variable of the play, which no host's variables hold."""

    def __getitem__(self, key):
        raise AnsibleError("'ref' is undefined")


def test_a_template_that_only_the_play_can_fill_in_is_the_same_on_both_hosts():
    source = {"git": "https://host/shop.git", "ref": "v2"}
    assert second(shop(source=Play(source)), shop(source=Play(source)), source=source) == []


def test_a_manifest_of_the_play_is_compared_with_that_of_another_host():
    new = {"git": "https://host/shop.git", "ref": "v2"}
    assert second(shop(source=new), {}, source=new) == []
    assert second(shop(source={"path": "x"}), {}, source=new) == ["shop"]
