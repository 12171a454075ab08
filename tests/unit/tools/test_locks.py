"""The locked versions: complete, with hashes, and from no particular host."""

from __future__ import annotations

import pytest

from tools.checkout import ROOT

LOCKS = ["requirements-dev.txt", "tools/locks/uv.txt", "tools/locks/collections.txt"]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_version_and_a_hash(lock: str) -> None:
    text = "\n".join(line for line in (ROOT / lock).read_text().splitlines() if line.strip()[:1] != "#")
    packages = text.replace(" \\\n", " ").splitlines()
    assert packages
    for package in packages:
        assert "==" in package, package
        assert "--hash=sha256:" in package, package


@pytest.mark.parametrize("lock", LOCKS)
def test_lock_names_no_index(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()
