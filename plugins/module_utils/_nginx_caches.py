# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where nginx keeps answers: a folder for each site that has a cache, and what is in them.

    /var/cache/nginx/webstack/<site>/7/c3/6f1ed002ab5595859014ebf0951522d9

nginx makes a site's folder and all in it, but not what the folder lies in. A file is named after its key, or
after the key and what `Vary` names, so the key itself is read from the file. It begins with the version of
its format (`ngx_http_file_cache_header_t` in nginx's ngx_http_cache.h).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path

from ansible_collections.webstack.python.plugins.module_utils._files import naming

FOLDER = Path("var/cache/nginx/webstack")
FILE_NAME = re.compile(r"[0-9a-f]{32}")  # one that is still being written has more
KEY = re.compile(rb"\nKEY: ([^\n]*)\n")
NO_VERSION = bytes(8)
HEAD = 32 * 1024  # bytes: nginx's own header, and the longest request line
URL = re.compile(r"https?://[^/]+")


class Caches:
    """The caches of a host. root: where its file systems start; another one in tests."""

    def __init__(self, root: Path = Path("/")) -> None:
        """Take the host's root."""
        self.folder = root / FOLDER

    def sites(self) -> set[str]:
        """Return the sites that have a folder."""
        with contextlib.suppress(FileNotFoundError):
            return set(os.listdir(self.folder))
        return set()

    def others(self, sites: Collection[str]) -> list[Path]:
        """Return the folders of other sites than these."""
        return [self.folder / name for name in sorted(self.sites() - set(sites))]

    @contextlib.contextmanager
    def made_for(self, sites: Collection[str]) -> Iterator[None]:
        """Make what nginx needs to make folders for these sites; where the block fails, all is as before."""
        before = self.sites()
        made = self._make_parents() if sites else []
        try:
            yield
        except BaseException:
            # nginx makes the folders when it loads the configuration that it then gives up.
            self.keep(before)
            for path in made:
                with contextlib.suppress(OSError):
                    path.rmdir()
            raise

    def _make_parents(self) -> list[Path]:
        """Return the folders that were made, the innermost first."""
        made: list[Path] = []
        for path in (self.folder.parent.parent, self.folder.parent, self.folder):
            if not path.exists():
                with naming(path):
                    path.mkdir()
                    # nginx's workers pass through, whatever the umask.
                    path.chmod(0o755)
                made.insert(0, path)
        return made

    def keep(self, sites: Collection[str]) -> list[Path]:
        """Remove the folders of all other sites and return them.

        No worker may have one of these sites any more: a request whose answer is to be kept fails without.
        """
        removed = self.others(sites)
        for path in removed:
            shutil.rmtree(path, ignore_errors=True)
        return removed

    def answers(self, site: str, url: str = "") -> Iterator[Path]:
        """Yield the files with a site's answers.

        url: the path with its query, for every scheme, name and port, or the whole URL; empty for all.
        """
        for folder, _folders, names in os.walk(self.folder / site):
            for name in names:
                path = Path(folder) / name
                if FILE_NAME.fullmatch(name) and (not url or is_for(_key(path), url)):
                    yield path


def remove(path: Path) -> None:
    """Remove an answer; nginx, which removes answers as well, may have done it.

    A worker keeps a file open that it sends often, and reads the beginning of it for each request: one of a
    version that it does not know, it takes for none. Who is being sent the answer gets it whole.
    Raises OSError, also for a link: the folder is the workers', who must not choose what root writes to.
    """
    with contextlib.suppress(FileNotFoundError):
        descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            os.write(descriptor, NO_VERSION)
        finally:
            os.close(descriptor)
        path.unlink()


def is_for(key: str, url: str) -> bool:
    """Tell whether a cache's key, which is a URL, is of a URL or of a path."""
    return key == url or (url.startswith("/") and URL.sub("", key, count=1) == url)


def _key(path: Path) -> str:
    """Read the key of an answer; empty where there is none, or where nginx has removed the file."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        found = KEY.search(file.read(HEAD))
        return found[1].decode("utf-8", "surrogateescape") if found else ""
    return ""
