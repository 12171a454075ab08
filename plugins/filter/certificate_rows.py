# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.certificate_rows."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Mapping
from typing import Any

DOCUMENTATION = r"""
name: certificate_rows
short_description: The certificates of all proxies, as one list
version_added: 0.1.0
description:
  - Joins what M(webstack.python.nginx_info) gave each host, and notes what is to be seen to. A host that
    gave nothing has a row as well.
positional: _input, hosts, variable
options:
  _input:
    description: Ansible's C(hostvars).
    type: dict
    required: true
  hosts:
    description: Inventory names of the hosts that were asked.
    type: list
    elements: str
    required: true
  variable:
    description: Where each host's result is registered.
    type: str
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
report: "{{ hostvars | webstack.python.certificate_rows(ansible_play_hosts_all, '__certificates') }}"
"""

RETURN = r"""
_value:
  description:
    - One mapping a certificate and host, sorted by site, as
      RV(webstack.python.nginx_info#module:certificates), and with the keys C(host), C(days) and
      C(notes), which has what is to be seen to.
    - A host that gave no answer has a mapping whose C(site) is null.
  type: list
  elements: dict
"""


def certificate_rows(
    hostvars: Mapping[str, Any], hosts: Iterable[str], variable: str
) -> list[dict[str, Any]]:
    """Return the rows of all hosts; see rows."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _certificate_status
    from ansible_collections.webstack.python.plugins.plugin_utils._data import plain

    results = {str(host): plain(hostvars[host].get(variable, {})) for host in hosts}
    return _certificate_status.rows(results, datetime.datetime.now(datetime.UTC))


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., list[dict[str, Any]]]]:
        """Return the filters by name."""
        return {"certificate_rows": certificate_rows}
