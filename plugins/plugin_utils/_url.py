# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""URLs that every reader splits in the same way, so that a password is known as one everywhere.

And what else names a source: it is judged by what does not fetch it.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

ENCODE = "percent-encode user, password and other special signs"
# A sign @ further on may be the end of a password that holds a slash as it is.
_STRICT = re.compile(
    r"""
    [a-z]+://
    (([A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})+@)?      # user and password
    ([A-Za-z0-9][A-Za-z0-9_.-]*|\[[0-9A-Fa-f:.]+\])         # the host
    (:[0-9]+)?                                              # its port
    ([/?\#][^\s@\\\x00-\x1f\x7f]*)?
    """,
    re.VERBOSE,
)
SCP_LIKE = re.compile(r"([\w.+-]+@)?[A-Za-z0-9][\w.-]*:(?!//)[^\s:-]\S*")
CHECKSUM = re.compile(r"sha256:[0-9a-fA-F]{64}")
PIN = re.compile(
    r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?(\[[A-Za-z0-9._,-]+\])?==(?P<version>[0-9][A-Za-z0-9.!+_-]*)"
)
_FILE = re.compile(r"file:///[^\s@\\\x00-\x1f\x7f]*")


def has_scheme(url: str, *schemes: str) -> bool:
    """Tell whether a text starts as a URL with one of these schemes does, and not as an option of a tool."""
    scheme, joint, rest = url.partition("://")
    return bool(joint) and scheme in schemes and not rest.startswith("-")


def is_strict(url: str) -> bool:
    """Tell whether a URL with a host, or one of a file, can be read in one way only."""
    if _FILE.fullmatch(url):
        return True
    try:
        # No port is above 65535, and not all that looks like an IPv6 address is one.
        _port = urlsplit(url).port
    except ValueError:
        return False
    return bool(_STRICT.fullmatch(url))


def is_url(place: str) -> bool:
    """Tell a URL from a path."""
    return "://" in place
