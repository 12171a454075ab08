"""What visitors get where the app has no answer for them."""

from __future__ import annotations

import pytest

STATUS = "-o /dev/null -w '%{http_code}'"
ERRORS = "/srv/alpha/current/errors"
STATIC = {"/static/": "/srv/alpha/current/static"}


@pytest.fixture(scope="module")
def files(front):
    """Put pages among the app's files; return the manifest's key that names them."""
    folder = front.folder / "alpha/errors"
    folder.mkdir(parents=True, exist_ok=True)
    for status in (403, 404, 502, 503):
        (folder / f"{status}.html").write_text(f"our own {status}\n")
    return {404: "errors/404.html", 502: "errors/502.html"}


@pytest.fixture(scope="module")
def paged(front, client, files):
    """The app with pages of its own, and sites of the same app with others, and in maintenance."""
    address = client.address()
    front.deploy(
        error_pages=files,
        sites={
            "plain": {"static": STATIC},
            "unanswered": {"error_pages": {502: f"{ERRORS}/502.html"}},
            "lacking": {"error_pages": {404: f"{ERRORS}/none.html"}, "static": STATIC},
            "private": {"error_pages": {403: f"{ERRORS}/403.html"}, "allow": ["192.0.2.1"]},
            "operators": {"maintenance": {"allow": [address]}},
            "others": {"maintenance": {"allow": ["127.0.0.1"], "page": f"{ERRORS}/503.html"}},
        },
    ).succeeded()
    return front


@pytest.fixture(scope="module")
def closed(paged, files):
    """The app in maintenance; return the pid of its master from before."""
    before = paged.host.master("alpha")
    extra = "location = /extra {\n    return 204;\n}\n"
    paged.deploy(maintenance=True, error_pages=files, extra=extra).succeeded()
    return before


@pytest.fixture(scope="module")
def opened(closed, front):
    """The app as it is without these keys; return the pid of its master from before."""
    front.deploy().succeeded()
    return closed


@pytest.fixture
def down(paged):
    """The app does not run."""
    paged.host.sh("systemctl stop gunicorn-alpha.target")
    yield
    paged.host.sh("systemctl start gunicorn-alpha.target")


def page(client, site="alpha", path="/static/nowhere"):
    """Return the status and the text that a visitor gets."""
    text, _, status = client.get(path, "-w '\\n%{http_code}'", f"{site}.test").rpartition("\n")
    return int(status), text.strip()


@pytest.mark.usefixtures("paged")
def test_pages_of_the_release_are_shown_with_their_status(client):
    assert page(client) == (404, "our own 404")
    assert "our own" not in page(client, "plain")[1]


@pytest.mark.usefixtures("paged")
def test_a_page_takes_the_place_of_what_the_app_says_where_it_is_not_about_the_app_alone(client):
    assert page(client, path="/?status=404") == (404, "our own 404")
    for site in ("plain", "unanswered"):
        status, text = page(client, site, "/?status=404")
        assert (status, '"text": "one"' in text) == (404, True)


@pytest.mark.usefixtures("paged")
def test_a_page_has_the_headers_of_the_site_whatever_the_app_has_said(client):
    said = "/?status=404&header=X-Frame-Options:ALLOWALL"
    assert client.headers(said)["x-frame-options"] == "SAMEORIGIN"
    assert client.headers(said, domain="plain.test")["x-frame-options"] == "ALLOWALL"


@pytest.mark.usefixtures("paged")
def test_a_page_that_the_release_lacks_does_not_change_the_status(client):
    assert page(client, "lacking")[0] == 404


@pytest.mark.usefixtures("paged")
def test_who_is_not_let_in_sees_the_page_that_says_so(client):
    assert page(client, "private", "/") == (403, "our own 403")


@pytest.mark.usefixtures("paged")
@pytest.mark.parametrize("site", ["alpha", "plain"])
def test_no_visitor_asks_for_a_page_by_its_place(client, site):
    for path in ("/.webstack/404", "/.webstack/unavailable.html", "/.webstack/maintenance"):
        assert page(client, site, path)[0] == 404


@pytest.mark.usefixtures("down")
def test_an_app_that_does_not_answer_has_a_page_of_the_collections(client):
    said = client.get("/", "-i", "plain.test")
    assert " 502 " in said.splitlines()[0]
    assert "This site does not answer at the moment" in said
    assert "Cache-Control: no-store" in said
    assert "X-Request-ID: " in said
    assert "nginx/" not in said


@pytest.mark.usefixtures("down")
@pytest.mark.parametrize("site", ["alpha", "unanswered"])
def test_an_app_that_does_not_answer_has_a_page_of_its_own(client, site):
    assert page(client, site, "/") == (502, "our own 502")


def test_operators_get_through(paged, client):
    assert client.get("/", STATUS, "operators.test") == "200"
    assert paged.host.get(host="operators.test", options=STATUS) == "503"
    assert page(client, "others", "/") == (503, "our own 503")
    assert paged.host.get(host="others.test", options=STATUS) == "200"


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("path", ["/", "/static/site.css"])
def test_everybody_is_told_of_maintenance(client, path):
    said = client.get(path, "-i")
    assert " 503 " in said.splitlines()[0]
    assert "Retry-After: 300" in said
    assert "Cache-Control: no-store" in said
    assert "Under maintenance" in said


@pytest.mark.usefixtures("closed")
def test_maintenance_leaves_locations_of_ones_own_alone(client):
    assert client.get("/extra", STATUS) == "204"


def test_maintenance_leaves_the_app_alone(closed, front, client):
    assert page(client, path="/healthz")[0] == 200
    assert front.host.master("alpha") == closed


def test_maintenance_ends(opened, front, client):
    assert [page(client, path=path)[0] for path in ("/", "/static/site.css")] == [200, 200]
    assert "our own" not in page(client)[1]
    assert '"text": "one"' in page(client, path="/?status=404")[1]
    assert front.host.master("alpha") == opened
