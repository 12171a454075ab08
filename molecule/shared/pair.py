"""Two apps on each host of a scenario: what a test changes, and what must not notice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import harness
import pytest


class Pair:
    """Two apps on one host, alpha and beta; a test changes alpha and runs the playbook.

    text: what alpha says as it was deployed last.
    """

    def __init__(self, host: harness.Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.text = "one"

    def alpha(self, text: str | None = None, **keys: Any) -> dict[str, Any]:
        """Return alpha's entry, its source rewritten with this text (and the app's options)."""
        options = {key: keys.pop(key) for key in ("prelude", "status", "coda", "requirements") if key in keys}
        source = harness.write_app(self.folder / "alpha", text or self.text, **options)
        return harness.entry("alpha", source, **keys)

    def beta(self) -> dict[str, Any]:
        """Return beta's entry, always the same."""
        return harness.entry("beta", harness.write_app(self.folder / "beta", "beta"))

    def deploy(self, alpha: dict[str, Any], *options: str, **variables: Any) -> harness.Run:
        """Run site.yml with this alpha and the unchanged beta."""
        return self.host.deploy([alpha, self.beta()], *options, **variables)

    def say(self, text: str, **keys: Any) -> harness.Run:
        """Deploy an alpha that says this text, and see that it does."""
        run = self.deploy(self.alpha(text, **keys)).succeeded()
        self.text = text
        assert self.host.answer()["text"] == text
        return run


@pytest.fixture(
    scope="session",
    # With pytest-xdist, one worker has all tests of a host: a test goes on from the one before it.
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in harness.host_names()],
)
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> harness.Host:
    """One host of the scenario."""
    return harness.Host(request.param, tmp_path_factory.mktemp("host"))


@pytest.fixture(scope="session")
def pair(host: harness.Host, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Two apps, deployed once; each test goes on from where the one before ended."""
    pair = Pair(host, tmp_path_factory.mktemp("apps"))
    pair.say("one")
    return pair


@pytest.fixture(autouse=True)
def journal_on_failure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Print the last lines of the units' journal after a failed test."""
    failed_before = request.session.testsfailed
    yield
    host = request.node.funcargs.get("host")
    if host and request.session.testsfailed > failed_before:
        print(host.ti.run("journalctl --no-pager -n 60 -u 'gunicorn-*' -u nginx").stdout)
