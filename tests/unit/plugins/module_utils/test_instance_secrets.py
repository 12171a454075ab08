"""What a failure must not show of an environment."""

from __future__ import annotations

from ansible_collections.webstack.python.plugins.module_utils._instance_secrets import (
    hide_environment,
    mask,
    secrets_of,
)


def test_each_line_of_a_value_may_be_a_secret():
    env = {"KEY": "BEGIN KEY\n  c2VjcmV0\nshort\n", "DEBUG": "1"}
    assert secrets_of(env) == {env["KEY"], "BEGIN KEY", "c2VjcmV0"}


def test_a_value_is_hidden_whole_before_its_lines():
    secrets = secrets_of({"KEY": "first line\nend"})
    assert mask("<first line\nend> <    first line>", secrets) == "<********> <    ********>"


def test_the_environment_leaves_nothing_in_what_is_shown():
    params = {"env": {"SECRET": "hunter2hunter2", "DEBUG": "1", "COUNT": 3}}
    env = hide_environment(params)
    assert env == {"SECRET": "hunter2hunter2", "DEBUG": "1", "COUNT": "3"}
    assert set(params["env"]) == set(env)
    assert "hunter2" not in str(params)
