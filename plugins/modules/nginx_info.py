#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module webstack.python.nginx_info."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_info
short_description: Which nginx a host has, and which certificates its sites have
version_added: 0.1.0
description:
  - Looks at what Nginx's configuration depends on, in one call. Changes nothing.
options:
  certificates:
    description: Look at the certificates of the sites, too.
    type: bool
    default: false
  issuing:
    description:
      - Whether certificates are to be asked of an authority. The module fails where the host's certbot is
        not one that can be shared.
    type: bool
    default: false
  judged:
    description:
      - Certificates that are on the host already, to be judged with their keys. The module fails with
        all that is wrong with them.
    type: list
    elements: dict
    default: []
    suboptions:
      label:
        description: How findings name the entry's key.
        type: str
        required: true
      certificate:
        description: The file of the certificate with its chain.
        type: path
        required: true
      key:
        description: The file of its key.
        type: path
        required: true
      domains:
        description: The host names that it must be for.
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
"""

EXAMPLES = r"""
- name: Look at nginx
  webstack.python.nginx_info:
  register: found

- name: Speak HTTP/2 in the words of this nginx
  ansible.builtin.debug:
    msg: "{{ 'http2 on;' if found.nginx is version('1.25.1', '>=') else 'listen 443 ssl http2;' }}"
"""

RETURN = r"""
nginx:
  description: Its version; empty where it is not installed.
  type: str
  returned: success
  sample: 1.26.3
openssl:
  description: The version of the OpenSSL that it runs with; empty where that is not known.
  type: str
  returned: success
  sample: 3.5.4
brotli_static:
  description: Whether its configuration loads the module that serves files compressed by Brotli.
  type: bool
  returned: success
acme:
  description: Whether there is something of M(webstack.python.nginx_acme).
  type: bool
  returned: success
certificates:
  description:
    - What each site of the collection is to show in the handshake.
    - C(kind) is V(acme), V(self_signed), V(files), or V(stand-in) until an authority has issued one.
      C(begins) and C(ends) are in UTC. C(trouble) says why nothing is known of it, that nginx does
      not show it yet, or that the last renewal failed. C(lacking) has the site's names that it is not for.
  type: list
  elements: dict
  returned: when asked for
  sample:
    - site: shop
      kind: acme
      names: [shop.example.com]
      lacking: []
      issuer: C = US, O = Let's Encrypt, CN = E7
      begins: "2026-11-01T08:12:40+00:00"
      ends: "2027-01-30T08:12:39+00:00"
      trouble: ""
by_tls:
  description:
    - The sites of the collection that are served by TLS, each with C(certificate) and C(key), the files as
      the configuration names them, and C(redirected), whether who comes without TLS is led there.
  type: dict
  returned: success
  sample:
    shop:
      certificate: /etc/nginx/webstack/tls/shop/fullchain.pem
      key: /etc/nginx/webstack/tls/shop/privkey.pem
      redirected: true
issued:
  description: The sites that have a certificate of an authority.
  type: list
  elements: str
  returned: success
  sample: [shop]
programs:
  description: Which of C(openssl), C(certbot) and C(logrotate) are installed.
  type: list
  elements: str
  returned: success
  sample: [openssl]
"""

import dataclasses
import re
import shutil
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils._certbot import Certbot
from ansible_collections.webstack.python.plugins.module_utils._certificate_check import PATH, Files
from ansible_collections.webstack.python.plugins.module_utils._certificate_info import by_tls, shown
from ansible_collections.webstack.python.plugins.module_utils._certificates import Store
from ansible_collections.webstack.python.plugins.module_utils._files import read_text
from ansible_collections.webstack.python.plugins.module_utils._nginx_server import BINARY, Nginx
from ansible_collections.webstack.python.plugins.module_utils._systemd import run

VERSION = re.compile(r"^nginx version: nginx/(\S+)", re.MULTILINE)
# What it runs with is said only where that is not what it was built with.
OPENSSL = (re.compile(r"running with OpenSSL (\S+)"), re.compile(r"built with OpenSSL (\S+)"))
PROGRAMS = ("openssl", "certbot", "logrotate")
MODULES = Path("/etc/nginx/modules-enabled")


ARGUMENTS = {
    "certificates": {"type": "bool", "default": False},
    "issuing": {"type": "bool", "default": False},
    "judged": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "label": {"type": "str", "required": True},
            "certificate": {"type": "path", "required": True},
            "key": {"type": "path", "required": True},
            "domains": {"type": "list", "elements": "str", "default": []},
        },
    },
}


def loads(module: str, folder: Path = MODULES) -> bool:
    """Tell whether Debian's configuration has nginx load a module."""
    load = re.compile(rf"^\s*load_module\s+\S*\b{module}\.so\s*;", re.MULTILINE)
    return any(load.search(read_text(path) or "") for path in folder.glob("*.conf"))


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    asked = module.params["certificates"]
    judged = [
        Files(given["label"], Path(given["certificate"]), Path(given["key"]), given["domains"])
        for given in module.params["judged"]
    ]
    findings = [finding for files in judged for finding in files.findings()]
    findings += Certbot().others() if module.params["issuing"] else []
    if findings:
        module.fail_json(msg="\n".join(findings))
    said = run(BINARY, "-V").output if Path(BINARY).exists() else ""
    found = VERSION.search(said)
    built = [match[1] for match in (pattern.search(said) for pattern in OPENSSL) if match]
    module.exit_json(
        nginx=found[1] if found else "",
        openssl=built[0] if built else "",
        brotli_static=loads("ngx_http_brotli_static_module"),
        acme=Certbot().hook.exists() or bool(Certbot().lineages()),
        by_tls=by_tls(),
        issued=Store().sites(),
        **(
            {"certificates": [dataclasses.asdict(found) for found in shown(since=Nginx().running_since())]}
            if asked
            else {}
        ),
        programs=[name for name in PROGRAMS if shutil.which(name, path=PATH)],
    )


if __name__ == "__main__":
    main()
