"""What visitors get where the app has no answer for them."""

from __future__ import annotations

import pytest

STATUS = "-o /dev/null -w '%{http_code}'"


@pytest.fixture
def down(front):
    """The app does not run."""
    front.deploy().succeeded()
    front.host.sh("systemctl stop gunicorn-alpha.target")
    yield front
    front.host.sh("systemctl start gunicorn-alpha.target")


@pytest.fixture
def pages(front):
    """Put pages among the app's files."""
    folder = front.folder / "alpha/errors"
    folder.mkdir(exist_ok=True)
    for status in (404, 502):
        (folder / f"{status}.html").write_text(f"our own {status}\n")
    return {404: "errors/404.html", 502: "errors/502.html"}


@pytest.mark.usefixtures("down")
def test_an_app_that_does_not_answer_has_a_page_of_the_collections(client):
    said = client.get("/", "-i")
    assert " 502 " in said.splitlines()[0]
    assert "This site does not answer at the moment" in said
    assert "Cache-Control: no-store" in said
    assert "X-Request-ID: " in said
    assert "nginx/" not in said


def test_pages_of_the_release_are_shown_with_their_status(front, client, pages):
    front.deploy(error_pages=pages).succeeded()
    assert client.get("/static/nowhere") == "our own 404"
    assert client.get("/static/nowhere", STATUS) == "404"
    front.host.sh("systemctl stop gunicorn-alpha.target")
    try:
        assert client.get("/") == "our own 502"
        assert client.get("/", STATUS) == "502"
    finally:
        front.host.sh("systemctl start gunicorn-alpha.target")
    front.deploy().succeeded()
    assert "our own" not in client.get("/static/nowhere")


def test_a_page_that_the_release_lacks_does_not_change_the_status(front, client):
    front.deploy(error_pages={404: "errors/none.html"}).succeeded()
    assert client.get("/static/nowhere", STATUS) == "404"


def test_maintenance_is_a_reload_and_leaves_the_app_alone(front, client):
    front.deploy().succeeded()
    before = front.host.master("alpha")
    front.deploy(maintenance=True).succeeded()
    for path in ("/", "/static/site.css"):
        said = client.get(path, "-i")
        assert " 503 " in said.splitlines()[0]
        assert "Retry-After: 300" in said
        assert "Under maintenance" in said
    assert client.get("/healthz", STATUS) == "200"
    front.deploy().succeeded()
    assert client.get("/", STATUS) == "200"
    assert client.get("/static/site.css", STATUS) == "200"
    assert front.host.master("alpha") == before


def test_operators_get_through(front, client):
    address = client.sh("hostname -i").split()[0]
    front.deploy(maintenance={"allow": [address]}).succeeded()
    assert client.get("/", STATUS) == "200"
    assert front.host.get(options=STATUS) == "503"
    front.deploy(maintenance={"allow": ["127.0.0.1"]}).succeeded()
    assert client.get("/", STATUS) == "503"
    assert front.host.get(options=STATUS) == "200"
    front.deploy().succeeded()
