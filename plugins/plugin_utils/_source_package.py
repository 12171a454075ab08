# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Apps that are packages of an index: no source tree, all of the code is in the virtualenv."""

from __future__ import annotations

from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError, Tree
from ansible_collections.webstack.python.plugins.plugin_utils._url import PIN


def collect(pin: str) -> Tree:
    """Return the empty tree of a package, whose version is the revision. Raises SourceError."""
    found = PIN.fullmatch(pin)
    if found is None:
        raise SourceError(f"'{pin}' is not an exact pin; write source.package as NAME==VERSION")
    contents: dict[str, bytes] = {}
    return Tree("package", pin, found["version"], (), contents.__getitem__)


def requirements(pin: str, wanted: object) -> object:
    """Return what is to be installed: the package, and beside it what `requirements` lists."""
    if wanted == "auto":
        return [pin]
    return [pin, *wanted] if isinstance(wanted, list) else wanted
