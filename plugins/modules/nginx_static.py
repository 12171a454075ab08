#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module webstack.python.nginx_static."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_static
short_description: Keep the static files of apps that are on other hosts
version_added: 0.1.0
description:
  - A proxy that is not an app's host has copies of its static files below C(/var/lib/webstack/static). The
    link C(current) leads to those of what is live, C(previous) to those of what was live before.
  - The archives come from the controller, where M(webstack.python.release_static) has brought them, and only
    where the proxy lacks what is in them.
options:
  state:
    description:
      - V(compared) changes nothing, and tells whether the other states have something to do, now or once the
        releases are live.
      - V(offered) has the files answered that are to be live, beside those that are answered already.
      - V(shown) has Nginx ask for the files of what is live first, and removes what is older than the ones
        before.
    type: str
    choices: [compared, offered, shown]
    required: true
  apps:
    description: The apps.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The app's name.
        type: str
        required: true
      offered:
        description:
          - Digests of the files of the releases that are to be live, without repetition. Of files of one
            name, the first one's counts.
        type: list
        elements: str
        default: []
      live:
        description: Those of the releases that are live.
        type: list
        elements: str
        default: []
      complete:
        description:
          - Whether these are the releases of all hosts of the app. Else the files that are live stay, too.
        type: bool
        default: true
  lacking:
    description: What V(compared) has answered as RV(lacking), for O(state=offered).
    type: list
    elements: str
    default: []
author: webstack.python contributors (@webstack-python)
attributes:
  check_mode:
    support: full
    description: Can run in check_mode and return changed status prediction without modifying target.
  diff_mode:
    support: none
    description: Will return details on what has changed (or possibly needs changing in check_mode).
  platform:
    support: full
    platforms: debian
    description: Target OS/families that can be operated against.
notes:
  - Needs root on the host.
"""

EXAMPLES = r"""
- name: Compare a proxy with an app's releases
  webstack.python.nginx_static:
    state: compared
    apps:
      - {name: shop, offered: ["{{ found.digests.shop.offered }}"], live: ["{{ found.digests.shop.live }}"]}
"""

RETURN = r"""
differs:
  description: Whether the other states have something to do.
  returned: when O(state=compared)
  type: bool
lacking:
  description: Digests of the files that are to be brought.
  returned: when O(state=compared)
  type: list
  elements: str
"""

import os
import tarfile
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils._files import Locked, lock, lock_path
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError
from ansible_collections.webstack.python.plugins.module_utils._static_sets import Request, Sets

ARGUMENTS: dict[str, Any] = {
    "state": {"type": "str", "choices": ["compared", "offered", "shown"], "required": True},
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "offered": {"type": "list", "elements": "str", "default": []},
            "live": {"type": "list", "elements": "str", "default": []},
            "complete": {"type": "bool", "default": True},
        },
    },
    "lacking": {"type": "list", "elements": "str", "default": []},
    # The action plugin hands over where it has put them, by their digests.
    "_archives": {"type": "dict", "default": {}},
}


def compared(requests: list[Request]) -> dict[str, Any]:
    """Return what the proxy lacks, and whether there is anything to do."""
    looked = [(Sets(request.name), request) for request in requests]
    lacking = dict.fromkeys(digest for sets, request in looked for digest in sets.lacking(request))
    differs = any(sets.differs(request) for sets, request in looked)
    return {"changed": False, "differs": differs, "lacking": list(lacking)}


def bring(module: AnsibleModule, request: Request) -> bool:
    """Bring an app's sets to the state that is wanted, and tell whether that changes anything."""
    sets, state = Sets(request.name), module.params["state"]
    archives = {digest: Path(path) for digest, path in module.params["_archives"].items()}
    changed = False
    try:
        if module.check_mode:
            changed = sets.foresees(request, state)
        else:
            with lock(lock_path(f"app-{request.name}")):
                changed = sets.offer(request, archives) if state == "offered" else sets.show(request)
    except (OSError, ReleaseError, Locked, tarfile.TarError) as error:
        module.fail_json(
            msg=f"{request.name}: its static files could not be {state} on this proxy: {error}\n"
            "Those that were answered still are."
        )
    return changed


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    requests = [Request.of(app) for app in module.params["apps"]]
    os.umask(0o022)
    if module.params["state"] == "compared":
        module.exit_json(**compared(requests))
    changes = [bring(module, request) for request in requests]
    module.exit_json(changed=any(changes))


if __name__ == "__main__":
    main()
