"""What a run removes waits for the proxies that may still ask for it."""

from __future__ import annotations


def test_host_that_the_nginx_of_another_asks_keeps_what_is_to_go(play, here):
    web = {**here, "nginx_app_hosts": ["web1", "web2"], "python_apps": [{"name": "old", "state": "absent"}]}
    # As if this run had brought the Nginx of the first to its sites.
    hosts = {"web1": {**web, "__nginx_applied": {}}, "web2": web}
    status, said = play("_remove.yml", hosts, "--limit", "web1", proxies={"hosts": hosts})
    assert status == 0
    assert "this run left out web2, who may still ask for them" in " ".join(said.split())
