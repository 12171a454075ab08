"""Which host of a run tries a new instance alone."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.first_host import first_host

HOSTVARS = {
    "web1": {"python_apps": []},
    "web2": {"python_apps": [{"name": "blog"}, {"name": "shop", "state": "absent"}]},
    "web3": {"gunicorn_apps": [{"name": "wiki"}], "python_apps": [{"name": "shop"}]},
    "web4": {"python_apps": [{"name": "shop"}]},
}


@pytest.mark.parametrize(
    ("only", "host"),
    [([], "web2"), ("blog", "web2"), (["shop"], "web3"), ("wiki", "web3"), ("none", "web1")],
)
def test_first_host_that_has_a_selected_app_goes_first(only, host):
    assert first_host(HOSTVARS, list(HOSTVARS), only) == host


def test_hosts_outside_of_the_run_do_not_count():
    assert first_host(HOSTVARS, ["web4", "web3"], "shop") == "web4"


def test_first_of_all_goes_first_where_no_host_has_a_list():
    assert first_host({"a": {}, "b": {}}, ["b", "a"]) == "b"
