"""What the filter adds to the validator: whether there is a manifest at all."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.filter.manifest_findings import FilterModule

findings = FilterModule().filters()["manifest_findings"]
INVENTORY = {"web1": {}, "edge": {}}


def test_app_host_without_a_manifest_is_refused():
    (finding,) = findings({}, INVENTORY, "web1", ["web1"], ["web1"])
    assert finding.startswith("python_apps: is not defined for web1;")
    assert "python_apps: []" in finding


@pytest.mark.parametrize("variables", [{"python_apps": []}, {"gunicorn_apps": []}], ids=str)
def test_empty_list_is_a_manifest(variables):
    assert findings(variables, {"web1": variables}, "web1", ["web1"], ["web1"]) == []


def test_proxy_of_app_hosts_without_a_manifest_is_refused():
    (finding,) = findings({}, INVENTORY, "edge", ["web1"], ["edge"])
    assert finding.startswith("python_apps: is not defined for any app host;")


def test_proxy_with_sites_of_its_own_needs_no_manifest():
    sites = {"nginx_sites": []}
    assert findings(sites, {"web1": {}, "edge": sites}, "edge", ["web1"], ["edge"]) == []


APPS = {"python_apps": [{"name": "shop", "app": "shop:app", "source": {"path": "/"}}]}
OTHERS = {"python_apps": [{"name": "blog", "app": "blog:app", "source": {"path": "/"}}]}


def select(names, **context):
    inventory = {"web1": APPS, "web2": OTHERS}
    return findings({**APPS, "python_app_only": names, **context}, inventory, "web1", ["web1", "web2"], [])


def test_app_of_another_host_of_the_run_may_be_named():
    assert select(["blog"]) == select("shop") == select([]) == []


def test_app_that_no_host_of_the_run_has_is_refused_by_the_users_own_word():
    assert select(["shpo"]) == ["python_app_only: there is no app 'shpo'; this run has blog, shop"]
    assert select(["blog"], ansible_play_hosts_all=["web1", "edge"], only="blog") == [
        "only: there is no app 'blog'; this run has shop"
    ]


def test_empty_selection_is_refused_where_it_was_made_for_the_run():
    (finding,) = select([], only=[])
    assert finding.startswith("only: names no app; ")


def test_selection_for_a_playbook_that_takes_none_is_refused():
    (finding,) = findings({**APPS, "only": "shop"}, {"web1": APPS}, "web1", ["web1"], [])
    assert finding.startswith("only: this playbook brings everything to the manifest")
