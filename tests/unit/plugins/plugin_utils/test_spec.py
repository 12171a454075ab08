"""The roles' documents and their defaults say the same."""

from __future__ import annotations

import pytest
import yaml
from ansible_collections.webstack.python.plugins.plugin_utils import (
    _gunicorn,
    _gunicorn_settings,
    _manifest,
    _nginx,
    _spec,
)

# Derived from other variables, so that no fixed default can be documented.
DERIVED = {"gunicorn_apps", "nginx_sites", "nginx_app_hosts", "python_apps"}


def main_options(role):
    text = (_spec.ROLES / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
    return yaml.safe_load(text)["argument_specs"]["main"]["options"]


def paths(options, prefix=""):
    for name, option in options.items():
        yield f"{prefix}{name}"
        yield from paths(option.options, f"{prefix}{name}.")


@pytest.mark.parametrize("role", ["python_app", "gunicorn", "nginx"])
def test_every_default_of_a_role_is_documented(role):
    text = (_spec.ROLES / role / "defaults" / "main.yml").read_text(encoding="utf-8")
    defaults = {name: value for name, value in yaml.safe_load(text).items() if name not in DERIVED}
    documented = {
        name: option.get("default") for name, option in main_options(role).items() if name not in DERIVED
    }
    assert documented == defaults


@pytest.mark.parametrize(
    "schema", [_manifest.SCHEMA, _gunicorn.SCHEMA, _nginx.SCHEMA], ids=lambda schema: schema.variable
)
def test_every_rule_belongs_to_a_documented_key(schema):
    options = _spec.documented(schema.role)[schema.variable].options
    assert set(schema.rules) - {""} <= set(paths(options))


def test_every_setting_with_another_place_is_one_of_gunicorns():
    assert set(_gunicorn_settings.OWNED) <= _gunicorn_settings.KNOWN
    assert not _gunicorn_settings.KNOWN & _gunicorn_settings.HOOKS
