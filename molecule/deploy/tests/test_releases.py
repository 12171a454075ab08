"""What deploys leave on the disk: enough to go back, and not much more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import harness
import pytest

DEPLOY = harness.ROOT / "playbooks/deploy.yml"
KEEP = 5  # the default
DEPLOYS = 20
MB = 1024**2
SAMPLE = harness.ROOT / "examples/hello"


def deploy(host: harness.Host, folder: Path) -> None:
    """Deploy the sample app; the front is left as it is."""
    entry = {
        "name": "hello",
        "app": "hello:create_app()",
        "source": {"path": str(folder)},
        "health": {"path": "/healthz"},
        "gunicorn": {"workers": 1},
    }
    host.play({"python_apps": [entry]}, playbook=DEPLOY).succeeded()


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    """The sample app, in a folder that a test may change."""
    folder = tmp_path_factory.mktemp("sample") / "hello"
    shutil.copytree(SAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def used(host: harness.Host) -> int:
    """Return the bytes on disk of all that deploys of hello write, files with several names counted once."""
    folders = "/srv/hello /etc/webstack/hello /etc/systemd/system /var/cache/webstack"
    return int(host.sh(f"du --block-size=1 --summarize --total {folders} | tail -n 1 | cut -f 1"))


def records(host: harness.Host) -> dict[str, dict[str, Any]]:
    """Return the records of shop's instances, by id."""
    names = host.sh("cd /etc/webstack/shop && ls -d */").replace("/", "").split()
    return {name: json.loads(host.sh(f"cat /etc/webstack/shop/{name}/instance.json")) for name in names}


def test_a_further_release_takes_little_room(host, source):
    deploy(host, source)
    first = used(host)
    (source / "text").write_text("one line")
    deploy(host, source)
    unchanged = used(host)
    lock = source / "requirements.txt"
    lock.write_text(f"{lock.read_text()}six==1.17.0\n")
    deploy(host, source)
    changed = used(host)
    sizes = {"unchanged lock": (unchanged - first) / MB, "changed lock": (changed - unchanged) / MB}
    print(sizes)
    assert sizes["unchanged lock"] < 0.5, sizes
    assert sizes["changed lock"] < 8, sizes


def releases(host):
    """Return the ids of the app's releases that are on the host."""
    return set(host.sh("ls /srv/shop/releases").split())


def run_by(instances):
    """Return the ids of the releases that instances run, or ran."""
    return {Path(record["directory"]).parent.name for record in instances.values()}


def test_keep_releases_holds_after_20_deploys(shop):
    while shop.deploys < DEPLOYS:
        shop.say(f"deploy {shop.deploys}")
    host = shop.host
    found = records(host)
    assert len(found) == KEEP
    assert releases(host) == run_by(found)


def test_refused_releases_take_no_place_of_those_that_were_live(shop):
    host, live = shop.host, shop.host.instance("shop")
    before = records(host)[live]["previous"]
    for number in range(2):
        shop.deploy(f"broken {number}", app="nowhere:app", keep_releases=2).refused()
    shop.say("good again", keep_releases=2)
    found = records(host)
    assert set(found) == {host.instance("shop"), live}
    assert found[host.instance("shop")]["previous"] == live != before
    assert releases(host) == run_by(found)
    host.sh(f"test -f {found[live]['directory']}/web.py && test -x {found[live]['virtualenv']}/bin/python")
