"""The order in which hosts get new instances."""

from __future__ import annotations

WRONG = [{"name": "no-such-shop", "app": "shop:app", "directory": "not absolute", "virtualenv": "/venv"}]


def test_first_host_with_a_selected_app_tries_it_alone(play, here):
    blog = {**here, "python_apps": [{"name": "blog", "app": "blog:app"}]}
    shop = {**here, "gunicorn_apps": WRONG}
    hosts = {"web1": {**here, "python_apps": []}, "web2": blog, "web3": shop, "web4": shop}
    status, said = play("_swap.yml", hosts, "-e", "gunicorn_only=no-such-shop")
    assert status == 2
    assert "included: webstack.python.gunicorn for web3\n" in said
    assert "fatal: [web3]" in said
    assert "web4" not in said
    assert "WARNING" not in said


def test_run_without_app_hosts_warns_of_nothing(play, here):
    status, said = play("_swap.yml", {"web1": here}, "--limit", "front", proxies={"hosts": {"front": here}})
    assert status == 0
    assert "WARNING" not in said
