"""What nginx keeps on the disk: found by the keys in its files, made and removed by site."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _nginx_caches

NEWS = "https://shop.example.com/news"
# As nginx writes them: a header of its own in binary, then the key, then the answer.
HEADER = b"\x05\x00\x00\n\x00\x00\x00KE" + b"\x00" * 300


@pytest.fixture
def caches(tmp_path):
    (tmp_path / "var/cache").mkdir(parents=True)
    return _nginx_caches.Caches(tmp_path)


def keep(caches, site, number, key, answer=b"HTTP/1.1 200 OK\r\n\r\n\nKEY: https://shop.example.com/other\n"):
    folder = caches.folder / site / "d" / "3e"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{number:032x}"
    path.write_bytes(HEADER + b"\nKEY: " + key.encode() + b"\n" + answer)
    return path


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", [1, 2, 3, 4, 5]),
        ("/news", [1, 2, 3]),
        (NEWS, [1, 2]),
        ("http://shop.example.com:8080/news", [3]),
        ("/news?page=2", [4]),
        ("/new", []),
        ("/other", []),
        ("https://shop.example.com", []),
    ],
)
def test_answers_are_found_by_their_keys(caches, url, expected):
    paths = {
        keep(caches, "shop", 1, NEWS): 1,
        keep(caches, "shop", 2, NEWS): 2,  # a variant
        keep(caches, "shop", 3, "http://shop.example.com:8080/news"): 3,
        keep(caches, "shop", 4, f"{NEWS}?page=2"): 4,
        keep(caches, "shop", 5, "https://shop.example.com/redirect/https://x/news"): 5,
    }
    keep(caches, "blog", 6, NEWS)
    assert sorted(paths[path] for path in caches.answers("shop", url)) == expected


def test_an_answer_that_is_being_written_is_left_to_nginx(caches):
    path = keep(caches, "shop", 1, NEWS)
    path.rename(path.with_name(f"{path.name}.0000000007"))
    assert list(caches.answers("shop")) == []


def test_an_answer_that_nginx_has_just_removed_is_passed_over(caches):
    path = keep(caches, "shop", 1, NEWS)
    path.unlink()
    path.symlink_to("nowhere")
    assert list(caches.answers("shop", "/news")) == []
    assert list(caches.answers("blog")) == []


def test_an_answer_that_a_worker_has_open_is_none_to_it_any_more(caches):
    path = keep(caches, "shop", 1, NEWS)
    whole = path.read_bytes()
    with path.open("rb") as opened:
        _nginx_caches.remove(path)
        assert opened.read() == bytes(8) + whole[8:]
    assert not path.exists()


def test_what_the_workers_link_to_from_there_is_not_written_to(caches, tmp_path):
    path = keep(caches, "shop", 1, NEWS)
    path.unlink()
    other = tmp_path / "shadow"
    other.write_text("root:*:20000:0:99999:7:::\n")
    path.symlink_to(other)
    with pytest.raises(OSError, match="symbolic links"):
        _nginx_caches.remove(path)
    assert other.read_text() == "root:*:20000:0:99999:7:::\n"


def test_an_answer_that_nginx_has_removed_meanwhile_is_gone(caches):
    path = keep(caches, "shop", 1, NEWS)
    path.unlink()
    _nginx_caches.remove(path)
    assert not path.exists()


def test_long_urls_are_found(caches):
    path = keep(caches, "shop", 1, f"{NEWS}?{'x' * 8000}")
    assert list(caches.answers("shop", f"/news?{'x' * 8000}")) == [path]


def test_parents_are_there_for_nginx_and_open_to_its_workers(caches):
    with caches.made_for(["shop"]):
        assert caches.folder.stat().st_mode & 0o777 == 0o755
    assert caches.folder.is_dir()


def test_a_host_without_caches_gets_no_folder(caches):
    with caches.made_for([]):
        pass
    assert not caches.folder.parent.exists()


@pytest.mark.parametrize("before", [[], ["blog"]])
def test_a_refused_change_leaves_the_caches_as_they_were(caches, before):
    for site in before:
        keep(caches, site, 1, NEWS)

    def change():
        with caches.made_for(["blog", "shop"]):
            (caches.folder / "shop").mkdir()
            raise OSError("refused")

    with pytest.raises(OSError, match="refused"):
        change()
    assert sorted(caches.sites()) == before
    assert caches.folder.parent.exists() is bool(before)


def test_folders_of_other_sites_are_removed(caches):
    keep(caches, "shop", 1, NEWS)
    keep(caches, "blog", 1, NEWS)
    assert caches.others(["blog"]) == caches.keep(["blog"]) == [caches.folder / "shop"]
    assert caches.sites() == {"blog"}
    assert caches.keep(["blog"]) == []
