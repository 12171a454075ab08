# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory sets of the roles' variables besides the manifest, judged before any role starts."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn, _index, _nginx, _rules
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable, plain_or_unreadable
from ansible_collections.webstack.python.plugins.plugin_utils._entries import check_variables
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule, documented


@dataclass(frozen=True)
class Role:
    """A role's variables: the rules of single ones and of all together, and what judges lists of entries.

    What judges a list gets all of the variables, too, and the folder where relative paths start.
    """

    name: str
    rules: Mapping[str, Rule]
    lists: Mapping[str, Callable[[object, Mapping[str, object], str], list[str]]] = field(
        default_factory=dict
    )
    together: Callable[[Mapping[str, object]], Iterable[Finding]] = lambda _values: ()


MANIFEST = "python_apps"
RELEASE = Rule(_rules.USE_RELEASE, _rules.matches(_rules.RELEASE, "is not a version", _rules.USE_RELEASE))
APP_ROLES = (
    Role(
        "python_app",
        {
            "python_app_uv_version": RELEASE,
            "python_app_gunicorn_version": RELEASE,
            "python_app_index_url": Rule(_index.USE_URL, _index.url, secret=True),
            "python_app_uv_arguments": Rule(_index.USE_ARGUMENTS, _index.uv_arguments, secret=True),
            "python_app_hook_timeout": Rule("write whole seconds from 1", _rules.between(1)),
            "python_app_index_password": Rule("write it as text", secret=True),
            "python_app_ca_bundle": Rule(_rules.USE_ABSOLUTE, _rules.absolute_path_or_none),
        },
        together=_index.credentials,
    ),
    Role(
        "gunicorn",
        _gunicorn.VARIABLE_RULES,
        {"gunicorn_apps": lambda apps, values, _base: _gunicorn.list_findings(apps, values)},
    ),
)
PROXY_ROLE = Role(
    "nginx",
    _nginx.VARIABLE_RULES,
    {"nginx_sites": _nginx.list_findings},
    together=_nginx.together,
)
NAMES = frozenset(
    name for role in (*APP_ROLES, PROXY_ROLE) for name in documented(role.name) if name != MANIFEST
)


def findings(
    variables: Mapping[str, object], host: str, *, runs_apps: bool, is_proxy: bool, base: str = "/"
) -> list[str]:
    """Return all that is wrong with the variables of the roles that a host gets.

    variables: those among NAMES that are set for the host. One whose template needs a role's
    default is passed over: only the role itself can fill it in, and judges it then. base: the folder on
    the controller where relative paths start.
    """
    values = {name: plain_or_unreadable(value) for name, value in variables.items()}
    readable = {name: value for name, value in values.items() if not _needs_default(value)}
    roles = (*(APP_ROLES if runs_apps else ()), *((PROXY_ROLE,) if is_proxy else ()))
    return [finding for role in roles for finding in _of_role(role, readable, host, base)]


def _of_role(role: Role, values: Mapping[str, object], host: str, base: str) -> Iterator[str]:
    options = documented(role.name)
    single = {
        name: value
        for name, value in values.items()
        if name in options and name not in role.lists and name != MANIFEST
    }
    yield from check_variables(single, role.name, role.rules, host)
    yield from map(str, role.together(single))
    for name, judge in role.lists.items():
        if name in values:
            yield from judge(values[name], values, base)


def _needs_default(value: object) -> bool:
    if isinstance(value, Unreadable):
        return any(name in value.cause for name in NAMES)
    if isinstance(value, Mapping):
        return any(_needs_default(item) for item in value.values())
    return isinstance(value, list) and any(_needs_default(item) for item in value)
