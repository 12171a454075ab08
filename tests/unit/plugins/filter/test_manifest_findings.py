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
