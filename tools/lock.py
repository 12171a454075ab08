"""Renew the locked versions: requirements-dev.txt and tools/locks/*.txt, from the .in files beside them."""

from __future__ import annotations

from tools import console
from tools.bootstrap import NETWORK_REMEDY, index, trust
from tools.checkout import LOGS, ROOT, VENV

OLDEST_PYTHON = "3.11"


def compile_lock(source: str, target: str, *options: str) -> None:
    """Resolve one .in file for all supported platforms and Pythons, with a hash for each file."""
    console.watch(
        [
            *(str(VENV / "bin/uv"), "pip", "compile", "--upgrade", "--universal", "--generate-hashes"),
            *("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "make lock"),
            *("--python-version", OLDEST_PYTHON, *options, str(ROOT / source), "-o", str(ROOT / target)),
        ],
        what=f"locking {target}",
        log=LOGS / "lock.log",
        remedy=NETWORK_REMEDY,
        env={**trust(), **index()},
    )


def lock() -> None:
    """Renew all locks."""
    console.step("Renewing the locked versions")
    compile_lock("requirements-dev.in", "requirements-dev.txt")
    compile_lock("tools/locks/uv.in", "tools/locks/uv.txt")
    compile_lock("tools/locks/collections.in", "tools/locks/collections.txt", "--no-deps")
    console.note("run `make test` with them before you commit")


if __name__ == "__main__":
    console.main(lock)
