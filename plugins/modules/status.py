#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Say how the apps of a host are."""

from __future__ import annotations

DOCUMENTATION = r"""
module: status
short_description: Say how the apps of a host are
version_added: 0.1.0
description:
  - Gives what is live of each app that the manifest names, and of each that the collection has put on
    the host and the manifest does not name (any more).
  - Asks every instance that runs for its health, on the socket of its own. One that does not run is
    not asked, as that would start it.
  - Changes nothing, in any mode.
options:
  apps:
    description: What the manifest says, as P(webstack.python.status_requests#filter) gives it.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The app's name.
        type: str
        required: true
      state:
        description: Whether the app is to be there.
        type: str
        choices: [present, absent]
        default: present
      health:
        description:
          - What the app is asked, with the keys C(path), C(status), C(body), C(host) and C(scheme) of
            M(webstack.python.instance).
          - Without any, what it was asked when it went live.
        type: dict
        default: {}
  complete:
    description: Whether O(apps) is all of the manifest. Otherwise no app counts as unnamed.
    type: bool
    default: true
  timeout:
    description: Seconds that an app has to answer.
    type: float
    default: 5
attributes:
  check_mode:
    support: full
    description: The module only reads.
  diff_mode:
    support: none
    description: There is nothing to show.
author: webstack.python contributors (@webstack-python)
"""

EXAMPLES = r"""
- name: Look at the apps
  webstack.python.status:
    apps:
      - name: shop
        health: {path: /healthz, status: [200], host: shop.example.com}
  register: found

- name: Stop where one is not well
  ansible.builtin.assert:
    that: found.apps | rejectattr('health.ok', 'true') | length == 0
"""

RETURN = r"""
apps:
  description: One mapping an app, by name.
  returned: always
  type: list
  elements: dict
  contains:
    app:
      description: The app's name.
      type: str
    state:
      description:
        - V(live) where the recorded instance runs. Where it does not, V(stopped), V(failed),
          V(starting), V(stopping), or V(crashing) while systemd starts it again and again.
        - Without a recorded instance, V(not live) where there are releases or units, V(half removed)
          where they are of an app that the manifest does not want, and V(absent) where there is nothing.
      type: str
    wanted:
      description:
        - V(present) or V(absent) as the manifest says, V(unnamed) where it does not name the app, and
          V(unknown) without O(complete).
      type: str
    instance:
      description: The recorded instance.
      type: str
    release:
      description: The release that it runs.
      type: str
    revision:
      description: The commit of that release, where its source has any.
      type: str
    source:
      description: The kind of the release's source.
      type: str
    since:
      description: When the instance became the live one, in ISO 8601, UTC.
      type: str
    by:
      description: Who made it the live one.
      type: str
    accepted:
      description: Whether it has outlasted the watch after its switch.
      type: bool
    workers:
      description: How many worker processes are C(up), C(of) how many.
      type: dict
    memory:
      description: Bytes that its processes take, files in the page cache among them.
      type: int
    restarts:
      description: How often systemd has started it again since it was started.
      type: int
    previous:
      description: The C(instance) and the C(release) that a rollback would take; null for none.
      type: dict
    held:
      description:
        - The instances that were rolled back and are not deployed again by themselves, each with
          C(instance), C(release), C(at) and C(by).
      type: list
      elements: dict
    sockets:
      description: The units of the public sockets, V(open) where the app can be reached.
      type: dict
    strays:
      description: Instances that run beside the recorded one.
      type: list
      elements: str
    left:
      description: What there is of an app without a recorded instance.
      type: list
      elements: str
    health:
      description:
        - Whether the answer was C(ok) (null where the app was not asked), the C(status), C(seconds),
          and a C(message) where it was not.
      type: dict
  sample:
    - app: shop
      state: live
      wanted: present
      instance: 3f6f1a2b9c0d
      release: 0a1b2c3d4e5f
      revision: 9b2e5c1d7f3a4b6c8d0e1f2a3b4c5d6e7f8a9b0c
      source: git
      since: "2026-07-01T09:30:00+00:00"
      workers: {up: 3, of: 3}
      memory: 73400320
      health: {ok: true, status: 200, message: "", seconds: 0.004}
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _account, _status, _systemd, _traces


def look(named: dict[str, _status.Named], *, complete: bool, timeout: float) -> list[dict[str, Any]]:
    """Return how each app is, those that the manifest names and those that are only on the host.

    complete: whether the manifest is known as a whole. timeout: seconds that an app has to answer.
    Raises SystemdError.
    """
    host = _status.read_host()
    traces = _traces.find(host.root, _account.ours())
    rows = [
        _status.describe(app, named.get(app), host, traces.get(app, _traces.Traces()))
        for app in sorted({*named, *traces})
    ]
    rows = [row for row in rows if (row["state"], row["wanted"]) != ("absent", "absent")]
    for row in rows:
        if row["wanted"] == "unnamed" and not complete:
            row["wanted"] = "unknown"
    _status.ask(rows, named, host, timeout)
    return rows


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "apps": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
                    "health": {"type": "dict", "default": {}},
                },
            },
            "complete": {"type": "bool", "default": True},
            "timeout": {"type": "float", "default": 5},
        },
        supports_check_mode=True,
    )
    named = {app["name"]: _status.Named(app["state"], app["health"]) for app in module.params["apps"]}
    try:
        rows = look(named, complete=module.params["complete"], timeout=module.params["timeout"])
    except (_systemd.SystemdError, OSError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(changed=False, apps=rows)


if __name__ == "__main__":
    main()
