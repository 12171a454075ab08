# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What nginx complains of, in the words of who wrote the configuration."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from pathlib import Path


def messages(output: str, level: str) -> list[str]:
    """Return nginx's messages of a level ('emerg', 'warn') without their time and process."""
    return [f"[{level}] {text}" for text in re.findall(rf"\[{level}\] \d+#\d+: (.*)", output)]


def quote_lines(complaint: str, nginx: Path) -> list[str]:
    """Return the lines that nginx complains of, as 'file:line: text'.

    complaint: what nginx printed. nginx: the tree that it judged as /etc/nginx.
    """
    quoted = []
    for name, number in re.findall(r" in (/\S+):(\d+)", complaint):
        path = Path(name)
        if path.is_relative_to("/etc/nginx"):
            path = nginx / path.relative_to("/etc/nginx")
        with contextlib.suppress(OSError, IndexError):
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
            quoted.append(f"{name}:{number}: {lines[int(number) - 1].strip()}")
    return quoted


def remedies(complaint: str) -> list[str]:
    """Say what to do about a complaint whose cause is not in nginx's configuration."""
    if "(30: Read-only file system)" not in complaint:
        return []
    return [
        "The sandbox of nginx's unit lets it write below /run, /var/cache, /var/lib/nginx and /var/log: "
        "write there, or name the folder in nginx_writable_paths."
    ]


def quote_listens(complaint: str, files: Mapping[str, str]) -> list[str]:
    """Return the listen directives of our files whose address nginx could not have."""
    addresses = set()
    for address in re.findall(r"bind\(\) to (\S+) failed", complaint):
        port = address.rpartition(":")[2]
        wildcard = address.startswith("0.0.0.0:")
        addresses |= {port, f"*:{port}", address} if wildcard else {address}
    return [
        f"/etc/nginx/webstack/{path}:{number}: {line.strip()}"
        for path, text in sorted(files.items())
        for number, line in enumerate(text.splitlines(), 1)
        if (found := re.match(r"\s*listen\s+([^\s;]+)", line)) and found[1] in addresses
    ]
