"""Where a site is: below a path, beside other apps, and under names that lead to it."""

from __future__ import annotations

import json

import pytest
from sites import another, beside, live, shop

ROOT = "/srv/www/docs"
SERVICE = "/srv/www/service"
# Apps below alpha.test that build URLs, by their kinds of worker.
BELOW = {"slow": "sync", "green": "gevent"}
FOLDERS = {"/static/": "static"}
STAFF = {"users": {"alice": "secret"}}


def below(name):
    """Return where an app is."""
    return {"domains": ["alpha.test"], "path": f"/{name}/"}


@pytest.fixture(scope="module", autouse=True)
def service(front):
    """A service of the host that is no app of the collection, and the folder of a static site."""
    front.host.sh(f"mkdir -p {ROOT}/guide {ROOT}/.git {SERVICE}; echo home > {ROOT}/index.html")
    front.host.sh(f"echo guide > {ROOT}/guide/index.html; echo secret > {ROOT}/.git/config")
    front.host.sh(f"echo hello > {SERVICE}/hello.txt")
    command = f"python3 -m http.server 8099 --bind 127.0.0.1 --directory {SERVICE}"
    front.host.sh(f"systemd-run --quiet --unit=test-service {command}")
    yield
    front.host.sh("systemctl stop test-service")


@pytest.fixture(scope="module")
def placed(front):
    """Sites at all places that there are."""
    apps = [
        shop(domains=["alpha.test"], redirects=["www.alpha.test"]),
        front.entry(path="/alpha/"),
        *(shop(name, kind, static=FOLDERS, **below(name)) for name, kind in BELOW.items()),
        live(**below("live")),
    ]
    sites = beside(
        another("only", "shop", path="/page/", tls="self_signed", redirects=["www.only.test"]),
        {"name": "docs", "domains": ["docs.test"], "root": ROOT},
        {"name": "guide", "domains": ["docs.test"], "path": "/handbook/", "root": f"{ROOT}/guide"},
        {"name": "outer", "domains": ["staff.test"], "root": ROOT},
        {**below("inner"), "name": "inner", "domains": ["staff.test"], "root": ROOT, "basic_auth": STAFF},
        {"name": "files", "domains": ["files.test"], "upstream": {"servers": ["127.0.0.1:8099"]}},
    )
    return front.host.deploy(apps, **sites).succeeded()


@pytest.fixture(scope="module")
def moved(front):
    """One app, which was below a path, at the root, and nothing else."""
    gone = [{"name": name, "state": "absent"} for name in ("shop", *BELOW, "live")]
    front.host.deploy([front.entry(), *gone]).succeeded()


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize("name", BELOW)
def test_the_urls_of_an_app_below_a_path_lead_to_it(client, name):
    said = json.loads(client.get(f"/{name}/page/one"))
    assert said["url"] == f"http://alpha.test/{name}/page/one"
    assert said["path"] == "/page/one"
    assert client.headers(f"/{name}/leave")["location"] == f"/{name}/page/next"
    assert client.get(said["style"]) == "/* shop */"
    # It is Nginx that serves it.
    assert client.headers(said["style"])["cache-control"] == "max-age=600"


@pytest.mark.usefixtures("placed")
def test_an_asgi_app_below_a_path_builds_its_urls_for_there(client):
    assert json.loads(client.get("/live/page/one")) == {"url": "http://alpha.test/live/page/next"}
    assert client.converse("/live/echo") == ["101", "hello http://alpha.test/live/page/next"]


@pytest.mark.usefixtures("placed")
def test_no_client_says_where_the_app_is(client):
    asked = "-H 'X-Forwarded-Prefix: /evil' -H 'Script-Name: /evil' -H 'Script_Name: /evil'"
    assert '"script_name": "/alpha"' in client.get("/alpha/some/page", asked)


@pytest.mark.usefixtures("placed")
def test_the_longest_path_wins_and_ends_at_a_slash(front, client):
    assert json.loads(client.get("/page/one"))["url"] == "http://alpha.test/page/one"
    assert "The requested URL was not found on the server" in client.get("/alphabet")
    sites = front.host.sh("ls /etc/nginx/webstack/sites").split()
    assert sites == ["docs.conf", "files.conf", "only.conf", "outer.conf", "shop.conf"]


@pytest.mark.usefixtures("placed")
def test_a_path_without_its_slash_leads_to_it(client):
    path = "/alpha?a=1&b=2"
    assert client.status(path) == 308
    assert client.headers(path)["location"] == "/alpha/?a=1&b=2"


@pytest.mark.usefixtures("placed")
def test_nothing_is_beside_the_only_site_of_a_domain(client):
    assert client.status("/page/one", "-k", "only.test", 443) == 200
    assert client.status("/", "-k", "only.test", 443) == 404


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize(("name", "port"), [("alpha.test", 80), ("only.test", 80), ("only.test", 443)])
def test_names_lead_to_the_first_domain(client, name, port):
    answer = client.get("/a%20b?c=d&e", "-k -i", f"www.{name}", port)
    scheme = "https" if name == "only.test" else "http"
    assert answer.split()[1] == "308"
    assert f"\nlocation: {scheme}://{name}/a%20b?c=d&e" in answer.replace("Location", "location")


@pytest.mark.usefixtures("placed")
def test_names_are_covered_by_the_certificate(front):
    pem = "/etc/nginx/webstack/tls/only/fullchain.pem"
    names = front.host.sh(f"openssl x509 -in {pem} -noout -ext subjectAltName")
    assert names.endswith("DNS:only.test, DNS:www.only.test")


@pytest.mark.usefixtures("placed")
def test_a_static_site_serves_its_folder_but_not_what_is_hidden(client):
    assert client.get("/", domain="docs.test") == "home"
    assert client.get("/guide/", domain="docs.test") == "guide"
    assert client.get("/handbook/", domain="docs.test") == "guide"
    for path in ("/.git/config", "/guide/../.git/config", "/nothing", "/handbook/../index.html/x"):
        assert client.status(path, "--path-as-is", "docs.test") == 404


@pytest.mark.usefixtures("placed")
def test_a_folder_without_its_slash_leads_to_it_wherever_the_visitor_came_from(client):
    assert client.headers("/guide", domain="docs.test")["location"] == "/guide/"


@pytest.mark.usefixtures("placed")
@pytest.mark.parametrize("path", ["/guide/", "/inner/guide/"])
def test_the_password_of_one_site_is_asked_for_all_of_its_domain(client, path):
    assert client.status(path, domain="staff.test") == 401
    assert client.get(path, "-u alice:secret", "staff.test") == "guide"


@pytest.mark.usefixtures("placed")
def test_a_service_of_another_kind_is_a_site_too(client):
    assert client.get("/hello.txt", domain="files.test") == "hello"
    assert client.status("/nothing", domain="files.test") == 404


@pytest.mark.usefixtures("moved")
@pytest.mark.parametrize("path", ["/", "/alpha/", "/alpha", "/slow/", "/live/page/one"])
def test_without_paths_the_app_at_the_root_has_them_all(client, path):
    assert '"script_name": ""' in client.get(path)


@pytest.mark.usefixtures("moved")
@pytest.mark.parametrize("domain", ["www.alpha.test", "docs.test", "files.test", "only.test"])
def test_a_name_that_leads_nowhere_any_more_gets_no_answer(client, domain):
    assert client.gets_no_answer(domain)
