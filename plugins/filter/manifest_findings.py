# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.manifest_findings."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jinja2 import pass_context

DOCUMENTATION = r"""
name: manifest_findings
short_description: All that is wrong with the manifest, as far as one host is concerned
version_added: 0.1.0
description:
  - Checks the manifest C(python_apps) of one host, and what it shares with those of other hosts, before
    anything is changed. C(python_apps) is an option of the role P(webstack.python.python_app#role).
  - Gives every finding at once, each with the entry, the key and the remedy. No finding holds a value
    of C(env) or C(gunicorn.settings), nor an address of C(source.git).
  - Checks what the inventory sets of the roles' other variables for the host, C(gunicorn_*) and
    C(python_app_*) on an app host, C(nginx_*) on a proxy, hand-written lists among them. A template
    that needs a role's default is left to that role.
  - Checks a selection of apps, C(python_app_only), against the manifests of all app hosts of the play.
    Where the playbook's C(only) is given, it must name one at least.
  - An app host answers for its own entries. A host that is a proxy alone answers for what it reads of
    the app hosts' entries, each of these findings with the app host's name before it.
positional: _input, host, app_hosts, proxy_hosts, certificates
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  host:
    description: The C(inventory_hostname) of the host to check.
    type: str
    required: true
  app_hosts:
    description: Inventory names of the hosts that run the apps.
    type: list
    elements: str
    required: true
  proxy_hosts:
    description: Inventory names of the hosts that run Nginx.
    type: list
    elements: str
    required: true
  certificates:
    description: Whether to judge the certificates of C(nginx.tls); a run that leaves Nginx alone does not.
    type: bool
    default: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
findings: >-
  {{ hostvars | webstack.python.manifest_findings(
       inventory_hostname, groups['app_servers'] | default([]), groups['proxies'] | default([])) }}
"""

RETURN = r"""
_value:
  description: The findings; none where all is well.
  type: list
  elements: str
  sample:
    - >-
      python_apps[2] (shop): nginx.domains: shop.example.com is already used by 'blog'; give each app
      its own domains
"""


# A name that is misspelt, or a group_vars that Ansible does not find, must not look like "no apps".
NO_MANIFEST = (
    "python_apps: is not defined for {host}; see whether the name is spelt so and group_vars lies beside the "
    "inventory, or write python_apps: [] where there are to be no apps"
)


@pass_context
def manifest_findings(
    context: Mapping[str, Any],
    hostvars: Mapping[str, Any],
    host: str,
    app_hosts: Sequence[str],
    proxy_hosts: Sequence[str],
    certificates: bool = True,
) -> list[str]:
    """Return the findings of a host.

    Its own manifest comes from the template's context: hostvars knows the inventory, but neither
    the play's variables nor, in their templates, hostvars itself.
    """
    from ansible_collections.webstack.python.plugins.plugin_utils import _host_variables, _manifest
    from ansible_collections.webstack.python.plugins.plugin_utils._data import attempt

    if host in app_hosts and "python_apps" not in context and "gunicorn_apps" not in context:
        return [NO_MANIFEST.format(host=host)]
    own = attempt(lambda: context["python_apps"]) if "python_apps" in context else []
    base = str(context.get("playbook_dir", "/"))
    # A role's defaults are in the context, too, where its play has any; hostvars has what is set.
    names = [name for name in hostvars[host] if name in _host_variables.NAMES and name in context]
    variables = {name: attempt(functools.partial(context.__getitem__, name)) for name in names}
    return [
        *_host_variables.findings(
            variables, host, runs_apps=host in app_hosts, is_proxy=host in proxy_hosts, base=base
        ),
        *_manifest.manifest_findings(
            hostvars, host, app_hosts, proxy_hosts, own, base, certificates=certificates
        ),
        *_selection(context, hostvars, host, app_hosts),
    ]


def _selection(
    context: Mapping[str, Any], hostvars: Mapping[str, Any], host: str, app_hosts: Sequence[str]
) -> list[str]:
    """Return what is wrong with the selection of apps, over all app hosts of the run."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _only
    from ansible_collections.webstack.python.plugins.plugin_utils._data import attempt

    if "python_app_only" not in context:
        return [_only.MISPLACED] if "only" in context else []
    running = context.get("ansible_play_hosts_all", app_hosts)
    lists = [
        apps
        for app_host in app_hosts
        if app_host in running
        for apps in _only.lists_of(context if app_host == host else hostvars[app_host])
    ]
    only = attempt(lambda: context["python_app_only"])
    given = "only" in context
    return _only.findings(only, lists, "only" if given else "python_app_only", given=given)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[str]]]:
        """Return the filters by name."""
        return {"manifest_findings": manifest_findings}
