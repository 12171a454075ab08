"""The sandbox, as units print it and as hooks take it."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils._sandbox import PROFILES, directives, section

# To the letter: an instance's id is a digest of its unit, and another one would be swapped in everywhere.
STRICT = """\
# Only this release is in sight, and only the shared folders can be written.
ProtectSystem=strict
ProtectHome=tmpfs
TemporaryFileSystem=/srv:ro
BindReadOnlyPaths=__READ_ONLY_PATHS__
BindPaths=/srv/shop/shared /var/lib/shop
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
MemoryDenyWriteExecute=true
ProcSubset=pid"""


def test_the_text_in_a_unit_stays_as_it_is():
    assert section("strict", "__READ_ONLY_PATHS__", ["/srv/shop/shared", "/var/lib/shop"]) == STRICT


def test_a_jit_may_write_code_into_its_memory():
    strict, jit = (directives(profile, "/opt/app", []) for profile in ("strict", "jit"))
    assert set(strict) - set(jit) == {"MemoryDenyWriteExecute=true", "ProcSubset=pid"}


def test_without_a_sandbox_there_is_nothing():
    assert section("off", "/opt/app", ["/var/lib/app"]) == ""
    assert directives("off", "/opt/app", ["/var/lib/app"]) == []


@pytest.mark.parametrize("profile", PROFILES)
def test_directives_are_the_lines_of_a_unit_without_comments_and_blanks(profile):
    lines = section(profile, "/opt/app", ["/a", "/b"]).splitlines()
    assert directives(profile, "/opt/app", ["/a", "/b"]) == [line for line in lines if line[:1].isupper()]
