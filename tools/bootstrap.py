"""Make .venv and fill it with the locked Python packages. Needs nothing but Python 3.11 to 3.13."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from tools import console, debian
from tools.checkout import LOGS, ROOT, SYSTEM_CERTIFICATES, VENV

# What the locked ansible-core runs on.
SUPPORTED = [(3, 13), (3, 12), (3, 11)]
NETWORK_REMEDY = "Check that this machine reaches PyPI (or pip's configured index), then run it again"


def version_of(interpreter: str) -> tuple[int, int] | None:
    """Return an interpreter's (major, minor), None where it does not run."""
    script = "import sys; print(*sys.version_info[:2])"
    try:
        done = subprocess.run([interpreter, "-c", script], check=False, capture_output=True, text=True)
        major, minor = done.stdout.split()
    except (OSError, ValueError):
        return None
    return int(major), int(minor)


def find_python() -> str:
    """Return a supported interpreter: $PYTHON, this one, or one on PATH. Raises console.ToolError."""
    names = [os.environ.get("PYTHON") or sys.executable, sys.executable, "/usr/bin/python3"]
    names += [f"python{major}.{minor}" for major, minor in SUPPORTED]
    for name in names:
        if version_of(name) in SUPPORTED:
            return name
    versions = ", ".join(f"{major}.{minor}" for major, minor in SUPPORTED)
    raise console.ToolError(
        f"no Python of {versions} was found (tried {', '.join(dict.fromkeys(names))})",
        "Install one, or name it: make PYTHON=/path/to/python3.12 …",
    )


def make_virtualenv() -> None:
    """Make .venv anew, with pip. Debian splits the means off: install them where they are missing."""
    python = find_python()
    console.step(f"Making .venv with {python}")
    shutil.rmtree(VENV, ignore_errors=True)
    if not console.succeeds(python, "-c", "import ensurepip, venv"):
        if not debian.may_install():
            raise console.ToolError(
                f"{python} cannot make virtualenvs: its ensurepip or venv module is missing",
                "Install it (Debian: apt-get install python3-venv), then run the same command again",
            )
        debian.refresh()
        debian.install("python3-venv")
        python = "/usr/bin/python3"
    console.watch(
        [python, "-m", "venv", VENV],
        what="making the virtualenv",
        log=LOGS / "venv.log",
        remedy=f"Run `{python} -m venv /tmp/try` and see what it says",
    )


def trust() -> dict[str, str]:
    """Return variables that make pip and uv trust what the system trusts.

    Each brings its own list of authorities, which knows nothing of a company's proxy.
    Where the user has set a variable, it stays.
    """
    if not SYSTEM_CERTIFICATES.exists():
        return {}
    names = [name for name in ("PIP_CERT", "SSL_CERT_FILE") if name not in os.environ]
    return dict.fromkeys(names, str(SYSTEM_CERTIFICATES))


def index() -> dict[str, str]:
    """Return the variable that points uv, which does not read pip's settings, at pip's index."""
    if "UV_DEFAULT_INDEX" in os.environ or "UV_INDEX_URL" in os.environ:
        return {}
    pip_config = [str(VENV / "bin/pip"), "config", "get", "global.index-url"]
    done = subprocess.run(pip_config, check=False, capture_output=True, text=True)
    url = os.environ.get("PIP_INDEX_URL") or done.stdout.strip()
    return {"UV_DEFAULT_INDEX": url} if url else {}


def install_packages() -> None:
    """Install uv by pip, then all the rest by uv, every file checked against its locked hash."""
    pip = [str(VENV / "bin/pip"), "install", "--disable-pip-version-check", "--require-hashes"]
    console.watch(
        [*pip, "-r", str(ROOT / "tools/locks/uv.txt")],
        what="installing uv",
        log=LOGS / "pip-uv.log",
        remedy=NETWORK_REMEDY,
        env=trust(),
    )
    # Compiled now, as the Makefile keeps Python from writing bytecode into the source tree later.
    uv = [str(VENV / "bin/uv"), "pip", "install", "--compile-bytecode", "--require-hashes"]
    console.watch(
        [*uv, "--python", str(VENV / "bin/python"), "-r", str(ROOT / "requirements-dev.txt")],
        what="installing the locked Python packages",
        log=LOGS / "uv-install.log",
        remedy=NETWORK_REMEDY,
        env={**trust(), **index()},
    )


def bootstrap() -> None:
    """Make .venv where there is none that runs, and bring its packages to the lock."""
    if not console.succeeds(VENV / "bin/python", "-m", "pip", "--version"):
        make_virtualenv()
    console.step("Installing the development tools")
    install_packages()
    (VENV / ".ready").touch()


if __name__ == "__main__":
    console.main(bootstrap)
