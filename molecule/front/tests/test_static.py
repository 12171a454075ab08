"""What Nginx serves by itself: compressed, kept by browsers, and there for pages of the release before."""

from __future__ import annotations

from typing import Any

import harness
import pytest

KEEP = "max-age=31536000, immutable"
FOLDERS = {"/static/": "static", "/more/": "more"}
MODULE = "libnginx-mod-http-brotli-static"
pytestmark = pytest.mark.usefixtures("releases")

# A name that has a digest, and one whose digits are a date.
HASHED, DATED = "app-{}a1b2c3d4.js", "report-20260101.csv"


def put(folder, release: str) -> None:
    """Write the files of a release; the ones of another release are not among them."""
    for name in ("static", "more"):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for old in (folder / name).glob("app-*"):
            old.unlink()
        (folder / name / HASHED.format(release)).write_text(f"// {release}\n" * 500)
        (folder / name / DATED).write_text(f"{release}\n" * 1000)
        (folder / name / "picture.png").write_bytes(bytes(4000))
        for hidden in (".npmrc", "sub/.npmrc", ".well-known/security.txt"):
            (folder / name / hidden).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / hidden).write_text(f"{release}\n")


def deploy(front, release: str, **variables: Any) -> None:
    """Deploy a release, and beside it an app whose folders nobody asked to serve."""
    folder = front.folder / "unserved"
    put(front.folder / "alpha", release)
    put(harness.write_app(folder, "unserved"), release)
    nginx = {"domains": ["unserved.test"]}
    alpha = {**front.entry(static={**FOLDERS, "/media/": "media"}), "shared": ["media"]}
    front.host.deploy([alpha, harness.entry("unserved", folder, nginx=nginx)], **variables).succeeded()


@pytest.fixture(scope="module")
def releases(front):
    """Two releases, deployed one after the other."""
    for release in ("1", "2"):
        deploy(front, release)
    yield
    front.host.sh(f"apt-get purge --yes brotli {MODULE}")
    front.host.deploy([front.entry(), {"name": "unserved", "state": "absent"}]).succeeded()


def head(client, path: str, *encodings: str) -> dict[str, str]:
    """Return the status and the headers of an answer, by their names in lower case."""
    accepts = f"-H 'Accept-Encoding: {', '.join(encodings)}'" if encodings else ""
    status, *lines = client.get(path, f"-o /dev/null -D - {accepts}").splitlines()
    headers = dict(line.split(": ", 1) for line in lines if ": " in line)
    return {"status": status.split()[1], **{name.lower(): value.strip() for name, value in headers.items()}}


def test_what_the_app_writes_is_served_as_it_is_now(front, client):
    write = "umask 027; mkdir -p /srv/alpha/shared/media/new; echo {} > /srv/alpha/shared/media/new/file"
    for text in ("one", "and another"):
        front.host.sh(f"runuser -u alpha -- sh -c '{write.format(text)}'")
        assert client.get("/media/new/file") == text
    front.host.sh("runuser -u alpha -- rm /srv/alpha/shared/media/new/file")
    assert client.status("/media/new/file") == 404


@pytest.mark.parametrize("prefix", FOLDERS)
def test_several_folders_are_served(client, prefix):
    assert client.get(prefix + HASHED.format(2)).startswith("// 2\n")


def test_text_is_sent_as_the_build_has_compressed_it(front, client):
    path = f"/static/{DATED}"
    size = front.host.sh(f"stat -c %s /srv/alpha/current{path}.gz")
    answer = head(client, path, "gzip")
    assert (answer["content-encoding"], answer["content-length"]) == ("gzip", size)
    assert answer["vary"] == "Accept-Encoding"
    assert "content-encoding" not in head(client, path)
    assert "content-encoding" not in head(client, "/static/picture.png", "gzip")


def test_the_build_compresses_nothing_without_folders_to_serve(front, client):
    assert front.host.sh("ls /srv/alpha/current/static/*.gz") != ""
    assert front.host.ti.run("ls /srv/unserved/current/static/*.gz").rc != 0
    # It is the app that answers.
    assert '"text": "unserved"' in client.get(f"/static/{DATED}", domain="unserved.test")


def test_only_a_name_with_a_digest_is_kept_forever(client):
    hashed, dated = (head(client, f"/static/{name}") for name in (HASHED.format(2), DATED))
    assert hashed["cache-control"] == KEEP
    assert dated["cache-control"] == "max-age=600"
    # No header of the server is lost by that.
    assert "x-request-id" in hashed
    assert "immutable" not in head(client, f"/static/{HASHED.format(9)}").get("cache-control", "")


@pytest.mark.parametrize(
    "path",
    [
        "/static/%3F",
        "/static/a%20b",
        "/static/%2e%2e/web.py",
        "/static/..%2fweb.py",
        "/static/%2e%2e%2f%2e%2e%2fweb.py",
        "/static../web.py",
    ],
)
def test_odd_paths_lead_to_no_file_of_the_code(client, path):
    assert "start_response" not in client.get(path, "--path-as-is")


@pytest.mark.parametrize(
    ("name", "status"), [(".npmrc", "404"), ("sub/.npmrc", "404"), (".well-known/security.txt", "200")]
)
def test_hidden_files_are_in_neither_release(front, client, name, status):
    for release in ("current", "previous"):
        assert front.host.sh(f"cat /srv/alpha/{release}/static/{name}") != ""
    assert head(client, f"/static/{name}")["status"] == status


def test_files_of_the_release_before_are_there_until_the_next_deploy(front, client):
    before = f"/static/{HASHED.format(1)}"
    answer = head(client, before, "gzip")
    assert (answer["status"], answer["content-encoding"], answer["cache-control"]) == ("200", "gzip", KEEP)
    assert head(client, f"/static/{HASHED.format(9)}")["status"] == "404"
    assert head(client, f"/.webstack-previous{before}")["status"] == "404"
    path = f"/static/{DATED}"
    assert head(client, path, "br", "gzip")["content-encoding"] == "gzip"
    # With the next release come Brotli and its module.
    front.host.sh(f"apt-get install --yes --no-install-recommends {MODULE}")
    deploy(front, "3", python_app_packages=["brotli"])
    assert head(client, before)["status"] == "404"
    assert head(client, f"/static/{HASHED.format(2)}")["status"] == "200"
    assert head(client, path, "br", "gzip")["content-encoding"] == "br"
    assert head(client, path, "gzip")["content-encoding"] == "gzip"
    assert "content-encoding" not in head(client, path)
