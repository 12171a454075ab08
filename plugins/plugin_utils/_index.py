# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the variables of the package index must fulfil, so that its password stays one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ansible_collections.webstack.python.plugins.module_utils._redact import without_credentials
from ansible_collections.webstack.python.plugins.plugin_utils import _url
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding

USE_URL = "write an https URL"
USE_ARGUMENTS = "write a list such as [--no-build]"
CREDENTIALS = "python_app_index_username and python_app_index_password"


def url(value: str) -> Iterator[str]:
    """A package index, or nothing; the URL may hold a password."""
    if value and not _url.has_scheme(value, "https", "http", "file"):
        yield f"is not the address of a package index; {USE_URL}"
    elif value and not _url.is_strict(value):
        yield f"is not a proper URL; {_url.ENCODE}, or use {CREDENTIALS}"


def uv_arguments(value: list[str]) -> Iterator[str]:
    """Arguments that everybody on the host may read."""
    for index, item in enumerate(value):
        # A sign @ further on may be the end of a password that holds a slash as it is.
        if "@" in item.partition("://")[2]:
            yield (
                f"item {index} has a user or password in a URL, and arguments are public on the host; "
                f"use python_app_index_url with {CREDENTIALS}"
            )


def credentials(values: Mapping[str, object]) -> Iterator[Finding]:
    """User and password of the package index come together, with its URL, and once."""
    names = (f"python_app_index_{key}" for key in ("url", "username", "password"))
    place, user, password = (str(values.get(name) or "") for name in names)
    if password and not user:
        yield Finding("python_app_index_password", "has no user; set python_app_index_username")
    elif user and not place:
        yield Finding("python_app_index_username", "has no index; set python_app_index_url")
    elif user and without_credentials(place) != place:
        problem = "is in python_app_index_url, too; remove user and password from the URL"
        yield Finding("python_app_index_username", problem)
