# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credentials in URLs, kept out of what people read."""

from __future__ import annotations

import re
from urllib.parse import quote, unquote, urlsplit

_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*://)[^/\s]+@")


def redact(text: str) -> str:
    """Return the text with user and password of every URL in it replaced by ``***``."""
    return _USERINFO.sub(r"\g<scheme>***@", text)


def without_credentials(url: str) -> str:
    """Return a URL without its user and password."""
    return _USERINFO.sub(r"\g<scheme>", url)


def conceal(text: str, *secrets: str) -> str:
    """Return the text without any of the secrets, and without what redact takes away."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "***")
    return redact(text)


def with_credentials(url: str, user: str, password: str) -> str:
    """Return a URL with a user and a password, whatever signs they hold; without a user, as it is."""
    if not (url and user):
        return url
    scheme, _, place = without_credentials(url).partition("://")
    return f"{scheme}://{quote(user, safe='')}:{quote(password, safe='')}@{place}"


def passwords(url: str) -> list[str]:
    """Return what of a URL is secret, as it stands there and as it is meant."""
    parts = urlsplit(url)
    # A token may be all there is, as the user.
    secret = parts.password or parts.username
    return [secret, unquote(secret)] if secret else []
