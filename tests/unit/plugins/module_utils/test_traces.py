"""Which apps are on a host, on a tree that stands for it."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _traces
from ansible_collections.webstack.python.plugins.module_utils._files import MARKER

UNITS = "etc/systemd/system"
INSTANCE = "0123456789ab"


@pytest.fixture
def put(tmp_path):
    """Return a function that writes one of our files below the root."""

    def write(name, text=f"# {MARKER}\n"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def test_empty_host_has_no_app(tmp_path):
    assert _traces.find(tmp_path, set()) == {}


def test_whole_app_is_found_with_all_that_is_its_own(tmp_path, put):
    put("srv/shop/.webstack.json")
    put(f"etc/webstack/shop/{INSTANCE}/instance.json")
    put("etc/webstack/instance.key")
    units = ("gunicorn-shop.service", "gunicorn-shop.socket", "gunicorn-shop.target")
    instances = [f"gunicorn-shop@{INSTANCE}.service", f"gunicorn-shop@{INSTANCE}.socket"]
    for unit in (*units, *instances):
        put(f"{UNITS}/{unit}")
    (found,) = _traces.find(tmp_path, {"shop"}).items()
    assert found[0] == "shop"
    assert found[1].user
    assert [str(path.relative_to(tmp_path)) for path in found[1].files] == [
        "srv/shop",
        "etc/webstack/shop",
        *(f"{UNITS}/{unit}" for unit in (*units, *instances)),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "srv/shop/.webstack.json",
        f"etc/webstack/shop/{INSTANCE}/env",
        f"{UNITS}/gunicorn-shop.target",
        f"{UNITS}/gunicorn-shop@{INSTANCE}.socket",
    ],
)
def test_any_remains_tell_of_an_app(tmp_path, put, name):
    put(name)
    assert list(_traces.find(tmp_path, set())) == ["shop"]


def test_user_alone_tells_of_an_app(tmp_path):
    assert _traces.find(tmp_path, {"shop"}) == {"shop": _traces.Traces(user=True)}


def test_what_is_someone_elses_is_no_app(tmp_path, put):
    put("srv/theirs/index.html")
    put("etc/webstack/theirs")
    put(f"{UNITS}/gunicorn-theirs.service", "[Service]\n")
    put(f"{UNITS}/gunicorn.service", "[Service]\n")
    assert _traces.find(tmp_path, set()) == {}


def test_app_whose_name_goes_on_is_another(tmp_path, put):
    put(f"{UNITS}/gunicorn-shop.target")
    put(f"{UNITS}/gunicorn-shop-api.target")
    put(f"{UNITS}/gunicorn-shop-127.0.0.1:8000.socket")
    found = _traces.find(tmp_path, set())
    assert {app: [path.name for path in traces.files] for app, traces in found.items()} == {
        "shop": ["gunicorn-shop-127.0.0.1:8000.socket", "gunicorn-shop.target"],
        "shop-api": ["gunicorn-shop-api.target"],
    }


def test_apps_that_only_the_role_gunicorn_made_are_of_no_manifest(tmp_path, put):
    put(f"{UNITS}/gunicorn-wiki.target")
    put("srv/shop/.webstack.json")
    assert _traces.of_the_manifest(tmp_path, {"half"}) == {"shop", "half"}
