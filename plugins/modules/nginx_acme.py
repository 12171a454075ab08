#!/usr/bin/python
# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The module webstack.python.nginx_acme."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nginx_acme
short_description: Certificates of an ACME authority, issued and renewed by certbot
version_added: 0.1.0
description:
  - Has a certificate issued for each site, by Debian's certbot with a web root, and lets Debian's timer
    renew it. Certificates that certbot has for others are not touched.
  - A certificate is asked for where there is none, or where it is for other names, of another authority
    or of another kind of key. One that is there stays in use until then.
  - An authority that cannot be reached or refuses is no failure of the module, which returns what it
    says, so that the certificates of other sites come into use.
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
requirements:
  - Debian's certbot and openssl.
  - nginx, which serves C(/var/lib/webstack/acme) at C(/.well-known/acme-challenge/) of each name's port 80.
options:
  certificates:
    description:
      - The names of the sites to their host names, without wildcards and at least one each. The site
        V(shop) has certbot's certificate C(webstack-shop).
      - What an earlier run has had issued for other sites is removed.
    type: dict
    required: true
  directory:
    description: The https URL of the authority's ACME directory.
    type: str
    required: true
  key_type:
    description: The kind of the certificates' keys.
    type: str
    choices: [ecdsa, rsa]
    default: ecdsa
  email:
    description: Where the authority writes to. Empty for nowhere.
    type: str
    default: ""
  root:
    description:
      - Certificates in PEM by which the authority's own address is trusted, beside the host's. Empty for
        a public authority.
    type: str
    default: ""
  eab_kid:
    description: The name of the key that binds the account to one that the authority knows. Empty for none.
    type: str
    default: ""
  eab_hmac_key:
    description: That key, in base64url.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Have a certificate of Let's Encrypt's staging
  webstack.python.nginx_acme:
    certificates:
      shop: [shop.example.com, www.shop.example.com]
    directory: https://acme-staging-v02.api.letsencrypt.org/directory
    email: ops@example.com
"""

RETURN = r"""
issued:
  description: The sites that have a new certificate, or would be asked one for.
  type: list
  elements: str
  returned: success
  sample: [shop]
removed:
  description: The sites whose certificate is not renewed any more.
  type: list
  elements: str
  returned: success
  sample: [blog]
problems:
  description: What the authority says, a text for each site that has not all that it is to have.
  type: list
  elements: str
  returned: success
  sample: ["shop: Domain: www.shop.example.com  Type: dns  Detail: NXDOMAIN looking up A"]
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.webstack.python.plugins.module_utils._certbot import (
    Authority,
    Certbot,
    Refused,
    Wanted,
)
from ansible_collections.webstack.python.plugins.module_utils._files import Locked, lock, lock_path
from ansible_collections.webstack.python.plugins.module_utils._systemd import SystemdError

ARGUMENTS = {
    "certificates": {"type": "dict", "required": True},
    "directory": {"type": "str", "required": True},
    "key_type": {"type": "str", "choices": ["ecdsa", "rsa"], "default": "ecdsa"},
    "email": {"type": "str", "default": ""},
    "root": {"type": "str", "default": ""},
    "eab_kid": {"type": "str", "default": ""},
    "eab_hmac_key": {"type": "str", "default": "", "no_log": True},
}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    given = module.params
    wanted = [Wanted(site, domains) for site, domains in given["certificates"].items()]
    authority = Authority(
        directory=given["directory"],
        key_type=given["key_type"],
        email=given["email"],
        root=given["root"],
        key_id=given["eab_kid"],
        hmac_key=given["eab_hmac_key"],
    )
    certbot = Certbot()
    try:
        if module.check_mode:
            result = foresee(certbot, wanted, authority)
        else:
            with lock(lock_path("nginx")):
                result = apply(certbot, wanted, authority)
    except (Locked, OSError, Refused, SystemdError) as failure:
        module.fail_json(msg=str(failure))
    module.exit_json(**result)


def foresee(certbot: Certbot, wanted: list[Wanted], authority: Authority) -> dict[str, object]:
    """Find out what a run would change."""
    issued = [certificate.site for certificate in certbot.wanting(wanted, authority)]
    removed = certbot.unwanted(wanted)
    around = bool(certbot.differing(authority)) or not certbot.renews() if wanted else certbot.hook.exists()
    return {
        "changed": bool(issued or removed or around),
        "issued": issued,
        "removed": removed,
        "problems": [],
    }


def apply(certbot: Certbot, wanted: list[Wanted], authority: Authority) -> dict[str, object]:
    """Have issued what is missing, and forget what nobody wants. Raises Refused, OSError, SystemdError."""
    wanting = certbot.wanting(wanted, authority)
    around = bool(wanted) and certbot.set_up(authority, forget=not wanting)
    answers = {item.site: ask(certbot, item, authority) for item in wanting}
    issued = [site for site, (got, _said) in answers.items() if got]
    problems = [f"{site}: {text}" for site, (_got, said) in answers.items() for text in said]
    if wanting and not problems:
        # What was there until now is renewed no more.
        around = certbot.set_up(authority, forget=True) or around
    # A site that goes by another name keeps the certificate that it had until it has its own.
    lacking = {name for item in wanting if answers[item.site][1] for name in item.names}
    unwanted = [site for site in certbot.unwanted(wanted) if not certbot.names(site) & lacking]
    left = {site: forget(certbot, site) for site in unwanted}
    removed = [site for site, said in left.items() if not said]
    problems += [text for said in left.values() for text in said]
    if not wanted and not certbot.lineages():
        around = certbot.tear_down()
    return {
        "changed": bool(issued or removed or around),
        "issued": issued,
        "removed": removed,
        "problems": problems,
    }


def ask(certbot: Certbot, wanted: Wanted, authority: Authority) -> tuple[bool, list[str]]:
    """Return whether a certificate was issued, and what the authority says of what it has not."""
    try:
        return True, certbot.issue(wanted, authority)
    except (Refused, SystemdError) as refusal:
        return False, [str(refusal)]


def forget(certbot: Certbot, site: str) -> list[str]:
    """Have a certificate renewed no more; return what stands against it."""
    try:
        certbot.delete(site)
    except (Refused, SystemdError) as refusal:
        return [f"{site}: {refusal}"]
    return []


if __name__ == "__main__":
    main()
