# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the nginx role's variables say of the authority that certificates are asked of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule
from ansible_collections.webstack.python.plugins.plugin_utils._url import has_scheme, is_strict

Problems = Iterator[str]

EMAIL = re.compile(r"[A-Za-z0-9._%+-]+@([A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?\.)+[A-Za-z]{2,}")
# RFC 8555, section 7.3.4: the key comes in base64url.
HMAC_KEY = re.compile(r"[A-Za-z0-9_-]+=*")
KEY_ID = re.compile(r"[!-~]+")
BINDING = ("nginx_acme_eab_kid", "nginx_acme_eab_hmac_key")

USE_DIRECTORY = "write the https URL of its ACME directory"
USE_EMAIL = "write one address, such as ops@example.com, or leave it out"
USE_ROOT = """write its text: "{{ lookup('ansible.builtin.file', …) }}\""""
USE_BINDING = "write both as the authority gave them, or neither"


def directory(value: str) -> Problems:
    """The URL of an ACME directory, which RFC 8555 has come by HTTPS alone."""
    if not has_scheme(value, "https") or not is_strict(value) or "@" in value:
        yield f"{value!r} is not an https URL; {USE_DIRECTORY}"


def email(value: str) -> Problems:
    """An address, or nothing."""
    if value and not EMAIL.fullmatch(value):
        yield f"{value!r} is not an address; {USE_EMAIL}"


def hmac_key(value: str) -> Problems:
    """The key of an external account binding, or nothing; no message holds it."""
    if value and not HMAC_KEY.fullmatch(value):
        yield "is not in base64url; write it as the authority gave it"


def key_id(value: str) -> Problems:
    """The name of the key of an external account binding, or nothing."""
    if value and not KEY_ID.fullmatch(value):
        yield "is not one word; write it as the authority gave it"


def root(value: str) -> Problems:
    """Certificates in PEM, or nothing."""
    if value:
        from ansible_collections.webstack.python.plugins.plugin_utils import _certificate

        _chain, problems = _certificate.read_chain(value)
        yield from problems


def together(values: Mapping[str, object]) -> Iterator[Finding]:
    """An external account binding has a key and its name."""
    given = [name for name in BINDING if values.get(name)]
    if len(given) == 1:
        (missing,) = set(BINDING) - set(given)
        yield Finding(given[0], f"is set without {missing}; {USE_BINDING}")


VARIABLE_RULES = {
    "nginx_acme_directory": Rule(USE_DIRECTORY, directory),
    "nginx_acme_email": Rule(USE_EMAIL, email),
    "nginx_acme_eab_kid": Rule("write it as text", key_id),
    "nginx_acme_eab_hmac_key": Rule("write it as text", hmac_key, secret=True),
    "nginx_acme_root": Rule(USE_ROOT, root),
}
