"""Remove what the other tools made: containers, networks, images, and the git-ignored folders."""

from __future__ import annotations

import shutil
import subprocess

from tools import console, engine, images
from tools.checkout import ANSIBLE_HOME, CACHE, IDENTITY, LABEL, VENV


def listed(*command: str) -> list[str]:
    """Return the ids that a docker command lists."""
    done = subprocess.run(["docker", *command], check=False, capture_output=True, text=True)
    return done.stdout.split()


def remove_from_engine() -> None:
    """Remove this checkout's containers and networks, and the test images.

    Another checkout with the same images/Dockerfile shares those, and builds them again.
    """
    ours = ("--quiet", "--filter", f"label={LABEL}={IDENTITY}")
    for kind, remove, found in (
        ("containers", ("rm", "--force", "--volumes"), listed("ps", "--all", *ours)),
        ("networks", ("network", "rm"), listed("network", "ls", *ours)),
        ("images", ("image", "rm"), images.names()),
    ):
        if found:
            done = subprocess.run(["docker", *remove, *found], check=False, capture_output=True, text=True)
            console.note(f"{kind}: {', '.join(found)} {done.stderr.strip() or 'removed'}")


def clean() -> None:
    """Remove everything; the engine stays as it is."""
    console.step("Cleaning")
    if not engine.complaint():
        remove_from_engine()
    for folder in (VENV, ANSIBLE_HOME, CACHE):
        shutil.rmtree(folder, ignore_errors=True)
        console.note(f"removed {folder}")


if __name__ == "__main__":
    console.main(clean)
