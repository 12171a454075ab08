# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filter webstack.python.gunicorn_resolve."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

DOCUMENTATION = r"""
name: gunicorn_resolve
short_description: Entries of gunicorn_apps with every key set
version_added: 0.1.0
description:
  - Completes entries of C(gunicorn_apps) by host-wide defaults, so that templates only print.
positional: _input, defaults, only
options:
  _input:
    description: Entries of C(gunicorn_apps).
    type: list
    elements: dict
    required: true
  defaults:
    description:
      - Values for what an entry leaves out, with the keys C(workers), C(worker_class), C(threads),
        C(timeout), C(graceful_timeout), C(settings), C(service) and C(keep), each as in an entry.
      - C(settings) and C(service) are merged key by key; an entry's own value wins.
    type: dict
    required: true
  only:
    description: Names of apps to give, as a list or a text with commas. None stand for all.
    type: raw
    default: []
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
resolved: "{{ gunicorn_apps | webstack.python.gunicorn_resolve(__gunicorn_defaults, gunicorn_only) }}"
"""

RETURN = r"""
_value:
  description: The entries, each with the same set of keys.
  type: list
  elements: dict
  contains:
    name:
      description: The app's name.
      type: str
    app:
      description: Gunicorn's APP_MODULE.
      type: str
    user:
      description: The unix user that runs the app.
      type: str
    directory:
      description: The working directory; may lead through a link.
      type: str
    virtualenv:
      description: The virtualenv; may lead through a link.
      type: str
    current:
      description: A link that follows the live instance, or empty.
      type: str
    previous:
      description: A link that follows what was live before it, or empty.
      type: str
    env:
      description: The environment, every value as text.
      type: dict
    writable_paths:
      description: What the app may write to.
      type: list
      elements: str
    health:
      description:
        - C(path), C(status) (a list; empty means any below 500), C(timeout) (seconds), C(host),
          C(scheme), C(body) (empty for any), and C(watch) (seconds).
      type: dict
    notify:
      description: Commands around a swap, the lists C(before) and C(after).
      type: dict
    listen:
      description: V(unix), or C(HOST:PORT).
      type: str
    socket:
      description:
        - C(unit), the socket unit's name; C(address), its ListenStream; C(path), the address where
          it is a unix socket, else empty.
      type: dict
    workers:
      description: The number of workers, or V(auto).
      type: raw
    worker_class:
      description: Gunicorn's worker class.
      type: str
    threads:
      description: Threads per worker; 1 for V(sync).
      type: int
    timeout:
      description: Seconds without a heartbeat until a worker is killed.
      type: int
    graceful_timeout:
      description: Seconds that running requests have at a stop.
      type: int
    settings:
      description: More of Gunicorn's settings.
      type: dict
    service:
      description: C(sandbox), and C(memory_max), a size with a unit, or empty.
      type: dict
    keep:
      description: Instances kept for a rollback, the live one among them.
      type: int
    state:
      description: V(present) or V(absent).
      type: str
"""


def gunicorn_resolve(
    gunicorn_apps: object, defaults: object, only: object = ()
) -> Sequence[Mapping[str, Any]]:
    """Complete entries of gunicorn_apps; see resolve."""
    from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn

    return _gunicorn.resolve(gunicorn_apps, defaults, only)


class FilterModule:
    """Ansible's entry point."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"gunicorn_resolve": gunicorn_resolve}
