"""Archives as source trees: each format, what is refused, and how one is fetched from a real server."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import struct
import tarfile
import threading
import zipfile

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _source_archive
from ansible_collections.webstack.python.plugins.plugin_utils._source_archive import Archive
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError

TOP = {"shop-1.4.0/app.py": b"app = 1\n", "shop-1.4.0/bin/run": b"#!/bin/sh\n"}


def tar(path, files, *members, mode="w:gz"):
    with tarfile.open(path, mode) as packed:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(content), 1700000000
            info.mode = 0o755 if "/bin/" in name else 0o644
            packed.addfile(info, io.BytesIO(content))
        for info in members:
            packed.addfile(info)
    return path


def member(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def zipped(path, files, **links):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2026, 1, 2, 3, 4, 6))
            info.external_attr = (stat.S_IFREG | (0o755 if "/bin/" in name else 0o644)) << 16
            packed.writestr(info, content)
        for name, target in links.items():
            info = zipfile.ZipInfo(f"shop-1.4.0/{name}")
            info.external_attr = (stat.S_IFLNK | 0o777) << 16
            packed.writestr(info, target)
    return path


def checksum(path):
    return f"sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}"


def collect(path, tmp_path, subfolder="", wanted=""):
    return _source_archive.collect(Archive(str(path), wanted, tmp_path / "cache"), subfolder)


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_tar_of_each_compression_without_its_top_folder(tmp_path, mode):
    path = tar(tmp_path / "shop", TOP, member("shop-1.4.0/link", tarfile.SYMTYPE, "app.py"), mode=mode)
    tree = collect(path, tmp_path)
    found = {entry.path: (entry.executable, entry.target) for entry in tree.entries}
    assert found == {"app.py": (False, ""), "bin/run": (True, ""), "link": (False, "app.py")}
    assert tree.read("app.py") == b"app = 1\n"
    assert tree.files["app.py"].modified == 1700000000
    assert (tree.kind, tree.origin, tree.revision) == ("archive", str(path), checksum(path))


def test_zip_is_the_same_tree_as_the_tar(tmp_path):
    of_tar = collect(tar(tmp_path / "t", TOP, member("shop-1.4.0/link", tarfile.SYMTYPE, "app.py")), tmp_path)
    of_zip = collect(zipped(tmp_path / "z", TOP, link="app.py"), tmp_path)
    assert of_zip.digest == of_tar.digest


def test_zip_of_a_system_without_modes_is_read(tmp_path):
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as packed:
        packed.writestr("shop/", b"")
        info = zipfile.ZipInfo("shop/app.py")
        info.create_system, info.external_attr = 0, 0
        packed.writestr(info, b"x")
    tree = collect(tmp_path / "shop.zip", tmp_path)
    assert [(entry.path, entry.executable) for entry in tree.entries] == [("app.py", False)]


def test_zip_without_dates_is_read(tmp_path):
    path = zipped(tmp_path / "shop.zip", {"app.py": b"x"})
    dated = struct.pack("<HH", 3 << 11 | 4 << 5 | 3, (2026 - 1980) << 9 | 1 << 5 | 2)
    assert path.read_bytes().count(dated) == 2
    path.write_bytes(path.read_bytes().replace(dated, bytes(4)))
    assert collect(path, tmp_path).files["app.py"].modified == 0


def test_several_things_at_the_top_stay_where_they_are(tmp_path):
    tree = collect(tar(tmp_path / "a", {"shop/app.py": b"", "requirements.txt": b""}), tmp_path)
    assert sorted(tree.files) == ["requirements.txt", "shop/app.py"]
    assert list(collect(tar(tmp_path / "b", {"app.py": b""}), tmp_path).files) == ["app.py"]


def test_subfolder_is_what_is_left_below_the_top_folder(tmp_path):
    path = tar(tmp_path / "a", {"x/backend/app.py": b"1", "x/backends/no.py": b"", "x/front/no.js": b""})
    tree = collect(path, tmp_path, "backend/")
    assert (list(tree.files), tree.read("app.py")) == (["app.py"], b"1")
    assert tree.origin == f"{path}#subdirectory=backend"
    with pytest.raises(SourceError, match=r"has no files in the folder 'bak'; check source\.subfolder"):
        collect(path, tmp_path, "bak")
    with pytest.raises(SourceError, match=r"has no files in the folder '\.\./x'"):
        collect(path, tmp_path, "../x")


def test_hard_link_is_the_file_that_it_names(tmp_path):
    path = tar(tmp_path / "a", TOP, member("shop-1.4.0/same.py", tarfile.LNKTYPE, "shop-1.4.0/app.py"))
    assert collect(path, tmp_path).read("same.py") == b"app = 1\n"


def test_what_never_travels_stays_behind(tmp_path):
    files = {**TOP, "shop-1.4.0/.env": b"SECRET=1", "shop-1.4.0/.git/config": b"", "shop-1.4.0/a.pyc": b""}
    assert sorted(collect(tar(tmp_path / "a", files), tmp_path).files) == ["app.py", "bin/run"]


REFUSED = [
    ("absolute path", {"/etc/cron.d/x": b""}, [], "holds '/etc/cron.d/x', which leaves the folder"),
    ("path upwards", {"shop/../../x": b""}, [], r"holds 'shop/\.\./\.\./x', which leaves the folder"),
    ("device", TOP, [member("shop-1.4.0/null", tarfile.CHRTYPE)], "null, which is neither a file"),
    ("pipe", TOP, [member("shop-1.4.0/pipe", tarfile.FIFOTYPE)], "pipe, which is neither a file"),
    ("absolute link", TOP, [member("shop-1.4.0/l", tarfile.SYMTYPE, "/etc/passwd")], "leaves the source"),
    ("link upwards", TOP, [member("shop-1.4.0/l", tarfile.SYMTYPE, "../x")], "leaves the source"),
    ("hard link outwards", TOP, [member("shop-1.4.0/l", tarfile.LNKTYPE, "/etc/passwd")], "is damaged"),
    (
        "path through a link",
        {**TOP, "shop-1.4.0/l/x": b""},
        [member("shop-1.4.0/l", tarfile.SYMTYPE, "bin")],
        "holds shop-1.4.0/l both as a file or link and as a folder",
    ),
    ("nothing", {}, [], "there is nothing to deploy in"),
]


@pytest.mark.parametrize(
    ("files", "members", "message"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_what_could_leave_the_release_is_refused(tmp_path, files, members, message):
    path = tar(tmp_path / "a", files, *members)
    with pytest.raises(SourceError, match=message):
        collect(path, tmp_path)


def test_zip_that_could_leave_the_release_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"holds '\.\./x', which leaves the folder"):
        collect(zipped(tmp_path / "a", {"../x": b""}), tmp_path)
    with pytest.raises(SourceError, match="leaves the source"):
        collect(zipped(tmp_path / "b", TOP, link="/etc/passwd"), tmp_path)
    with zipfile.ZipFile(tmp_path / "c", "w") as packed:
        info = zipfile.ZipInfo("shop/pipe")
        info.external_attr = (stat.S_IFIFO | 0o644) << 16
        packed.writestr(info, b"")
    with pytest.raises(SourceError, match="pipe, which is neither a file"):
        collect(tmp_path / "c", tmp_path)


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00truncated"], ids=repr)
def test_what_is_no_archive_is_said(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(SourceError, match=r"/a is no tar\.gz, tar\.bz2, tar\.xz or zip, or is damaged"):
        collect(tmp_path / "a", tmp_path)


def test_damaged_archive_is_said(tmp_path):
    path = tar(tmp_path / "a", {"x": os.urandom(50000)})
    path.write_bytes(path.read_bytes()[:20000])
    with pytest.raises(SourceError, match="or is damaged"):
        collect(path, tmp_path)


@pytest.mark.parametrize("mtime", ["nan", "inf"])
def test_impossible_date_in_a_tar_is_damage(tmp_path, mtime):
    info = tarfile.TarInfo("app.py")
    info.pax_headers = {"mtime": mtime}
    with pytest.raises(SourceError, match=r"/a is no tar\.gz, .* or is damaged: cannot convert float"):
        collect(tar(tmp_path / "a", {}, info), tmp_path)


def test_name_in_a_zip_that_is_no_text_is_damage(tmp_path):
    path = zipped(tmp_path / "a", {"\xe4pp.py": b"x"})
    path.write_bytes(path.read_bytes().replace("\xe4".encode(), b"\xff\xff"))
    with pytest.raises(SourceError, match=r"/a is no tar\.gz, .* or is damaged: 'utf-8' codec can't decode"):
        collect(path, tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SourceError, match=r"/none cannot be read \(No such file.*; check source\.archive"):
        collect(tmp_path / "none", tmp_path)


def test_other_checksum_of_a_file_is_refused_with_both(tmp_path):
    path = tar(tmp_path / "a", TOP)
    assert collect(path, tmp_path, wanted=checksum(path).upper().replace("SHA", "sha"))
    with pytest.raises(SourceError) as caught:
        collect(path, tmp_path, wanted="sha256:" + "0" * 64)
    assert f"has the checksum {checksum(path)}, wanted was sha256:{'0' * 64}; " in str(caught.value)


@pytest.fixture
def published(tmp_path, loopback):
    """An archive behind a password, with the server that has it."""
    path = tar(tmp_path / "shop.tar.gz", TOP)
    server = loopback(user="bob", password="p@ss/word")
    server.files["/shop.tar.gz"] = path.read_bytes()
    return server, path


def remote(server, path, tmp_path, *, userinfo="bob:p%40ss%2Fword@", query="?sig=s3cr3t"):
    place = f"https://{userinfo}127.0.0.1:{server.port}/shop.tar.gz{query}"
    return Archive(place, checksum(path), tmp_path / "cache", str(server.certificate))


def test_archive_is_fetched_once_and_its_password_shown_nowhere(tmp_path, published):
    server, path = published
    archive = remote(server, path, tmp_path)
    tree = _source_archive.collect(archive)
    assert sorted(tree.files) == ["app.py", "bin/run"]
    assert tree.origin == f"https://127.0.0.1:{server.port}/shop.tar.gz"
    _source_archive.collect(archive)
    assert server.asked == ["/shop.tar.gz?sig=s3cr3t"]
    cached = list((tmp_path / "cache").iterdir())
    assert sorted(file.suffix for file in cached) == ["", ".lock"]
    assert stat.S_IMODE((tmp_path / "cache").stat().st_mode) == 0o700
    assert "p@ss" not in repr(archive)
    assert "s3cr3t" not in repr(archive)


def test_damaged_cache_is_fetched_anew(tmp_path, published):
    server, path = published
    archive = remote(server, path, tmp_path)
    _source_archive.collect(archive)
    (tmp_path / "cache" / archive.checksum.partition(":")[2]).write_bytes(b"half")
    assert _source_archive.collect(archive).files
    assert len(server.asked) == 2


def test_all_hosts_of_a_run_wait_for_one_download(tmp_path, published):
    server, path = published
    archive = remote(server, path, tmp_path)
    threads = [threading.Thread(target=_source_archive.collect, args=[archive]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1


def test_wrong_content_is_not_kept(tmp_path, published):
    server, path = published
    archive = remote(server, path, tmp_path)
    server.files["/shop.tar.gz"] = b"someone else's"
    with pytest.raises(SourceError, match=r"has the checksum sha256:[0-9a-f]+, wanted was sha256:"):
        _source_archive.collect(archive)
    assert [file.suffix for file in (tmp_path / "cache").iterdir()] == [".lock"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"userinfo": "bob:wr0ng@"}, "HTTP Error 401"),
        ({"userinfo": ""}, "HTTP Error 401"),
        ({"query": "/gone"}, "HTTP Error 404"),
    ],
)
def test_failed_download_names_what_was_tried_and_no_secret(tmp_path, published, change, said):
    server, path = published
    with pytest.raises(SourceError) as caught:
        _source_archive.collect(remote(server, path, tmp_path, **change))
    message = str(caught.value)
    assert message.startswith(f"fetching https://127.0.0.1:{server.port}/shop.tar.gz")
    assert said in message
    assert "check source.archive" in message
    assert not [secret for secret in ("bob", "wr0ng", "p@ss", "s3cr3t") if secret in message]


def test_server_without_a_trusted_certificate_is_refused(tmp_path, published):
    server, path = published
    place = f"https://127.0.0.1:{server.port}/shop.tar.gz"
    with pytest.raises(SourceError, match="certificate"):
        _source_archive.collect(Archive(place, checksum(path), tmp_path / "cache"))
    assert server.asked == []


def test_password_does_not_follow_a_redirect(tmp_path, published, loopback):
    server, path = published
    other = loopback()
    other.files["/moved.tar.gz"] = path.read_bytes()
    server.redirects["/shop.tar.gz"] = f"https://127.0.0.1:{other.port}/moved.tar.gz"
    assert _source_archive.collect(remote(server, path, tmp_path)).files
    assert other.authorizations == [None]


def test_url_without_a_checksum_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"write source\.checksum as sha256:HEX"):
        _source_archive.collect(Archive("https://127.0.0.1:9/x.tar.gz", "", tmp_path / "cache"))
