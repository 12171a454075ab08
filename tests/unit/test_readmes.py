"""The examples of the READMEs, which the collection's own rules judge."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from ansible_collections.webstack.python.plugins.plugin_utils import _host_variables, _manifest

from tests.unit.roles import front_tree

ROOT = Path(__file__).parents[2]
FILES = ["README.md", *(f"roles/{name}/README.md" for name in ("python_app", "gunicorn", "nginx"))]
# How the collection's variables begin.
OWN = ("gunicorn_", "nginx_", "python_app", "webstack_")
# Parts of entries, and what such an entry needs.
APP = {
    "name": "shop",
    "app": "shop.wsgi:app",
    "source": {"git": "https://example.com/shop.git", "ref": "main"},
}
# What the examples leave to an inventory.
KNOWN = {
    "down": "shop",
    "groups": {"app_servers": ["web1"]},
    "hostvars": {"web1": {"python_apps": [{**APP, "nginx": {"domains": ["shop.example.com"]}}]}},
    "inventory_hostname": "web1",
    "lookup": lambda *_words: "text",
    **{
        f"vault_{name}": "secret"
        for name in (
            *("git_token", "index_password", "shop_alice", "shop_secret", "staging_alice"),
            "wiki_database",
        )
    },
}


def examples():
    """Yield each YAML example with its place."""
    for name in FILES:
        text = (ROOT / name).read_text(encoding="utf-8")
        for found in re.finditer(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text[: found.start()].count("\n") + 2
            yield pytest.param(yaml.safe_load(found[1]), id=f"{name}:{line}")


def judge(example):
    """Return what is wrong with an example, be it a play, an entry's section or variables."""
    if isinstance(example, list):
        return [problem for play in example for problem in judge(play.get("vars", {}))]
    if "nginx" in example:
        return _manifest.findings([{**APP, **example}])
    variables = {name: value for name, value in example.items() if name != "python_apps"}
    unknown = sorted(name for name in variables.keys() - _host_variables.NAMES if name.startswith(OWN))
    wrong = _host_variables.findings(variables, "web1", runs_apps=True, is_proxy=True)
    return [*unknown, *wrong, *_manifest.findings(example.get("python_apps", []))]


def of_example(example):
    """Return the variables of an example that are the user's own; a play has none."""
    own = {} if isinstance(example, list) else example
    return {name: value for name, value in own.items() if not name.startswith(OWN)}


@pytest.mark.parametrize("example", list(examples()))
def test_example_is_taken(example, tmp_path):
    for folder in ("shop", "inventory/shop"):
        (tmp_path / folder).mkdir(parents=True)
    if "app_servers" in example:  # an inventory
        return
    known = {**KNOWN, **of_example(example), "inventory_dir": str(tmp_path / "inventory")}
    assert judge(front_tree.evaluate(example, known)) == []


def test_examples_are_judged():
    assert judge({"nginx": {"cache": "1"}})
    assert judge({"nginx_status": "yes"})
    assert judge({"nginx_stats": True})
    assert judge({"python_apps": [{"name": "shop"}]})
