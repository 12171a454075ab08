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
    O(remove_default_site), O(worker_connections) and O(purge).
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
  secrets:
    description:
      - Files that root and nginx's workers alone may read, texts by name. The templates name them as
        C(/etc/nginx/webstack/secrets/NAME).
      - They are part of the tree, and of no diff.
    type: dict
    default: {}
  drop_in:
    description:
      - The template of a drop-in for nginx's unit, C(nginx.service.d/webstack.conf).
      - It is in place before nginx is started. One that runs is not restarted when it changes, since that
        would cut visitors off; a warning says so until it has been.
      - C(nginx -t) judges within what it says of files, such as C(ProtectSystem=), so that an nginx that is
        started later comes up.
    type: path
  certificates:
    description:
      - What sites are served with by TLS. Each is found below C(/etc/nginx/webstack/tls/NAME/), as
        C(fullchain.pem) and C(privkey.pem), by which the templates name it.
      - One that is given is put down as it is; else one is made that is signed with its own key, and
        followed by another before it ends. What no site uses any more is removed.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Names the site.
        type: str
        required: true
      domains:
        description: The host names that a self-signed certificate is for; the host's own without any.
        type: list
        elements: str
        default: []
      acme:
        description:
          - Use what M(webstack.python.nginx_acme) has had issued for the site, as soon as it is there.
        type: bool
        default: false
      certificate:
        description: The server's certificate and its chain, in PEM.
        type: str
      key:
        description: Its private key, in PEM and not encrypted.
        type: str
  keep_certificates:
    description:
      - Sites whose certificates stay where they are though none is asked for, for a tree that serves them
        by TLS a moment longer.
    type: list
    elements: str
    default: []
  logs:
    description:
      - Names of sites whose logs in C(/var/log/nginx), C(NAME.access.log) and C(NAME.error.log), are made
        where they are not there, as Debian makes its own. Nginx itself would make them readable to every
        user.
    type: list
    elements: str
    default: []
  caches:
    description:
      - Sites that have a cache, for which the templates name C(/var/cache/nginx/webstack/SITE). nginx makes
        that folder. Those of all other sites are removed, or left for the next run where requests
        from before the change go on for longer.
    type: list
    elements: str
    default: []
  remove_default_site:
    description:
      - Disable the site of Debian's package, which is a default server as one of the tree's sites is.
      - It is left alone where somebody has edited it or put something else in the place of its link
        C(sites-enabled/default).
    type: bool
    default: true
  static:
    description:
      - Names of sites that serve copies of static files of other hosts, see M(webstack.python.nginx_static).
        Those of other sites are removed.
    type: list
    elements: str
    default: []
  worker_connections:
    description:
      - How many connections a worker has at once. C(nginx.conf) alone can say so, of which this number is
        changed and nothing else; V(0) leaves the file alone.
      - A C(nginx.conf) that has no single line for it, or is a link, stays as it is, with a warning.
    type: int
    default: 0
  purge:
    description:
      - Take out what others have put into C(conf.d) and C(sites-enabled), as part of the transaction. It is
        moved to C(/var/lib/webstack/nginx-purged).
    type: bool
    default: false
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
purged:
  description: What of others was taken out, or would be.
  type: list
  elements: str
  returned: success
  sample: [/etc/nginx/sites-enabled/old]
