# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unix user of an app: whose it is, how it is made and removed."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._systemd import run


class AccountError(Exception):
    """The user cannot be had; the text says why and what was left untouched."""


def gecos(app: str) -> str:
    """Return the comment field by which the collection knows its own users."""
    return f"webstack.python {app}"


def exists(app: str) -> bool:
    """Tell whether the app's user is there.

    Raises AccountError where a user or a group of that name belongs to someone else.
    """
    try:
        comment = pwd.getpwnam(app).pw_gecos
    except KeyError:
        if _group_exists(app):
            raise AccountError(_taken("group", app)) from None
        return False
    if comment != gecos(app):
        raise AccountError(_taken("user", app))
    return True


def ours() -> set[str]:
    """Return the names of all users that the collection made."""
    return {entry.pw_name for entry in pwd.getpwall() if entry.pw_gecos == gecos(entry.pw_name)}


def create(app: str, home: Path) -> None:
    """Make the app's system user and group: no login shell, no home of its own.

    Raises AccountError with the words of useradd.
    """
    done = run(
        "useradd",
        "--system",
        "--user-group",
        "--no-create-home",
        f"--home-dir={home}",
        "--shell=/usr/sbin/nologin",
        f"--comment={gecos(app)}",
        app,
    )
    if done.status != 0:
        raise AccountError(f"the user '{app}' was not made: {done.output.strip()}")


def remove(app: str) -> None:
    """Remove the app's user and group. Raises AccountError with the words of userdel."""
    done = run("userdel", app)
    if done.status != 0:
        raise AccountError(f"the user '{app}' was not removed: {done.output.strip()}")
    if _group_exists(app):
        run("groupdel", app)


def owner(app: str) -> tuple[int, int]:
    """Return the uid and gid of the app's user. Raises KeyError where there is none."""
    entry = pwd.getpwnam(app)
    return entry.pw_uid, entry.pw_gid


def give(path: Path, app: str) -> None:
    """Make the app's user own a path and all below it; links are changed, not followed.

    A folder comes after all that is in it: who owns a folder can put a link in the place of another.
    """
    uid, gid = owner(app)
    for directory, folders, files in os.walk(path, topdown=False):
        for name in [*folders, *files]:
            os.chown(os.path.join(directory, name), uid, gid, follow_symlinks=False)
    os.chown(path, uid, gid, follow_symlinks=False)


def _group_exists(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _taken(kind: str, name: str) -> str:
    return (
        f"the {kind} '{name}' of this host was not made by webstack.python and is left as it is; "
        f"choose another name for the app, or remove the {kind} if nothing needs it"
    )
