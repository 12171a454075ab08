"""Which files of a release a proxy on another host serves, and how they travel."""

from __future__ import annotations

import os
import tracemalloc

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_code, _static_files


@pytest.fixture
def code(tmp_path):
    code = tmp_path / "releases/1/code"
    for name in ("static/a.css", "static/js/b.js", "media/c.png", "web.py"):
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_text(name)
    return code


def names(code, *folders):
    return sorted(_static_files.find(code, folders))


def test_files_of_the_folders_are_known_by_their_paths_in_the_code(code):
    assert names(code, "static", "media/", "none") == ["media/c.png", "static/a.css", "static/js/b.js"]


def test_a_folder_within_another_is_taken_once(code):
    assert names(code, "static", "static/js") == ["static/a.css", "static/js/b.js"]


def test_links_within_the_code_count_as_what_they_lead_to(code):
    (code / "static/vendor").symlink_to("../media")
    (code / "static/again").symlink_to(".")
    (code / "static/z.css").symlink_to("a.css")
    found = _static_files.find(code, ["static"])
    assert sorted(found) == ["static/a.css", "static/js/b.js", "static/vendor/c.png", "static/z.css"]
    assert found["static/z.css"].read_text() == "static/a.css"


def test_what_is_not_of_the_code_is_left_out(code, tmp_path):
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared/secret").write_text("x")
    (code / "static/uploads").symlink_to(tmp_path / "shared")
    (code / "static/secret").symlink_to(tmp_path / "shared/secret")
    (code / "static/gone").symlink_to("nowhere")
    os.mkfifo(code / "static/pipe")
    assert names(code, "static") == ["static/a.css", "static/js/b.js"]


def test_digest_is_that_of_names_and_contents_alone(code):
    def digest():
        return _static_files.digest_of(_static_files.find(code, ["static"]))

    before = digest()
    os.utime(code / "static/a.css", (1, 1))
    assert digest() == before
    (code / "static/a.css").rename(code / "static/b.css")
    renamed = digest()
    (code / "static/b.css").write_text("static/b.css")
    assert len({before, renamed, digest()}) == 3


def test_digest_of_a_large_file_takes_little_memory(code):
    large, size = code / "static/large", 20 * 2**20
    large.touch()
    os.truncate(large, size)
    tracemalloc.start()
    try:
        _static_files.digest_of(_static_files.find(code, ["static"]))
        assert tracemalloc.get_traced_memory()[1] < size // 4
    finally:
        tracemalloc.stop()


def test_packed_files_come_out_as_they_were(code, tmp_path):
    (code / "static/z.css").symlink_to("a.css")
    os.utime(code / "static/a.css", (1_700_000_000, 1_700_000_000))
    _static_files.pack(_static_files.find(code, ["static"]), tmp_path / "static.tar.gz")
    assert (tmp_path / "static.tar.gz").stat().st_mode & 0o777 == 0o644
    _release_code.unpack(tmp_path / "static.tar.gz", tmp_path / "out")
    found = _static_files.find(tmp_path / "out", ["static"])
    assert {name: path.read_text() for name, path in found.items()} == {
        "static/a.css": "static/a.css",
        "static/js/b.js": "static/js/b.js",
        "static/z.css": "static/a.css",
    }
    assert found["static/a.css"].stat().st_mtime == 1_700_000_000
