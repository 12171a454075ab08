"""Which instance is gone back to, and what it is made of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _instance_recorded as recorded
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    Instance,
    Paths,
    Release,
    Texts,
    build,
)

A, B, C, D = (letter * 12 for letter in "abcd")
RECORDS = {
    A: {"release": "r1", "since": "1", "previous": None},
    B: {"release": "r2", "since": "2", "previous": A},
    C: {"release": "r2", "since": "3", "previous": B},
    D: {"release": "r3", "since": "4", "previous": C},
}
TEXTS = Texts(
    config="# by hand\nworkers = 3\n",
    service="# by hand\nSockets=__PUBLIC_SOCKETS__ gunicorn-shop@__INSTANCE__.socket\nUser=shop\n",
    socket="ListenStream=/run/webstack/shop/__INSTANCE__.sock\n",
    check_service="Sockets=gunicorn-shop@check-__INSTANCE__.socket\n",
    check_socket="ListenStream=/run/webstack/shop/check-__INSTANCE__.sock\n",
    public_socket="ListenStream=/run/webstack/shop/http.sock\n",
    handle="ExecStart=/bin/true\n",
    target="Wants=gunicorn-shop.socket\n",
)


def unproven(name: str) -> dict[str, dict[str, object]]:
    return {**RECORDS, name: {**RECORDS[name], "accepted": False}}


@pytest.mark.parametrize(
    ("records", "live", "held", "names"),
    [
        (RECORDS, D, [], [C, B, A]),
        (RECORDS, B, [], [A]),
        (RECORDS, A, [], []),
        (RECORDS, D, [C], [B, A]),
        (unproven(C), D, [], [B, A]),
        ({**RECORDS, A: {"previous": D}}, D, [], [C, B, A]),
        ({D: RECORDS[D]}, D, [], []),
    ],
    ids=[
        "all",
        "from the middle",
        "the first",
        "one held",
        "one unproven",
        "a circle",
        "the one before is gone",
    ],
)
def test_the_line_of_good_instances_is_gone_back_along(records, live, held, names):
    assert list(recorded.earlier(records, live, held)) == names


def test_an_instance_or_a_release_can_be_named():
    assert recorded.named(RECORDS, D, A) == A
    assert recorded.named(RECORDS, D, "r1") == A
    # The one of the release that was live last.
    assert recorded.named(RECORDS, D, "r2") == C
    # The live one comes before another one of its release.
    assert recorded.named(RECORDS, D, D) == D
    assert recorded.named(RECORDS, D, "r3") == D
    assert recorded.named(RECORDS, B, "r2") == B


@pytest.mark.parametrize(
    ("records", "to", "words"),
    [
        (RECORDS, "r9", "there is no instance or release 'r9' to go back to"),
        (unproven(A), "r1", "r1 never proved itself; choose another one"),
        (unproven(A), A, f"{A} never proved itself; choose another one"),
    ],
)
def test_what_cannot_be_gone_back_to_is_refused(records, to, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        recorded.named(records, D, to)


def test_a_refusal_lists_what_there_is():
    assert recorded.listing(unproven(A), D, [C]).splitlines() == [
        f"    instance {D}, release r3, since 4 (live)",
        f"    instance {C}, release r2, since 3 (rolled back)",
        f"    instance {B}, release r2, since 2",
        f"    instance {A}, release r1, since 1 (never proved itself)",
    ]


@pytest.fixture
def written(tmp_path) -> tuple[Paths, Instance, dict[str, str]]:
    """An instance with all its files on a host, and its record."""
    paths = Paths("shop", tmp_path)
    code, virtualenv = tmp_path / "srv/code", tmp_path / "srv/venv"
    for folder in (code, virtualenv, paths.units):
        folder.mkdir(parents=True)
    release = Release(code, virtualenv, (), "27.0.1", (code,))
    instance = make(paths, release, {"SECRET": "old"})
    for file in (*instance.own, *instance.shared):
        file.path.parent.mkdir(parents=True, exist_ok=True)
        file.path.write_text(file.text)
    return paths, instance, {"directory": str(code), "virtualenv": str(virtualenv)}


def make(paths: Paths, release: Release, env: dict[str, str]) -> Instance:
    return build(paths, TEXTS, release, env, {}, ["gunicorn-shop.socket"], "unix", b"key")


def test_a_recorded_instance_is_read_back_as_it_was_built(written):
    paths, instance, record = written
    found = recorded.read_recorded(paths, instance.id, record)
    assert found.instance(paths) == instance
    assert (found.user, found.sockets) == ("shop", ("gunicorn-shop.socket",))


def test_another_environment_makes_the_instance_that_a_deploy_would_make(written):
    paths, instance, record = written
    release = Release(Path(record["directory"]), Path(record["virtualenv"]), (), "27.0.1", ())
    found = recorded.read_recorded(paths, instance.id, record)
    derived = recorded.derive(found, {"SECRET": "new"}, found.sockets, b"key")
    assert derived.id != instance.id
    assert derived.instance(paths) == make(paths, release, {"SECRET": "new"})
    assert recorded.derive(found, {"SECRET": "old"}, found.sockets, b"key").id == instance.id


def test_another_public_socket_makes_another_instance(written):
    paths, instance, record = written
    found = recorded.read_recorded(paths, instance.id, record)
    there = "gunicorn-shop-::1:80.socket"
    derived = recorded.derive(found, None, [there, "gunicorn-shop.socket"], b"key")
    assert derived.id != instance.id
    assert f"Sockets={there} gunicorn-shop.socket gunicorn-shop@__INSTANCE__.socket\n" in derived.own.service
    assert derived.own.environment == found.own.environment
    assert derived.sockets == (there, "gunicorn-shop.socket")


@pytest.mark.parametrize("lost", ["srv/code", "srv/venv", "env", "check.service", "service", "handle"])
def test_an_instance_that_lost_something_is_named_with_it(written, lost):
    paths, instance, record = written
    lost_path = {
        "env": paths.instance(instance.id) / "env",
        "check.service": paths.instance(instance.id) / "check.service",
        "service": paths.units / paths.unit(instance.id, "service"),
        "handle": paths.units / paths.handle,
    }.get(lost, paths.root / lost)
    lost_path.rename(paths.root / "elsewhere")
    with pytest.raises(ValueError, match=f"^{lost_path} is gone$"):
        recorded.read_recorded(paths, instance.id, record).instance(paths)


def test_where_a_public_socket_listens_stands_in_its_unit(tmp_path):
    paths = Paths("shop", tmp_path)
    paths.units.mkdir(parents=True)
    (paths.units / "gunicorn-shop-::1:80.socket").write_text("[Socket]\nListenStream=[::1]:80\n")
    assert recorded.listen_address(paths, "gunicorn-shop-::1:80.socket") == "[::1]:80"
    assert recorded.listen_address(paths, "gunicorn-shop.socket") == "unix"


def test_nobody_is_held_where_nothing_was_rolled_back(tmp_path):
    paths = Paths("shop", tmp_path)
    assert recorded.read_held(paths) == []
    paths.etc.mkdir(parents=True)
    paths.held.write_text(json.dumps({"held": [{"instance": A}]}))
    assert recorded.read_held(paths) == [{"instance": A}]
