"""Static files on their way to proxies that are other hosts."""

from __future__ import annotations

import json

import pytest

APPS = {"python_apps": [{"name": "no-such-shop", "nginx": {"static": {"/static/": "static"}}}]}
# In the place of what a host with a release would have told.
FOUND = json.dumps({"__static_found": {"digests": {"no-such-shop": {"offered": "a"}}}})


def test_a_proxy_that_is_away_is_named_before_anything_is_swapped(play, here, away):
    hosts = {"web1": {**here, **APPS}, "web2": {**here, **APPS}}
    status, said = play(
        "_static_offer.yml", hosts, "-e", FOUND, proxies={"hosts": {"near": here, "far": away}}
    )
    assert status == 2
    assert "far: Failed to connect to the host via ssh" in said
    assert "Bring the proxy back" in said
    assert "Have the files" not in said


def test_a_proxy_is_asked_though_the_run_is_for_an_app_host_alone(play, here):
    proxies = {"hosts": {"front": here}}
    hosts = {"web1": {**here, **APPS}}
    status, said = play("_static_offer.yml", hosts, "-e", FOUND, "--limit", "web1", proxies=proxies)
    assert status == 0
    assert "changed: [web1 -> front" in said


def test_a_proxy_is_asked_for_the_apps_in_a_list_of_its_own(play, here):
    """Its template refers to hostvars, as in the README of the role nginx."""
    derived = "hostvars | webstack.python.nginx_sites(inventory_hostname, groups['app_servers'])"
    own = {"other_sites": [{"name": "docs", "root": "/var/www/docs"}]}
    front = {**here, **own, "nginx_sites": f"{{{{ {derived} + other_sites }}}}"}
    other = {**here, **own, "nginx_sites": f"{{{{ {derived} | rejectattr('name', 'eq', 'no-such-shop') }}}}"}
    hosts = {"web1": {**here, **APPS}}
    proxies = {"hosts": {"front": front, "other": other}}
    status, said = play("_static_offer.yml", hosts, "-e", FOUND, proxies=proxies)
    assert status == 0
    assert "changed: [web1 -> front" in said
    assert "web1 -> other" not in said


@pytest.mark.parametrize("playbook", ["_static_offer.yml", "_static_show.yml"])
def test_nobody_is_asked_where_apps_are_served_on_their_own_host(play, here, playbook):
    hosts = {"web1": {**here, **APPS}}
    status, said = play(playbook, hosts, proxies={"hosts": {"web1": None}})
    assert status == 0
    assert "ok: [" not in said
    assert "changed: [" not in said
