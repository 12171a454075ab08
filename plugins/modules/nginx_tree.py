#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module webstack.python.nginx_tree."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_tree
short_description: Put a tree of files into /etc/nginx as one transaction
version_added: 0.1.0
description:
  - Renders templates on the controller and makes nginx run the outcome, all of it or nothing.
  - The files become the directory C(/etc/nginx/webstack), which C(/etc/nginx/conf.d/webstack.conf)
    includes inside Debian's C(http) block. Nothing else in C(/etc/nginx) is changed, save for
    O(remove_default_site).
  - C(nginx -t) judges a copy of C(/etc/nginx) as it will be, in a mount namespace of its own, so
    that a configuration it refuses never comes to the real place. The files are then swapped in by
    one link and nginx is reloaded, or started where it does not run.
  - A reload counts when new workers have taken over from the old ones. Where they do not, for
    example as a port is taken, the files are put back and the task fails with nginx's complaint.
  - Files that somebody changed, a run that was killed before the reload and an nginx that is stopped
    or not enabled are repaired, and the result says so.
author: webstack.python contributors (@webstack-python)
attributes:
  check_mode:
    support: full
    details:
      - The configuration is judged in check mode too, where nginx is installed. No file, log or pid
        file is left behind.
    description: Can run in check_mode and return changed status prediction without modifying target.
  diff_mode:
    support: full
    description: Will return details on what has changed (or possibly needs changing in check_mode).
  platform:
    support: full
    platforms: debian
    description: Target OS/families that can be operated against.
requirements:
  - Debian's nginx under systemd, which must be allowed to make mount namespaces.
options:
  templates:
    description:
      - The templates to render, searched for as M(ansible.builtin.template) does.
      - At the top of the tree, C(*.conf) is read inside nginx's C(http) block. Files in
        subdirectories are read where another file includes them by their full path, for example
        C(/etc/nginx/webstack/sites/*.conf).
    type: list
    elements: dict
    required: true
    suboptions:
      src:
        description: The template.
        type: path
        required: true
      dest:
        description:
          - The file's path inside the tree, of lower-case letters, digits, C(._-) and C(/).
          - With O(templates[].each), keys of the entry are filled in for their names in braces.
        type: str
        required: true
      each:
        description: Render the template once for each of these entries.
        type: list
        elements: dict
      as:
        description: The variable that holds the entry in the template.
        type: str
        default: entry
  drop_in:
    description:
      - The template of a drop-in for nginx's unit, C(nginx.service.d/webstack.conf).
      - nginx is not restarted when it changes, so it is for what systemd itself acts on, such as
        C(Restart=).
    type: path
  remove_default_site:
    description:
      - Disable the site of Debian's package, which is a default server as one of the tree's sites is.
      - It is left alone where somebody has edited it or put something else in the place of its link
        C(sites-enabled/default).
    type: bool
    default: true
"""

EXAMPLES = r"""
- name: Serve two sites
  webstack.python.nginx_tree:
    templates:
      - src: http.conf.j2
        dest: http.conf
      - src: site.conf.j2
        dest: "sites/{name}.conf"
        each:
          - {name: shop, domain: shop.example.com}
          - {name: blog, domain: blog.example.com}
        as: site
"""

RETURN = r"""
digest:
  description: Names the tree that nginx runs, or would run.
  type: str
  returned: success
  sample: 3f1c0a9be2d4
reloaded:
  description: Whether a running nginx was reloaded, and new workers took over.
  type: bool
  returned: success
steps:
  description: What was done, in this order, with the seconds that each step took.
  type: list
  elements: dict
  returned: success
  sample: [{step: judge, seconds: 0.06}, {step: commit, seconds: 0.01}, {step: reload, seconds: 0.19}]
repaired:
  description: What was not as the last run had left it.
  type: list
  elements: str
  returned: success
  sample: [nginx was not running]
"""

import dataclasses
import tempfile
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import (
    _nginx_server,
    _nginx_tree,
    _systemd,
)
from ansible_collections.webstack.python.plugins.module_utils._files import Locked, lock, lock_path
from ansible_collections.webstack.python.plugins.module_utils._nginx_transaction import (
    Refused,
    Transaction,
)

# The action plugin hands over the rendered files in the place of the templates.
ARGUMENTS = {
    "files": {"type": "dict", "required": True},
    "drop_in": {"type": "str"},
    "remove_default_site": {"type": "bool", "default": True},
}
FAILURES = (
    Refused,
    Locked,
    OSError,
    _nginx_server.Unjudged,
    _nginx_tree.Foreign,
    _systemd.SystemdError,
)


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    layout = _nginx_tree.Layout()
    wanted = _nginx_tree.Wanted(
        module.params["files"],
        module.params["remove_default_site"],
        module.params["drop_in"],
    )
    transaction = Transaction(layout, wanted, _nginx_server.Nginx(), layout.scratch)
    try:
        if module.check_mode:
            # Beside a run that holds the lock.
            with tempfile.TemporaryDirectory() as folder:
                outcome = dataclasses.replace(transaction, scratch=Path(folder) / "nginx").run(check=True)
        else:
            with lock(lock_path("nginx")):
                outcome = transaction.run(check=False)
    except FAILURES as failure:
        module.fail_json(msg=str(failure))
    for warning in outcome.warnings:
        module.warn(warning)
    module.exit_json(
        changed=outcome.changed,
        digest=outcome.digest,
        reloaded=outcome.reloaded,
        steps=outcome.steps,
        repaired=outcome.repaired,
        diff=outcome.diff,
    )


if __name__ == "__main__":
    main()
