# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.nginx_resolve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: nginx_resolve
short_description: Entries of nginx_sites with every key set
version_added: 0.1.0
description:
  - Completes entries of C(nginx_sites) by host-wide defaults, so that templates only print. Those with the
    same domains become one server block; absent ones are left out.
positional: _input, defaults
options:
  _input:
    description: Entries of C(nginx_sites).
    type: list
    elements: dict
    required: true
  defaults:
    description:
      - Values for what an entry leaves out, with the keys C(max_body_size), C(tls), C(read_timeout),
        C(blocked_paths), C(headers) and C(access_log).
    type: dict
    required: true
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
resolved: "{{ nginx_sites | webstack.python.nginx_resolve(__nginx_defaults) }}"
"""

RETURN = r"""
_value:
  description:
    - The server blocks, each with the keys of its first entry, in which what is of the block is the same as
      in the others, and with C(apps).
  type: list
  elements: dict
  contains:
    apps:
      description: The entries of the block, each with all keys but this one.
      type: list
      elements: dict
    name:
      description: The site's name.
      type: str
    domains:
      description: The host names it answers.
      type: list
      elements: str
    names:
      description: What its certificate is for; its domains, and the names that lead to the first.
      type: list
      elements: str
    catch_all:
      description: Whether it answers every name, as it has no domains.
      type: bool
    upstream:
      description:
        - C(name) of the upstream block, C(servers) as nginx writes them, and C(keepalive), the idle
          connections of each worker. None for a static site.
      type: dict
    static:
      description:
        - Folders that nginx serves, each with C(prefix), C(alias), and C(fallback) for what is not there or
          empty for none, all ending in a slash.
      type: list
      elements: dict
    max_body_size:
      description: The largest request body, with its unit.
      type: str
    tls:
      description:
        - What the site shows in the handshake; C(certificate) and C(key), its files on the proxy, whether
          an authority is asked for it (C(acme)), and whether browsers may be told to come by HTTPS alone
          (C(hsts)). None where the site is served without TLS.
      type: dict
    extra:
      description: Raw nginx for the server block.
      type: str
    limits:
      description:
        - Who may ask the site, how often, and for what; names of nginx's variables, networks in full, and
          regular expressions of paths and agents.
      type: dict
    place:
      description: C(path), C(redirects), C(root) and C(buffering).
      type: dict
    record:
      description:
        - C(headers), each with its name, value and nginx's variables, and the format of the log in
          C(access_log).
      type: dict
"""


def nginx_resolve(nginx_sites: object, defaults: object) -> Sequence[Mapping[str, Any]]:
    """Complete entries of nginx_sites; see resolve."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

    return _nginx.resolve(nginx_sites, defaults)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"nginx_resolve": nginx_resolve}
