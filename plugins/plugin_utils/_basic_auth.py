# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The users of a site, whose passwords the controller turns into what nginx checks them by."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._spec import kind

Problems = Iterator[str]

# What Debian's crypt(3) and nginx itself can check: sha256, sha512, scrypt, yescrypt, bcrypt, and apr1.
HASH = re.compile(r"\$(5|6|7|y|gy|2[aby]|apr1)\$[./A-Za-z0-9$=,]{20,}")
LOOKS_HASHED = re.compile(r"\$[a-z0-9]{1,5}\$")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Neither quotes nor backslashes, which would end nginx's header, nor what begins as a regular expression.
REALM = re.compile(r"(?!~)[ !#%-\[\]-~]+")
REALM_DEFAULT = "Restricted"

USE_USERS = "write each as NAME: password"
USE_REALM = "write a short text without quotes, backslashes and dollar signs, and no ~ at its start"

# scrypt as crypt(3) has it ($7$): 1 MiB and 2 to 3 ms, as nginx checks the password of every request.
CRYPT_DIGITS = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
COST, BLOCK, LANES = 10, 8, 1
SALT_LENGTH = 16


def users(value: Mapping[Any, object]) -> Problems:
    """Names to passwords or their hashes; no message holds one."""
    if not value:
        yield f"has no user, so nobody could enter; {USE_USERS}"
    for index, (name, password) in enumerate(value.items()):
        if not isinstance(name, str):
            yield f"the name of item {index} is {kind(name)}, not text; write it in quotes"
        elif not name or ":" in name or CONTROL.search(name) or name.startswith("#"):
            problem = "is empty, starts with # or holds a colon or a control character"
            yield f"the name of item {index} {problem}; {USE_USERS}"
        else:
            yield from (f"{name!r}: {problem}" for problem in _password(password))


def _password(value: object) -> Problems:
    if not isinstance(value, str):
        yield f"its password is {kind(value)}, not text; write it in quotes"
    elif not value or CONTROL.search(value):
        yield "its password is empty or holds a control character; write another"
    elif LOOKS_HASHED.match(value) and not HASH.fullmatch(value):
        yield "its password begins as a hash, but is none that nginx can check; write the password itself"


def realm(value: str) -> Problems:
    """What a browser shows; `off` would be nginx's word for no check."""
    if value == "off" or not REALM.fullmatch(value):
        yield f"{value!r} cannot be a realm; {USE_REALM}"


def file_text(users: Mapping[str, str], domains: Sequence[str], site: str) -> str:
    """Return the text of nginx's auth_basic_user_file.

    A salt is made of the user's name and the site's names: it is the same in each run, and no two users
    of the world have one. Made of the password as well, it would be a fast hash of it.
    """
    where = [site, *sorted(domains)]
    return "".join(
        f"{name}:{password if HASH.fullmatch(password) else hashed(password, _salt([*where, name]))}\n"
        for name, password in users.items()
    )


def _salt(names: Sequence[str]) -> str:
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return base64.b64encode(digest, altchars=b"./").decode()[:SALT_LENGTH]


def hashed(password: str, salt: str) -> str:
    """Return a password as crypt(3) writes it with scrypt."""
    key = hashlib.scrypt(password.encode(), salt=salt.encode(), n=1 << COST, r=BLOCK, p=LANES, dklen=32)
    return f"$7${_digits(COST, 1)}{_digits(BLOCK, 5)}{_digits(LANES, 5)}{salt}${_encoded(key)}"


def _encoded(data: bytes) -> str:
    """Write bytes by threes, the lowest six bits first."""
    groups = [data[start : start + 3] for start in range(0, len(data), 3)]
    return "".join(_digits(int.from_bytes(group, "little"), len(group) + 1) for group in groups)


def _digits(number: int, count: int) -> str:
    return "".join(CRYPT_DIGITS[number >> 6 * place & 63] for place in range(count))
