# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""nginx.conf, which stays Debian's but for one number: it alone can say how many connections a worker has."""

from __future__ import annotations

import os
import re
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import write_text

NUMBER = re.compile(r"^([^#\n]*\bworker_connections[ \t]+)(\d+)(?=[ \t]*;)", re.MULTILINE)


def read(path: Path) -> str | None:
    """Return the text of nginx.conf; None for one that is not there, is a link or is not in UTF-8.

    A link leads to where somebody else keeps the file.
    """
    if path.is_symlink() or not path.is_file():
        return None
    try:
        return path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        return None


def sized(text: str | None, connections: int) -> str | None:
    """Return the text with this number of connections; None where it has no single line for it."""
    if text is None or len(NUMBER.findall(text)) != 1:
        return None
    return NUMBER.sub(rf"\g<1>{connections}", text)


def write(path: Path, text: str) -> None:
    """Replace nginx.conf in one step; it keeps its owner and its mode."""
    known = os.stat(path)
    write_text(path, text, known.st_mode & 0o7777, known.st_uid, known.st_gid)
