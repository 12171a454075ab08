"""What is compressed of a release, and how."""

from __future__ import annotations

import gzip
import os

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _release_static
from ansible_collections.webstack.python.plugins.module_utils._release_layout import ReleaseError

TEXT = "body { color: red }\n" * 100
BEFORE = 1_700_000_000_123_456_789
# It writes the first ten bytes of what it was given beside it, and overwrites nothing.
BROTLI = '#!/bin/sh\nshift 2\nset -C -e\nfor file; do head -c 10 "$file" > "$file.br"; done\n'


@pytest.fixture
def brotli(tmp_path, monkeypatch):
    """Put a program in the place of brotli; '' for none."""
    programs = tmp_path / "bin"
    programs.mkdir()
    monkeypatch.setattr(_release_static, "SEARCH_PATH", str(programs))
    monkeypatch.setattr(_release_static, "NO_LONGER_THAN_US", ())

    def put(text):
        (programs / "brotli").write_text(text)
        (programs / "brotli").chmod(0o755)

    return put


@pytest.fixture
def code(tmp_path, brotli):
    assert brotli
    folder = tmp_path / "code"
    folder.mkdir()
    return folder


def write(path, text=TEXT):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, ns=(BEFORE, BEFORE))
    return path


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_text_gets_a_compressed_file_beside_it(code):
    style = write(code / "static/css/style.css")
    before = os.umask(0o077)
    try:
        _release_static.compress(code, ["static"])
    finally:
        os.umask(before)
    packed = style.with_name("style.css.gz")
    assert gzip.decompress(packed.read_bytes()) == TEXT.encode()
    assert packed.stat().st_mode & 0o777 == 0o644
    assert packed.stat().st_mtime_ns == BEFORE
    assert names(code) == ["static/css/style.css", "static/css/style.css.gz"]


def test_same_file_is_the_same_bytes_whatever_its_name_and_time(code):
    one, two = write(code / "s/a.css"), write(code / "s/b.js")
    os.utime(two)
    _release_static.compress(code, ["s"])
    first, second = (file.with_name(f"{file.name}.gz").read_bytes() for file in (one, two))
    assert first == second
    assert first[3:8] == bytes(5)  # neither name nor time


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("static/logo.png", TEXT),
        ("static/program", TEXT),
        ("static/small.css", "x" * 1023),
        ("elsewhere/style.css", TEXT),
    ],
)
def test_what_is_no_text_too_small_or_elsewhere_is_left_alone(code, name, text):
    write(code / name, text)
    (code / "static").mkdir(exist_ok=True)
    _release_static.compress(code, ["static"])
    assert names(code) == [name]


def test_a_small_file_is_one_that_would_fit_into_a_packet(code):
    write(code / "static/small.css", "x" * 1024)
    _release_static.compress(code, ["static"])
    assert len(names(code)) == 2


def test_what_would_not_be_smaller_is_left_out(code):
    file = write(code / "static/random.txt")
    file.write_bytes(os.urandom(4096))
    _release_static.compress(code, ["static"])
    assert names(code) == ["static/random.txt"]


def test_what_the_project_brings_compressed_stays(code, brotli):
    brotli(BROTLI)
    write(code / "static/app.js")
    for ending in ("gz", "br"):
        write(code / f"static/app.js.{ending}", "its own")
    _release_static.compress(code, ["static"])
    assert {(code / f"static/app.js.{ending}").read_text() for ending in ("gz", "br")} == {"its own"}


def test_a_folder_that_is_shared_or_missing_is_left_alone(code, tmp_path):
    shared = write(tmp_path / "shared/uploads/letter.txt")
    (code / "uploads").symlink_to(shared.parent)
    (code / "static").mkdir()
    (code / "static/uploads").symlink_to(shared.parent)
    (code / "static/letter.txt").symlink_to(shared)
    (code / "static/far.txt").symlink_to("./" * 600 + "letter.txt")
    _release_static.compress(code, ["uploads", "static", "missing"])
    assert names(tmp_path / "shared") == ["uploads/letter.txt"]
    assert not list((code / "static").glob("*.gz"))


def test_folders_within_each_other_are_compressed_once(code, brotli):
    brotli(BROTLI)
    write(code / "static/css/style.css")
    (code / "assets").symlink_to("static")
    _release_static.compress(code, ["static", "static/css", "assets"])
    assert names(code / "static/css") == ["style.css", "style.css.br", "style.css.gz"]


def test_brotli_is_used_where_the_host_has_it(code, brotli):
    brotli(BROTLI)
    for number in range(51):
        write(code / f"static/{number}.css")
    _release_static.compress(code, ["static"])
    packed = code / "static/50.css.br"
    assert packed.read_text() == TEXT[:10]
    assert packed.stat().st_mtime_ns == BEFORE
    assert len([name for name in names(code) if name.endswith(".br")]) == 51


def test_brotli_that_makes_nothing_smaller_leaves_nothing(code, brotli):
    brotli('#!/bin/sh\nshift 2\nfor file; do cat "$file" "$file" > "$file.br"; done\n')
    write(code / "static/style.css")
    _release_static.compress(code, ["static"])
    assert names(code) == ["static/style.css", "static/style.css.gz"]


def test_brotli_that_fails_says_why(code, brotli):
    brotli("#!/bin/sh\necho no room\nexit 1\n")
    write(code / "static/style.css")
    with pytest.raises(ReleaseError, match=r"brotli failed \(exit 1\): no room"):
        _release_static.compress(code, ["static"])
