"""What the validator says about `source`: each wrong combination and value, with its remedy."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _manifest

URL = "https://git.example.com/shop-1.4.0.tar.gz"
SUM = "sha256:" + "0a" * 32
SUM_REMEDY = 'write "sha256:" and 64 hex digits'
ARCHIVE_REMEDY = "write an https URL, or name a file on the controller"
SUBFOLDER_REMEDY = "name a folder of the source, such as backend"


def judge(source, base="/"):
    entry = {"name": "shop", "app": "shop.wsgi:app", "source": source}
    return [finding.removeprefix("python_apps[0] (shop): ") for finding in _manifest.findings([entry], base)]


@pytest.mark.parametrize(
    "source",
    [
        {"archive": URL, "checksum": SUM},
        {"archive": URL.replace("git.", "bob:pw@git.") + "?sig=1", "checksum": SUM.replace("0a", "0A")},
        {"archive": "/etc/hostname"},
        {"archive": "etc/hostname", "checksum": SUM, "subfolder": "backend/app/"},
        {"git": "/srv/shop.git", "subfolder": "backend"},
    ],
    ids=str,
)
def test_a_good_source_has_no_findings(source):
    assert judge(source) == []


MISTAKES = [
    (
        {"path": "/", "git": "/x.git", "archive": "/etc/hostname"},
        "source: has path, git and archive; keep one of them",
    ),
    (
        {"git": "/x.git", "checksum": SUM},
        "source: has a checksum without archive; remove checksum, or use archive",
    ),
    (
        {"path": "/", "subfolder": "etc"},
        "source: has a subfolder without git or archive; remove subfolder, or use git or archive",
    ),
    (
        {"archive": "/etc/hostname", "ref": "v1"},
        "source: has a ref without git; remove ref, or use git",
    ),
    ({"archive": URL}, f"source: has an archive to fetch without a checksum; {SUM_REMEDY} as checksum"),
    (
        {"archive": URL, "checksum": "sha1:" + "0" * 40},
        f"source.checksum: 'sha1:{'0' * 40}' is not a SHA-256 checksum; {SUM_REMEDY}",
    ),
    ({"archive": URL, "checksum": 5}, f"source.checksum: must be text, not a number; {SUM_REMEDY}"),
    (
        {"archive": URL.replace("https", "http"), "checksum": SUM},
        f"source.archive: is not fetched safely; {ARCHIVE_REMEDY}",
    ),
    (
        {"archive": "no/such.zip"},
        f"source.archive: 'no/such.zip' is not a file from /; {ARCHIVE_REMEDY}",
    ),
    ({"archive": "/etc"}, f"source.archive: '/etc' is not a file; {ARCHIVE_REMEDY}"),
    (
        {"git": "/x.git", "subfolder": "../x"},
        f"source.subfolder: '../x' is not a folder inside the source; {SUBFOLDER_REMEDY}",
    ),
    ({"git": "/x.git", "reff": "v1"}, "source.reff: unknown key; did you mean ref?"),
]


@pytest.mark.parametrize(("source", "message"), MISTAKES, ids=[message for _, message in MISTAKES])
def test_a_mistake_is_named_with_its_remedy(source, message):
    assert judge(source) == [message]


@pytest.mark.parametrize(
    "source",
    [
        {"archive": "http://bob:hunter2@git.example.com/x.tar.gz", "checksum": SUM},
        {"archive": ["https://bob:hunter2@git.example.com/x.tar.gz"]},
        {"archive": "https://bob:hunter2@git.example.com/x y"},
    ],
    ids=str,
)
def test_no_message_holds_what_may_be_secret(source):
    assert judge(source)
    assert "hunter2" not in "".join(judge(source))
