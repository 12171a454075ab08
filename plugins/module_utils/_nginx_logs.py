# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The logs of sites, which not every user of the host may read."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path("/var/log/nginx")
KINDS = ("access", "error")
OWNER, GROUP, MODE = "www-data", "adm", 0o640  # as in Debian's package and its logrotate


def make(sites: Iterable[str], folder: Path = FOLDER, owner: str = OWNER, group: str = GROUP) -> None:
    """Make the logs of sites that are not there; those that are stay as they are. Raises OSError."""
    for path in (folder / f"{site}.{kind}.log" for site in sites for kind in KINDS):
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
        except FileExistsError:
            continue
        try:
            os.fchown(descriptor, pwd.getpwnam(owner).pw_uid, grp.getgrnam(group).gr_gid)
            os.fchmod(descriptor, MODE)
        finally:
            os.close(descriptor)