"""

import dataclasses
import tempfile
from collections.abc import Mapping
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils import (
    _nginx_logs,
    _nginx_server,
    _nginx_tree,
    _static_sets,
    _systemd,
)
from ansible_collections.webstack.python.plugins.module_utils._certificate_info import by_tls
from ansible_collections.webstack.python.plugins.module_utils._certificates import (
    CertificateError,
    Certificates,
    Request,
    Store,
)
from ansible_collections.webstack.python.plugins.module_utils._files import Locked, lock, lock_path
from ansible_collections.webstack.python.plugins.module_utils._nginx_caches import Caches
from ansible_collections.webstack.python.plugins.module_utils._nginx_transaction import (
    Outcome,
    Refused,
    Transaction,
)

# The action plugin hands over the rendered files in the place of the templates.
ARGUMENTS = {
    "files": {"type": "dict", "required": True},
    "secrets": {"type": "dict", "default": {}, "no_log": True},
    "drop_in": {"type": "str"},
    "remove_default_site": {"type": "bool", "default": True},
    "certificates": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "name": {"type": "str", "required": True},
            "domains": {"type": "list", "elements": "str", "default": []},
            "acme": {"type": "bool", "default": False},
            "certificate": {"type": "str"},
            "key": {"type": "str", "no_log": True},
        },
        "required_together": [("certificate", "key")],
    },
    "keep_certificates": {"type": "list", "elements": "str", "default": []},
    "logs": {"type": "list", "elements": "str", "default": []},
    "caches": {"type": "list", "elements": "str", "default": []},
    "static": {"type": "list", "elements": "str", "default": []},
    "worker_connections": {"type": "int", "default": 0},
    "purge": {"type": "bool", "default": False},
}
FAILURES = (
    CertificateError,
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
    requests = [Request.read(value) for value in module.params["certificates"]]
    try:
        if module.check_mode:
            # Beside a run that holds the lock.
            with tempfile.TemporaryDirectory() as folder:
                outcome = foresee(module, requests, Path(folder) / "nginx")
        else:
            with lock(lock_path("nginx")):
                outcome = apply(module, requests)
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
        purged=outcome.purged,
        diff=outcome.diff,
    )


def foresee(module: AnsibleModule, requests: list[Request], scratch: Path) -> Outcome:
    """Find out what a run would change."""
    certificates = Certificates(Store(), requests, _nginx_tree.look(_nginx_tree.Layout()).links)
    missing = certificates.missing()
    to_be = {f"tls/{request.name}": f"{certificates.store.own}/{request.name}/(new)" for request in missing}
    transaction = plan(module, {**certificates.links(), **to_be}, scratch)
    outcome = dataclasses.replace(transaction, judged=not missing).run(check=True)
    unused = [*Caches().others(module.params["caches"]), *_static_sets.others(module.params["static"])]
    outcome.changed = outcome.changed or bool(unused)
    return outcome


def apply(module: AnsibleModule, requests: list[Request]) -> Outcome:
    """Make what is missing beside the tree, let nginx use it, and remove what it does not use."""
    layout = _nginx_tree.Layout()
    live = _nginx_tree.look(layout).links
    certificates = Certificates(Store(), requests, live).adopted(by_tls())
    left = certificates.prune([*live.values(), *certificates.links().values()])
    made = [certificates.store.make(request) for request in certificates.missing()]
    _nginx_logs.make(module.params["logs"])
    caches, cached = Caches(), module.params["caches"]
    try:
        with caches.made_for(cached):
            outcome = plan(module, certificates.links(), layout.scratch).run(check=False)
    finally:
        # After a refusal, that is what was made for it.
        certificates.prune(_nginx_tree.look(layout).links.values())
    dropped = drop_caches(caches, cached, outcome)
    dropped += _static_sets.remove_others(module.params["static"])
    outcome.changed = outcome.changed or bool(made or left or dropped)
    outcome.repaired += [f"removed {path}, which no site used" for path in left]
    return outcome


def drop_caches(caches: Caches, cached: list[str], outcome: Outcome) -> list[Path]:
    """Remove the caches of other sites than these, if no worker from before may still use one."""
    others = caches.others(cached)
    if others and not _nginx_server.Nginx().has_ended_the_old():
        folders = ", ".join(map(str, others))
        outcome.warnings.append(f"{folders}: left for the next run, as old requests have not ended yet")
        return []
    return caches.keep(cached)


def plan(module: AnsibleModule, links: Mapping[str, str], scratch: Path) -> Transaction:
    """Return the transaction to the tree with these links, and those that are to stay."""
    layout = _nginx_tree.Layout()
    kept = {f"tls/{name}" for name in module.params["keep_certificates"]}
    live = {path: target for path, target in _nginx_tree.look(layout).links.items() if path in kept}
    wanted = _nginx_tree.Wanted(
        module.params["files"],
        module.params["remove_default_site"],
        module.params["drop_in"],
        {**live, **links},
        module.params["secrets"],
        module.params["worker_connections"],
        module.params["purge"],
    )
    return Transaction(layout, wanted, _nginx_server.Nginx(), scratch)


if __name__ == "__main__":
    main()
