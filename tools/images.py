"""The test images: systemd hosts of each supported Debian release."""

from __future__ import annotations

import functools
import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools import console, debian
from tools.checkout import CACHE, LOGS, ROOT

RELEASES = {"debian12": "bookworm", "debian13": "trixie"}
REPOSITORY = "webstack-test"
DOCKERFILE = ROOT / "images/Dockerfile"
EXTRA_CERTIFICATES = Path("/usr/local/share/ca-certificates")
MIRROR = "http://deb.debian.org"
PULL_SECONDS = 300


def certificates() -> list[Path]:
    """Return the machine's own extra CA certificates."""
    return sorted(EXTRA_CERTIFICATES.rglob("*.crt"))


@functools.cache
def digest() -> str:
    """Return 8 hex digits that stand for everything that goes into the images."""
    parts = [DOCKERFILE.read_bytes(), *(path.read_bytes() for path in certificates())]
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:8]


def tag(host: str) -> str:
    """Return the image of a kind of host, such as 'debian12'."""
    return f"{REPOSITORY}:{host}-{digest()}"


def base(release: str) -> str:
    """Return the public image that a Debian release's image is built on."""
    return f"debian:{release}-slim"


def exists(image: str) -> bool:
    """Tell whether the engine has an image."""
    return console.succeeds("docker", "image", "inspect", image)


def pull(image: str) -> str:
    """Pull an image; return '' or why it could not be had."""
    try:
        done = subprocess.run(
            ["docker", "pull", "--quiet", image],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PULL_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {PULL_SECONDS} s"
    return "" if done.returncode == 0 else done.stderr.strip()


def bootstrap_base(release: str) -> None:
    """Make a Debian base image from Debian's packages, under the public one's name."""
    sources = [
        f"deb {MIRROR}/debian {release} main",
        f"deb {MIRROR}/debian {release}-updates main",
        f"deb {MIRROR}/debian-security {release}-security main",
    ]
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        tarball = Path(folder) / "base.tar"
        console.watch(
            ["mmdebstrap", "--variant=minbase", "--include=ca-certificates", release, tarball, *sources],
            what=f"bootstrapping {base(release)} from packages",
            log=LOGS / f"mmdebstrap-{release}.log",
            remedy="Check that Debian's mirrors can be reached, then run the same command again",
        )
        console.watch(
            ["docker", "import", "--change", 'CMD ["bash"]', tarball, base(release)],
            what=f"importing {base(release)}",
            log=LOGS / f"import-{release}.log",
            remedy="Check the engine's disk space",
        )


def require_bootstrap(image: str, reason: str) -> None:
    """See to it that mmdebstrap is there. Raises console.ToolError where it can't be.

    reason: why the image could not be pulled.
    """
    console.note(f"{image} cannot be pulled: {reason.splitlines()[-1]}")
    if shutil.which("mmdebstrap"):
        return
    if not debian.may_install():
        raise console.ToolError(
            f"{image} could not be pulled: {reason}",
            "Check the network; or, on Debian, `apt-get install mmdebstrap` makes it from packages (as root)",
        )
    debian.refresh()
    debian.install("mmdebstrap")


def build(host: str, from_packages: bool) -> None:
    """Build the image of one kind of host, the base below it too where that has no other source."""
    release = RELEASES[host]
    if from_packages:
        bootstrap_base(release)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        context = Path(folder)
        shutil.copy(DOCKERFILE, context)
        (context / "certificates").mkdir()
        for path in certificates():
            shutil.copy(path, context / "certificates")
        console.watch(
            [
                *("docker", "build", "--network", "host", "--build-arg", f"BASE={base(release)}"),
                *("--tag", tag(host), context),
            ],
            what=f"building {tag(host)}",
            log=LOGS / f"image-{host}.log",
            remedy="Check that Debian's mirrors can be reached from containers, then run it again",
        )


def ensure(hosts: Iterable[str] = RELEASES) -> None:
    """Build those images that are missing, side by side. Raises console.ToolError."""
    missing = [host for host in hosts if not exists(tag(host))]
    if not missing:
        return
    console.step(f"Building the test images: {', '.join(missing)}")
    CACHE.mkdir(exist_ok=True)
    from_packages = []
    for image in (base(RELEASES[host]) for host in missing):
        reason = "" if exists(image) else pull(image)
        if reason:
            require_bootstrap(image, reason)
        from_packages.append(bool(reason))
    with ThreadPoolExecutor(max_workers=len(missing)) as pool:
        list(pool.map(build, missing, from_packages))


def names() -> list[str]:
    """Return the images of this checkout that the engine has."""
    return [tag(host) for host in RELEASES if exists(tag(host))]
