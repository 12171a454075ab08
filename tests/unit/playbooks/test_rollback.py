"""What a rollback may be asked for, and that it is refused before the first host goes back."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleError
from ansible_collections.webstack.python.plugins.filter.rollback_findings import rollback_findings

HOSTVARS = {
    "web1": {"python_apps": [{"name": "shop", "app": "shop:app"}]},
    "web2": {
        "python_apps": [{"name": "shop", "app": "shop:app"}, {"name": "blog", "app": "blog:app"}],
        "gunicorn_apps": [{"name": "legacy"}],
    },
    "web3": {"gunicorn_apps": [{"name": "wiki"}]},
    "web4": {},
}


def findings(hostvars=None, host="web1", play=None, **given):
    """Return what is wrong for a host; given: variables of the command line, which all hosts have."""
    known = {name: {**values, **given} for name, values in (hostvars or HOSTVARS).items()}
    return rollback_findings({**known[host], **(play or {})}, known, host, list(known))


def names(*apps):
    """Return hosts whose inventory names these apps."""
    return {f"web{number}": {**HOSTVARS["web1"], "app": app} for number, app in enumerate(apps, 1)}


@pytest.mark.parametrize("app", ["shop", "blog", "legacy", "wiki"])
def test_app_of_either_list_may_be_named(app):
    assert findings(app=app) == []


@pytest.mark.parametrize(
    ("app", "finding"),
    [
        ("shpo", "app: there is no app 'shpo'; this run has blog, legacy, shop, wiki"),
        ("", "app: name the one to roll back, as in -e app=shop"),
        (["shop"], "app: name the one to roll back, as in -e app=shop"),
        (None, "app: name the one to roll back, as in -e app=shop"),
    ],
)
def test_anything_but_a_known_app_is_refused(app, finding):
    assert findings(app=app) == [finding]


def test_hosts_that_name_different_apps_are_refused_once():
    hostvars = names("shop", "shop", "blog")
    assert findings(hostvars) == [
        "app: web3 names 'blog', web1 names 'shop'; give it on the command line: -e app=shop"
    ]
    assert findings(hostvars, "web2") == []
    assert findings({**names("shop"), "web2": {}}) == [
        "app: web2 names none, web1 names 'shop'; give it on the command line: -e app=shop"
    ]


def test_what_the_play_says_is_said_for_all_hosts():
    assert findings(names("wiki", "blog"), play={"app": "shop", "rollback_env": "current"}) == []


def test_environment_is_the_recorded_or_the_current_one():
    assert findings(app="shop", rollback_env="recorded") == []
    assert findings(app="shop", rollback_env="current") == []
    use = "write -e rollback_env=current on the command line, or leave it out for the recorded one"
    assert findings(app="shop", rollback_env="curent") == [f"rollback_env: 'curent' is not known; {use}"]
    assert findings({**names("shop", "shop"), "web3": {"app": "shop", "rollback_env": "production"}}) == [
        f"rollback_env: 'production' is not known; {use}"
    ]


class Broken(dict):
    """An entry with a key whose template has no value."""

    def __getitem__(self, key):
        if key == "env":
            raise AnsibleError("'vault_key' is undefined")
        return super().__getitem__(key)


def test_entry_that_is_gone_back_with_is_judged_and_no_other():
    apps = [{"name": "new"}, "half", Broken(name="blog", env=1), {"name": "shop", "env": {"A": True}}]
    assert findings({"web1": {"python_apps": apps}}, app="shop") == [
        "python_apps[3] (shop): env: A is a truth value, not text; write it in quotes",
        "python_apps[3] (shop): app: is missing; write MODULE:CALLABLE, "
        'such as "shop.wsgi:app" or "shop:create_app()"',
    ]
    apps[3] = {"name": "shop", "app": "shop:app", "source": {"path": "/gone"}, "build": 5}
    assert findings({"web1": {"python_apps": apps}}, app="shop") == []
    (finding,) = findings({"web1": {"python_apps": apps}}, app="blog")[:1]
    assert "python_apps[2] (blog): env: " in finding


SHOP = {"name": "no-such-shop", "app": "shop:app"}


def test_variables_of_the_inventory_do_not_count_as_options(play, here):
    host = {**here, "env": "production", "python_apps": [SHOP, {"name": "half"}]}
    status, said = play("rollback.yml", {"web1": host, "web2": host}, "-e", "app=no-such-shop")
    assert status == 2
    assert "no instance is live, so there is nothing to go back from" in said


def test_host_that_does_not_know_what_is_named_stops_all_before_the_first_goes_back(play, here):
    hosts = {"web1": {**here, "python_apps": []}, "web2": {**here, "python_apps": [SHOP]}}
    status, said = play("rollback.yml", hosts, "-e", "app=no-such-shop", "-e", "to=0123456789ab")
    assert status == 2
    assert "no-such-shop: no instance is live" in said
    assert "Swap the older instance in" not in said
