# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The sandbox of an app: what systemd takes away from its instances, and from its hooks alike.

Everything here is pure; the controller prints it into units, the hosts hand it to systemd-run.
"""

from __future__ import annotations

from collections.abc import Sequence

PROFILES = ("strict", "jit", "off")

_ALONE = """
PrivateTmp=true
PrivateMounts=true
PrivateDevices=true
PrivateIPC=true
RemoveIPC=true
KeyringMode=private

NoNewPrivileges=true
CapabilityBoundingSet=
AmbientCapabilities=
RestrictSUIDSGID=true
RestrictRealtime=true
RestrictNamespaces=true
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6
LockPersonality=true
ProtectProc=invisible
ProtectClock=true
ProtectHostname=true
ProtectControlGroups=true
ProtectKernelLogs=true
ProtectKernelModules=true
ProtectKernelTunables=true
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallFilter=@chown
"""
# What a just-in-time compiler cannot do with.
_STRICTER = """
MemoryDenyWriteExecute=true
ProcSubset=pid
"""


def section(profile: str, read_only: str, writable: Sequence[str]) -> str:
    """Return the sandbox as the end of a unit's section [Service], without its last line end.

    profile: strict, jit or off, which is empty. read_only, writable: paths that stay in sight,
    the first as a unit file has them, and may be a token.
    """
    if profile == "off":
        return ""
    seen = [
        "# Only this release is in sight, and only the shared folders can be written.",
        "ProtectSystem=strict",
        "ProtectHome=tmpfs",
        "TemporaryFileSystem=/srv:ro",
        f"BindReadOnlyPaths={read_only}",
        *([f"BindPaths={' '.join(writable)}"] if writable else []),
    ]
    stricter = _STRICTER.strip().splitlines() if profile == "strict" else []
    return "\n".join([*seen, *_ALONE.strip().splitlines(), *stricter])


def directives(profile: str, read_only: str, writable: Sequence[str]) -> list[str]:
    """Return the sandbox as NAME=VALUE, in the order that systemd takes them."""
    lines = section(profile, read_only, writable).splitlines()
    return [line for line in lines if line and not line.startswith("#")]
