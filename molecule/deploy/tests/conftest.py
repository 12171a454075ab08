"""One app on one host, deployed over and over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import harness
import pytest

pytest_plugins = ["pair"]

DEPLOY = harness.ROOT / "playbooks/deploy.yml"


class Shop:
    """The app `shop`; a test breaks it, or changes it, and runs the playbook.

    text: what the live release says. deploys: how many releases went live.
    """

    def __init__(self, host: harness.Host, folder: Path) -> None:
        self.host = host
        self.folder = folder
        self.text = ""
        self.deploys = 0

    def entry(self, text: str, **keys: Any) -> dict[str, Any]:
        """Return shop's entry, its source rewritten: options of harness.write_app, or keys of the entry."""
        options = {key: keys.pop(key) for key in ("prelude", "status", "coda", "requirements") if key in keys}
        source = harness.write_app(self.folder, text, **options)
        return harness.entry("shop", source, **{"gunicorn": {"workers": 1}, **keys})

    def deploy(self, text: str, *options: str, **keys: Any) -> harness.Run:
        """Run the playbook with this shop: site the first time, later on deploy, which is shorter."""
        manifest = {"python_apps": [self.entry(text, **keys)]}
        if self.deploys == 0:
            return self.host.play(manifest, *options)
        return self.host.play(manifest, *options, playbook=DEPLOY)

    def say(self, text: str, **keys: Any) -> harness.Run:
        """Deploy a good shop that says this text, and see that it does."""
        run = self.deploy(text, **keys).succeeded()
        self.text = text
        self.deploys += 1
        assert self.says() == text
        return run

    def says(self) -> str:
        """Return what a visitor reads."""
        return str(self.host.answer(host="shop.test")["text"])

    def left_over(self) -> str:
        """Describe all that a deploy may leave: units, instances, sockets, processes of other instances."""
        host = self.host
        files = "/etc/webstack/shop /etc/systemd/system /run/systemd/system /run/webstack/shop"
        return "\n".join(
            (
                *host.units(),
                host.sh(
                    f"find {files} -not -name '*.lock' -not -name '*.jsonl' -printf '%p %y %m %u\\n' | sort"
                ),
                host.sh(
                    "ls /srv/shop /srv/shop/venvs; ls -A /srv/shop/releases | grep -v '^[0-9a-f]*$' || true"
                ),
                host.sh("ps -o pid= -u shop"),
            )
        )


@pytest.fixture(scope="session")
def shop(host: harness.Host, tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """The app, deployed once; each test goes on from where the one before ended."""
    shop = Shop(host, tmp_path_factory.mktemp("apps") / "shop")
    shop.say("good")
    return shop
