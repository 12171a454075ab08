#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module webstack.python.release_static."""

from __future__ import annotations

DOCUMENTATION = r"""
module: release_static
short_description: Hand the static files of releases to the controller
version_added: 0.1.0
description:
  - Tells by digests which static files the releases of apps have, for proxies on other hosts, and brings
    those of them to the controller that a proxy lacks.
  - Changes nothing on the host.
options:
  apps:
    description: The apps that are looked at.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: The app's name.
        type: str
        required: true
      folders:
        description: Folders relative to the code.
        type: list
        elements: str
        required: true
      release:
        description: The id of the release that is to be live. Default is the one that was built last.
        type: str
        default: ""
  wanted:
    description:
      - Digests of files that are brought to the controller, into a folder that is the run's own, where it
        lacks them. With none, the module tells the digests and no more.
    type: list
    elements: str
    default: []
author: webstack.python contributors (@webstack-python)
attributes:
  check_mode:
    support: full
    description: Tells the digests, and brings no files. A release that is yet to be built is not known.
  diff_mode:
    support: none
    description: There is nothing to show.
  platform:
    support: full
    platforms: debian
    description: Target OS/families that can be operated against.
notes:
  - Needs root on the host.
"""

EXAMPLES = r"""
- name: Look at the static files of a release
  webstack.python.release_static:
    apps:
      - {name: shop, folders: [shop/static]}
  register: found

- name: Bring them to the controller
  webstack.python.release_static:
    apps:
      - {name: shop, folders: [shop/static]}
    wanted: ["{{ found.digests.shop.offered }}"]
"""

RETURN = r"""
digests:
  description:
    - What the files of each app are known by, of the release that is to be live and of the one that is, as
      far as they are there.
  returned: success
  type: dict
  sample: {"shop": {"offered": "9f86d081884c7d65…", "live": "60303ae22b998861…"}}
"""

from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _static_files
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout

ARGUMENTS: dict[str, Any] = {
    "apps": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "name": {"type": "str", "required": True},
            "folders": {"type": "list", "elements": "str", "required": True},
            "release": {"type": "str", "default": ""},
        },
    },
    "wanted": {"type": "list", "elements": "str", "default": []},
    # Where the action plugin takes the archives from.
    "_folder": {"type": "path"},
}


def places(app: dict[str, Any]) -> dict[str, Path]:
    """Return where the code of an app's releases is, of those that are there."""
    layout = Layout(app["name"])
    offered = layout.code(app["release"]) if app["release"] else layout.pointer / "code"
    found = {"offered": offered, "live": layout.current}
    return {kind: place.resolve() for kind, place in found.items() if place.is_dir()}


class Releases:
    """The releases of one app: the digest of each one's files, and the files by their digest."""

    def __init__(self, app: dict[str, Any]) -> None:
        """Look at the app's releases, at each once. Raises OSError."""
        self.places = places(app)
        self.files = {code: _static_files.find(code, app["folders"]) for code in set(self.places.values())}
        self.known = {code: _static_files.digest_of(files) for code, files in self.files.items()}

    def digests(self) -> dict[str, str]:
        """Return what the files are known by of the release that is to be live, and of the one that is."""
        return {kind: self.known[code] for kind, code in self.places.items()}

    def pack(self, wanted: list[str], folder: Path) -> None:
        """Write an archive of each that is wanted. Raises OSError."""
        for code, digest in self.known.items():
            if digest in wanted:
                _static_files.pack(self.files[code], folder / f"{digest}.tar.gz")


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    folder = module.params["_folder"]
    try:
        found = {app["name"]: Releases(app) for app in module.params["apps"]}
        for releases in found.values() if folder else ():
            releases.pack(module.params["wanted"], Path(folder))
    except OSError as error:
        module.fail_json(msg=f"the static files of this host's releases could not be read or packed: {error}")
    module.exit_json(changed=False, digests={name: releases.digests() for name, releases in found.items()})


if __name__ == "__main__":
    main()
