"""Collections taken out of a wheel."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools import console, fetch_collections


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[zipfile.ZipFile]:
    """A wheel of three collections, of which the first depends on the second."""
    monkeypatch.setattr(fetch_collections, "COLLECTIONS", tmp_path / "collections/ansible_collections")
    path = tmp_path / "ansible.whl"
    with zipfile.ZipFile(path, "w") as written:
        for name, dependencies in (("a/one", {"b.two": "*"}), ("b/two", {}), ("c/three", {})):
            manifest = {"collection_info": {"version": "1.0.0", "dependencies": dependencies}}
            written.writestr(f"ansible_collections/{name}/MANIFEST.json", json.dumps(manifest))
    with zipfile.ZipFile(path) as opened:
        yield opened


def test_collection_comes_with_what_it_depends_on_and_no_more(wheel: zipfile.ZipFile) -> None:
    fetch_collections.unpack(wheel, "a.one")
    found = {path.parent.name for path in fetch_collections.COLLECTIONS.rglob("MANIFEST.json")}
    assert found == {"one", "two"}


def test_unknown_collection_is_named_with_a_remedy(wheel: zipfile.ZipFile) -> None:
    with pytest.raises(console.ToolError, match=r"no collection d\.four") as caught:
        fetch_collections.unpack(wheel, "d.four")
    assert "requirements.yml" in caught.value.remedy


def test_checkout_resolves_as_the_collection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch_collections, "COLLECTIONS", tmp_path / "collections/ansible_collections")
    monkeypatch.setattr(fetch_collections, "ROOT", tmp_path)
    fetch_collections.link()
    fetch_collections.link()
    assert (fetch_collections.COLLECTIONS / "webstack/python").resolve() == tmp_path
