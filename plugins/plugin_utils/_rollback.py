# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A rollback, judged before the first host goes back: what was asked for, and the entries that it reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _manifest, _only
from ansible_collections.webstack.python.plugins.plugin_utils._data import plain_or_unreadable, read
from ansible_collections.webstack.python.plugins.plugin_utils._spec import documented

APP = "app"
ENVIRONMENT = "rollback_env"
OPTION = "gunicorn_rollback_environment"  # of the role, which the one of the playbook is handed to


@dataclass(frozen=True)
class Run:
    """A run of the playbook as one of its hosts sees it.

    context: the host's own variables, with those of the play. hostvars: those of all hosts, without.
    hosts: all of the run, in their order.
    """

    context: Mapping[str, Any]
    hostvars: Mapping[str, Any]
    host: str
    hosts: Sequence[str]

    def given(self, name: str) -> dict[str, Any]:
        """Return what each host has as a variable, None where it has none."""
        own = _value(self.context, name)
        if own != _value(self.hostvars[self.host], name):
            # The play says it, for all hosts.
            return dict.fromkeys(self.hosts, own)
        return {host: _value(self.hostvars[host], name) for host in self.hosts}

    def lists(self) -> list[object]:
        """Return the lists of apps of all hosts, not read any further."""
        known = (self.context if host == self.host else self.hostvars[host] for host in self.hosts)
        return [apps for variables in known for apps in _only.lists_of(variables)]


def findings(run: Run) -> list[str]:
    """Return all that keeps a host from going back; what concerns all hosts is said by the first."""
    shared = [*_app(run), *_environment(run)] if run.host == run.hosts[0] else []
    return [*shared, *_entry(run)]


def _app(run: Run) -> list[str]:
    """Judge which app is named; one run goes back with one app."""
    given = {host: _text(app) for host, app in run.given(APP).items()}
    hosts = {app: host for host, app in reversed(given.items())}
    if len(hosts) > 1:
        said = ", ".join(f"{hosts[app]} names {repr(app) if app else 'none'}" for app in sorted(hosts))
        return [f"{APP}: {said}; give it on the command line: -e {APP}=shop"]
    (app,) = hosts
    if not app:
        return [f"{APP}: name the one to roll back, as in -e {APP}=shop"]
    return _only.findings([app], run.lists(), APP)


def _environment(run: Run) -> list[str]:
    choices = documented("gunicorn")[OPTION].choices
    wrong = {
        repr(value): None
        for value in run.given(ENVIRONMENT).values()
        if value is not None and value not in choices
    }
    use = f"write -e {ENVIRONMENT}=current on the command line, or leave it out for the recorded one"
    return [f"{ENVIRONMENT}: {value} is not known; {use}" for value in wrong]


def _entry(run: Run) -> list[str]:
    """Judge what an instance is made of today; a list that is written by hand is left to the role."""
    app = _text(_value(run.context, APP))
    if not app or "gunicorn_apps" in run.context or "python_apps" not in run.context:
        return []
    return _manifest.instance_findings(read(run.context, "python_apps"), run.host, [app])


def _value(variables: Mapping[str, Any], name: str) -> Any:
    return plain_or_unreadable(read(variables, name)) if name in variables else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
