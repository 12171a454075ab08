"""What the validator says about `source`: each wrong combination and value, with its remedy."""

from __future__ import annotations

import base64

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _manifest

URL = "https://git.example.com/shop-1.4.0.tar.gz"
SUM = "sha256:" + "0a" * 32
SUM_REMEDY = 'write "sha256:" and 64 hex digits'
PIN_REMEDY = "write NAME==VERSION, such as shop==1.4.0"
ARCHIVE_REMEDY = "write an https URL, or name a file on the controller"
SUBFOLDER_REMEDY = "name a folder of the source, such as backend"
ENCODE = "percent-encode user, password and other special signs"
TOKEN_REMEDY = "write it as one word"
PASSPHRASE = "has a passphrase, which nobody could type; give a key without one, kept in a vault"
KEY_REMEDY = "give the text of a private key, from its BEGIN to its END line"


def private_key(body, kind="OPENSSH PRIVATE KEY"):
    return f"-----BEGIN {kind}-----\n{body}\n-----END {kind}-----\n"


def openssh(cipher):
    head = b"openssh-key-v1\0" + len(cipher).to_bytes(4, "big") + cipher
    return private_key(base64.b64encode(head.ljust(300, b"\0")).decode()[:70] + "\nAAAA")


KEY = openssh(b"none")


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
        {"package": "shop==1.4.0"},
        {"package": "shop.web[postgres,redis]==1!1.4.0rc1+local"},
        {"git": "https://git.example.com/shop.git", "token": "t0ken\n", "submodules": True},
        {"git": "https://deploy@git.example.com/shop.git", "token": "t0ken"},
        {"git": "https://bob:p%2Fw@[2001:db8::1]:8443/shop.git"},
        {"git": "file:///srv/git/shop.git"},
        {"git": "git@git.example.com:shop.git", "deploy_key": KEY},
        {"git": "ssh://git@git.example.com/shop.git", "deploy_key": KEY.strip().replace("\n", "\r\n")},
        {"git": "git.example.com:shop.git", "deploy_key": private_key("MIIB", "RSA PRIVATE KEY")},
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
    (
        {"path": "/", "submodules": True},
        "source: has submodules without git; remove submodules, or use git",
    ),
    ({"path": "/", "token": "x"}, "source: has a token without git; remove token, or use git"),
    (
        {"archive": "/etc/hostname", "deploy_key": KEY},
        "source: has a deploy_key without git; remove deploy_key, or use git",
    ),
    (
        {"git": "git@git.example.com:shop.git", "token": "x"},
        "source: has a token, which only an https URL takes; remove token, or write git as an https URL",
    ),
    (
        {"git": "https://bob:pw@git.example.com/shop.git", "token": "x"},
        "source: has a token and a password in git; remove the password from the URL",
    ),
    (
        {"git": "https://git.example.com/shop.git", "deploy_key": KEY},
        "source: has a deploy_key, which only ssh takes; remove deploy_key, or write git as user@host:path",
    ),
    (
        {"git": "ssh://git:pw@git.example.com/shop.git"},
        "source.git: holds a password, which ssh does not take; remove it, use deploy_key",
    ),
    (
        {"git": "https://git.example.com/shop.git", "token": "two words"},
        f"source.token: is empty, or holds a space or a sign that no token has; {TOKEN_REMEDY}",
    ),
    (
        {"git": "git@git.example.com:shop.git", "deploy_key": "ssh-ed25519 AAAA bob@laptop"},
        f"source.deploy_key: is not a private key; {KEY_REMEDY}",
    ),
    (
        {"git": "git@git.example.com:shop.git", "deploy_key": openssh(b"aes256-ctr")},
        f"source.deploy_key: {PASSPHRASE}",
    ),
    (
        {
            "git": "git@git.example.com:shop.git",
            "deploy_key": private_key("Proc-Type: 4,ENCRYPTED", "RSA PRIVATE KEY"),
        },
        f"source.deploy_key: {PASSPHRASE}",
    ),
    (
        {"package": "shop>=1"},
        f"source.package: 'shop>=1' does not name one version of a package; {PIN_REMEDY}",
    ),
    (
        {"package": "shop==1.*"},
        f"source.package: 'shop==1.*' does not name one version of a package; {PIN_REMEDY}",
    ),
    ({"package": 1.4}, f"source.package: must be text, not a number; {PIN_REMEDY}"),
    (
        {"package": "shop==1", "subfolder": "x"},
        "source: has a subfolder without git or archive; remove subfolder, or use git or archive",
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
        {"archive": URL.replace("git.", "bob:p/w@git."), "checksum": SUM},
        f"source.archive: is not a proper URL; {ENCODE}",
    ),
    (
        {"git": "https://bob:p[w]@git.example.com/shop.git"},
        f"source.git: is not a proper URL; {ENCODE}, or use source.token",
    ),
    (
        {"archive": "no/such.zip"},
        f"source.archive: 'no/such.zip' is not a file from /; {ARCHIVE_REMEDY}",
    ),
    ({"archive": "/etc"}, f"source.archive: '/etc' is not a file; {ARCHIVE_REMEDY}"),
    (
        {"archive": "bob:pw@git.example.com/shop.zip"},
        f"source.archive: is not a file from /; {ARCHIVE_REMEDY}",
    ),
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
        {"archive": "bob:hunter2@git.example.com/x.tar.gz", "checksum": SUM},
        {"archive": "hunter2@git.example.com/x.tar.gz", "checksum": SUM},
        {"archive": "https:/bob:hunter2/git.example.com/x.tar.gz"},
        {"git": "https://bob:hunter2@git.example.com/x.git", "token": "hunter2"},
        {"git": "https://git.example.com/x.git", "token": "hunter2 hunter2", "deploy_key": "hunter2"},
        {"git": "https://git.example.com/x.git", "token": ["hunter2"], "deploy_key": {"a": "hunter2"}},
        {"git": "ssh://bob:hunter2@git.example.com/x.git"},
        {"git": "https://bob:hunter2/@git.example.com/x.git"},
        {"git": "https://bob:hunter2]@git.example.com/x.git", "token": "hunter2"},
        {"git": "https://bob:1/hunter2@git.example.com/x.git"},
        {"git": "https://hunter2#x@git.example.com/x.git"},
        {"git": "https://bob:hunter2%@git.example.com/x.git"},
        {"git": "https://git.example.com:65536/hunter2.git"},
        {"git": "https://[::1::]/hunter2.git"},
    ],
    ids=str,
)
def test_no_message_holds_what_may_be_secret(source):
    assert judge(source)
    assert "hunter2" not in "".join(judge(source))


def test_files_of_a_package_are_out_of_nginxs_reach():
    entry = {
        "name": "shop",
        "app": "shop.wsgi:app",
        "source": {"package": "shop==1.4.0"},
        "nginx": {"static": {"/static/": "shop/static"}},
    }
    assert _manifest.findings([entry]) == [
        "python_apps[0] (shop): nginx.static: its folders are not in a release of a package; remove it, "
        "the app serves these files"
    ]
