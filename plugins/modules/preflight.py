#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Refuse a run before its first change: the manifest's findings and this host's own."""

from __future__ import annotations

DOCUMENTATION = r"""
module: preflight
short_description: Refuse a wrong manifest, or names that belong to someone else on the host
version_added: 0.1.0
description:
  - Fails with all findings at once, those that O(findings) brings and those of this host.
  - A unix user, a directory or a unit that the collection did not make is never taken over.
  - Warns of apps on this host that the manifest does not name any more; they go on running.
  - Changes nothing, in any mode.
options:
  findings:
    description: What P(webstack.python.manifest_findings#filter) found; one line each.
    type: list
    elements: str
    default: []
  apps:
    description: The apps whose names are looked for on this host.
    type: list
    elements: dict
    default: []
    suboptions:
      entry:
        description: How messages name the manifest entry, C(python_apps[0] (shop\)).
        type: str
        required: true
      name:
        description: The app's name.
        type: str
        required: true
      state:
        description: Names that are to be absent are nobody's claim.
        type: str
        default: present
  proxy:
    description: Whether this host's Nginx is managed in this run.
    type: bool
    default: false
  static:
    description: The apps whose static files this proxy must have already, as the run leaves out their hosts.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The app's name.
        type: str
        required: true
      hosts:
        description: The hosts that have the app.
        type: list
        elements: str
        required: true
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
- name: Refuse a wrong manifest
  webstack.python.preflight:
    findings: "{{ hostvars | webstack.python.manifest_findings(inventory_hostname, ['web1'], ['web1']) }}"
    apps: "{{ python_apps | webstack.python.app_entries }}"
    proxy: true
"""

RETURN = r"""
findings:
  description: Every finding; the module fails when there is one.
  returned: always
  type: list
  elements: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import _nginx_tree
from ansible_collections.webstack.python.plugins.module_utils._account import AccountError, exists, ours
from ansible_collections.webstack.python.plugins.module_utils._files import is_ours
from ansible_collections.webstack.python.plugins.module_utils._release_layout import (
    Layout,
    ReleaseError,
    is_managed,
)
from ansible_collections.webstack.python.plugins.module_utils._static_sets import Sets
from ansible_collections.webstack.python.plugins.module_utils._traces import of_the_manifest

UNIT_FOLDERS = ("etc/systemd/system", "usr/lib/systemd/system")
UNIT_KINDS = ("service", "socket", "target")


def host_findings(root: Path) -> list[str]:
    """Say why this host cannot be managed at all: not Debian's family, or no systemd."""
    release = root / "etc/os-release"
    lines = release.read_text(encoding="utf-8").splitlines() if release.exists() else []
    family = [line.partition("=")[2].strip('"') for line in lines if line.startswith(("ID=", "ID_LIKE="))]
    findings = []
    if not any("debian" in words.split() for words in family):
        findings.append("host: the operating system is not of Debian's family; use Debian 12 or 13")
    if not (root / "run/systemd/system").is_dir():
        findings.append("host: systemd does not run here; use a host that was started by systemd")
    return findings


def account_findings(entry: str, name: str) -> list[str]:
    """Say whether a user or group of this name belongs to someone else."""
    try:
        exists(name)
    except AccountError as error:
        return [f"{entry}: name: {error}"]
    return []


def folder_findings(entry: str, name: str, root: Path) -> list[str]:
    """Say whether the app's directory holds what the collection did not put there."""
    try:
        is_managed(Layout(name, root / "srv"))
    except ReleaseError as error:
        return [f"{entry}: name: {error}"]
    return []


def unit_findings(entry: str, name: str, root: Path) -> list[str]:
    """Say which units of the app's names someone else wrote."""
    units = [root / folder / f"gunicorn-{name}.{kind}" for folder in UNIT_FOLDERS for kind in UNIT_KINDS]
    return [
        f"{entry}: name: the unit {unit.name} of this host was not made by webstack.python; "
        "choose another name, or remove the unit"
        for unit in units
        if not is_ours(unit)
    ]


def orphans(root: Path, names: set[str]) -> list[str]:
    """Return the apps of manifests that are on this host, or half removed from it, and are none of these."""
    return sorted(of_the_manifest(root, ours()) - names)


def front_findings(root: Path) -> list[str]:
    """Say which of our places in the configuration of Nginx and its unit are taken."""
    return [f"nginx: {problem}" for problem in _nginx_tree.foreign(_nginx_tree.Layout(root))]


def static_findings(name: str, hosts: list[str], root: Path) -> list[str]:
    """Say whether this proxy lacks the static files of an app that the run cannot bring."""
    if Sets(name, root).current.is_dir():
        return []
    return [
        f"nginx: the static files of '{name}' are not on this proxy, and the run leaves out who has them; "
        f"run for {', '.join(hosts)}, too"
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "findings": {"type": "list", "elements": "str", "default": []},
            "apps": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "entry": {"type": "str", "required": True},
                    "name": {"type": "str", "required": True},
                    "state": {"type": "str", "default": "present"},
                },
            },
            "proxy": {"type": "bool", "default": False},
            "static": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "hosts": {"type": "list", "elements": "str", "required": True},
                },
            },
        },
        supports_check_mode=True,
    )
    root = Path("/")
    findings = [*module.params["findings"], *host_findings(root)]
    wanted = [app for app in module.params["apps"] if app["state"] == "present"]
    for app in wanted:
        findings += account_findings(app["entry"], app["name"])
        findings += folder_findings(app["entry"], app["name"], root)
        findings += unit_findings(app["entry"], app["name"], root)
    if module.params["proxy"]:
        findings += front_findings(root)
    for app in module.params["static"]:
        findings += static_findings(app["name"], app["hosts"], root)
    if findings:
        title = f"The manifest is refused, nothing was changed ({len(findings)} to mend):"
        module.fail_json(msg="\n".join([title, *findings]), findings=findings)
    for name in orphans(root, {app["name"] for app in module.params["apps"]}):
        module.warn(
            f"the app '{name}' is on this host, but the manifest does not name it; "
            f"to remove it, write an entry with name: {name} and state: absent"
        )
    module.exit_json(changed=False, findings=[])


if __name__ == "__main__":
    main()
