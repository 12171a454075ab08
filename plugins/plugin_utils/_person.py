# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who runs Ansible, for the records that are kept on the hosts."""

from __future__ import annotations

import getpass
import os
import socket


def person() -> str:
    """Return who runs Ansible, as user@machine."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"
