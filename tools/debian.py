"""Missing Debian packages, installed where we may."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from tools import console
from tools.checkout import LOGS


def may_install() -> bool:
    """Tell whether this is Debian (or a relative) and we are root."""
    return Path("/etc/debian_version").exists() and shutil.which("apt-get") is not None and os.geteuid() == 0


def is_available(package: str) -> bool:
    """Tell whether the package lists know a package."""
    return console.succeeds("apt-cache", "show", package)


def refresh() -> None:
    """Fetch the package lists. Raises console.ToolError where that fails."""
    console.watch(
        ["apt-get", "update"],
        what="fetching the package lists",
        log=LOGS / "apt-update.log",
        remedy="Check the network and /etc/apt, then run the same command again",
    )


def install(*packages: str) -> None:
    """Install packages, without services' prompts. Raises console.ToolError where that fails."""
    console.watch(
        ["apt-get", "install", "--yes", "--no-install-recommends", *packages],
        what=f"installing {', '.join(packages)}",
        log=LOGS / "apt-install.log",
        remedy=f"Run `apt-get install {' '.join(packages)}` and see what it says",
        env={"DEBIAN_FRONTEND": "noninteractive"},
    )
