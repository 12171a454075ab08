"""Put the collections of requirements.yml, and this one by a link, into .ansible/collections.

They come out of PyPI's `ansible` package, which holds every collection of a release: so that
PyPI is all that set-up needs, and a locked hash covers them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path

import yaml

from tools import console
from tools.bootstrap import NETWORK_REMEDY, trust
from tools.checkout import ANSIBLE_HOME, CACHE, LOGS, ROOT, VENV

COLLECTIONS = ANSIBLE_HOME / "collections/ansible_collections"


def wanted() -> list[str]:
    """Return the names in requirements.yml."""
    listed = yaml.safe_load((ROOT / "requirements.yml").read_text())
    return [entry["name"] for entry in listed["collections"]]


def unpack(wheel: zipfile.ZipFile, name: str) -> None:
    """Unpack one collection and those it depends on. Raises console.ToolError for an unknown one."""
    folder = f"ansible_collections/{name.replace('.', '/')}/"
    target = COLLECTIONS.parent / folder
    if target.exists():
        return
    members = [member for member in wheel.namelist() if member.startswith(folder)]
    if not members:
        raise console.ToolError(
            f"{wheel.filename} has no collection {name}",
            "Correct requirements.yml, or lock another release in tools/locks/collections.in",
        )
    wheel.extractall(COLLECTIONS.parent, members)
    manifest = json.loads((target / "MANIFEST.json").read_text())["collection_info"]
    console.note(f"{name} {manifest['version']}")
    for dependency in manifest["dependencies"]:
        unpack(wheel, dependency)


def link() -> None:
    """Make the checkout itself resolve as webstack.python, uninstalled."""
    place = COLLECTIONS / "webstack/python"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.unlink(missing_ok=True)
    place.symlink_to(os.path.relpath(ROOT, place.parent))


def fetch() -> None:
    """Fetch all collections anew, so that no older version is left behind."""
    console.step("Fetching the collections that the tests need")
    shutil.rmtree(COLLECTIONS.parent, ignore_errors=True)
    CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        console.watch(
            [
                *(VENV / "bin/pip", "download", "--disable-pip-version-check"),
                *("--no-deps", "--require-hashes", "--only-binary", ":all:", "--no-cache-dir"),
                *("--dest", folder, "-r", ROOT / "tools/locks/collections.txt"),
            ],
            what="downloading the collections (54 MB)",
            log=LOGS / "pip-collections.log",
            remedy=NETWORK_REMEDY,
            env=trust(),
        )
        [wheel] = Path(folder).glob("ansible-*.whl")
        with zipfile.ZipFile(wheel) as opened:
            for name in wanted():
                unpack(opened, name)
    link()
    (ANSIBLE_HOME / ".ready").touch()


if __name__ == "__main__":
    console.main(fetch)
