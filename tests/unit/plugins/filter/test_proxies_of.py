"""Whose Nginx may ask the apps of a host."""

from __future__ import annotations

from ansible_collections.webstack.python.plugins.filter.proxies_of import proxies_of

BOTH = ["web1", "web2"]


def test_an_app_host_is_its_own_proxy_and_a_proxy_alone_is_that_of_all():
    hostvars = {"web1": {}, "web2": {}, "front": {}}
    assert proxies_of(hostvars, "web1", BOTH, [*BOTH, "front"]) == ["web1", "front"]
    assert proxies_of(hostvars, "web1", BOTH, []) == []


def test_app_hosts_that_balance_over_each_other_ask_each_other():
    hostvars = {host: {"nginx_app_hosts": BOTH} for host in BOTH}
    assert proxies_of(hostvars, "web1", BOTH, BOTH) == BOTH


def test_a_proxy_that_serves_other_hosts_asks_none_of_the_rest():
    hostvars = {"web1": {}, "web2": {}, "front": {"nginx_app_hosts": ["web2"]}}
    assert proxies_of(hostvars, "web1", BOTH, ["front"]) == []
