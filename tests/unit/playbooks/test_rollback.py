"""Which apps a rollback may name."""

from __future__ import annotations

from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible_collections.webstack.python.plugins.filter.only_findings import only_findings

PLAYBOOK = Path(__file__).parents[3] / "playbooks/rollback.yml"
HOSTVARS = {
    "web1": {"python_apps": [{"name": "shop"}]},
    "web2": {"python_apps": [{"name": "shop"}, {"name": "blog"}], "gunicorn_apps": [{"name": "legacy"}]},
    "web3": {"gunicorn_apps": [{"name": "wiki"}]},
    "proxy": {},
}


def findings(app):
    """Return what the playbook finds wrong with an app to roll back."""
    variables = yaml.safe_load(PLAYBOOK.read_text(encoding="utf-8"))[0]["tasks"][0]["vars"]
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined)
    environment.filters.update(CoreFilters().filters())
    expression = environment.compile_expression(variables["__rollback_apps"].strip("{} \n"))
    apps = expression(hostvars=HOSTVARS, ansible_play_hosts_all=list(HOSTVARS))
    return only_findings(apps, [app], "app")


@pytest.mark.parametrize("app", ["shop", "blog", "legacy", "wiki"])
def test_app_of_either_list_may_be_named(app):
    assert findings(app) == []


def test_unknown_app_is_answered_with_those_of_both_lists():
    assert findings("shpo") == ["app: there is no app 'shpo'; this run has blog, legacy, shop, wiki"]
