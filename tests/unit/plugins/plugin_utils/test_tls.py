"""The key tls of a site: what it may say, the files it names, and what it comes to."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _acme, _nginx, _tls
from ansible_collections.webstack.python.plugins.plugin_utils._data import Unreadable
from ansible_collections.webstack.python.plugins.plugin_utils._entries import Entry

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
PEM = "-----BEGIN CERTIFICATE-----\nsecret\n-----END CERTIFICATE-----\n"
FILES = {"certificate": "shop.pem", "key": "shop.key"}
USE_PART = "name a file on the controller, or give its text"


def judge(tls, domains=("shop.example.com",), base="/", default=None):
    entry = Entry("sites[0] (shop)", {"name": "shop", "domains": list(domains), "tls": tls})
    if tls is None:
        del entry.data["tls"]
    return [str(finding) for _entry, finding in _tls.between("", base, NOW, default)([entry])]


@pytest.mark.parametrize(
    "value",
    ["off", False, "self_signed", "acme", FILES, {"certificate": "/a.pem", "key": "/a.key", "on_host": True}],
)
def test_what_it_may_say(value):
    assert list(_tls.problems(value)) == []


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("on", "'on' is not known; write off, self_signed, acme, or {certificate: …, key: …}"),
        (True, "a truth value is not known; write off, self_signed, acme, or {certificate: …, key: …}"),
        (["acme"], "a list is not known; write off, self_signed, acme, or {certificate: …, key: …}"),
        (PEM, "text is not known; write off, self_signed, acme, or {certificate: …, key: …}"),
        ({"certificate": "a"}, f"key is missing; {USE_PART}"),
        ({**FILES, "key": 1}, f"key must be text, not a number; {USE_PART}"),
        ({**FILES, "chain": "a"}, "chain: unknown key; the known ones are certificate, key, on_host"),
        (
            {**FILES, "on_host": "yes"},
            "on_host must be true or false, not text; write true or false without quotes",
        ),
        (
            {"certificate": "/a", "key": "a;b", "on_host": True},
            "key: 'a;b' is not an absolute path; write an absolute path of letters, digits and . _ - + @ , = "
            "~ :",
        ),
        (
            {"certificate": "/a", "key": PEM, "on_host": True},
            "key: is a text, not a file on the host; remove on_host, or name the file",
        ),
    ],
)
def test_what_it_may_not_say(value, problem):
    assert list(_tls.problems(value)) == [problem]


def test_an_authority_is_asked_for_names_that_it_can_look_at():
    assert judge("acme") == []
    assert judge("acme", []) == ["tls: acme needs names to ask a certificate for; write the app's domains"]
    assert judge("acme", ["a.org", "*.a.org"]) == [
        "tls: acme proves a name over HTTP, which *.a.org cannot be; write each name, or use files",
    ]


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "certificate is missing; name a file on the controller, or give its text"),
        (None, "is empty; write off, self_signed, acme, or {certificate: …, key: …}"),
    ],
)
def test_an_empty_value_is_named(value, problem):
    assert next(iter(_tls.problems(value))) == problem
    assert judge(value) == []


def test_the_default_of_the_proxy_counts_where_an_entry_says_nothing():
    assert judge(None, [], default="acme") == [
        "tls: acme needs names to ask a certificate for; write the app's domains"
    ]
    assert judge("off", [], default="acme") == judge(False, [], default="acme") == []


def test_files_are_read_and_judged(tmp_path):
    (tmp_path / "shop.pem").write_text("no certificate")
    (tmp_path / "shop.key").write_text("no key")
    assert judge(FILES, base=str(tmp_path)) == [
        "tls.certificate: is not a certificate in PEM; write it in PEM, which starts with -----BEGIN "
        "CERTIFICATE-----",
        "tls.key: is not a private key in PEM; write it in PEM, which starts with -----BEGIN PRIVATE "
        "KEY-----",
    ]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "there is no file {path} on the controller; name a file on the controller, or give its text"),
        (b"\x30\x82\xff", "{path} is not in PEM; convert it with openssl"),
        (
            b"$ANSIBLE_VAULT;1.1;AES256\n",
            "{path} is encrypted by Ansible Vault; write \"{{{{ lookup('ansible.builtin.file', …) }}}}\" "
            "with its path, so that Ansible decrypts it",
        ),
    ],
)
def test_a_file_that_cannot_be_had_is_named(tmp_path, content, problem):
    path = tmp_path / "shop.key"
    if content is not None:
        path.write_bytes(content)
    assert judge({"certificate": PEM, "key": str(path)}) == [f"tls.key: {problem.format(path=path)}"]


def test_texts_that_are_joined_by_a_template_are_parted():
    assert _tls.text_of(PEM.strip() + PEM.strip(), "/") == PEM + PEM


def test_what_copying_leaves_at_the_ends_of_lines_is_nothing():
    assert _tls.text_of("\n" + PEM.replace("\n", " \r\n"), "/") == PEM


@pytest.mark.parametrize("value", ["LS0tLS1CRUdJTi" * 20, "LS0tLS1CRUdJTi\nBFQyBQQVJ", "a\0b"])
def test_a_key_in_another_form_is_in_no_message(value):
    words = "is neither a text in PEM nor the name of a file; name a file on the controller, or give its text"
    assert judge({"certificate": PEM, "key": value}) == [f"tls.key: {words}"]
    assert value not in " ".join(_tls.problems(value))
    assert value not in " ".join(_tls.problems({"certificate": "/a.pem", "key": value, "on_host": True}))


def test_a_folder_is_no_file(tmp_path):
    (finding,) = judge({"certificate": PEM, "key": str(tmp_path)})
    assert finding == f"tls.key: {tmp_path} cannot be read: Is a directory; see to its permissions"


def test_files_are_left_unread_where_it_is_not_known_where_they_are():
    assert judge({"certificate": "a", "key": "b"}, base=None) == []


def resolve(tls, **keys):
    site = {"name": "shop", "upstream": {"servers": ["unix:/x"]}, "tls": tls, **keys}
    defaults = {
        "max_body_size": "1m",
        "tls": "acme",
        "read_timeout": "60s",
        "blocked_paths": [],
        "headers": {},
        "access_log": "off",
    }
    (resolved,) = _nginx.resolve([site], defaults)
    return resolved["tls"]


def test_what_it_comes_to():
    folder = "/etc/nginx/webstack/tls/shop"
    shown = {"certificate": f"{folder}/fullchain.pem", "key": f"{folder}/privkey.pem"}
    assert resolve(False) is None
    assert resolve("off") is None
    assert resolve("self_signed") == {**shown, "acme": False, "hsts": False}
    assert resolve("acme") == {**shown, "acme": True, "hsts": True}
    assert resolve(FILES) == {**shown, "acme": False, "hsts": True}
    assert resolve({"certificate": "/a", "key": "/b", "on_host": True}) == {
        "certificate": "/a",
        "key": "/b",
        "acme": False,
        "hsts": True,
    }


def test_what_the_proxy_is_to_have_at_hand(tmp_path):
    (tmp_path / "key").write_text("the key")
    sites = [
        {"name": "plain", "tls": "off"},
        {"name": "default", "domains": ["a.org"]},
        {"name": "own", "domains": ["b.org"], "tls": {"certificate": PEM, "key": "key"}},
        {"name": "there", "domains": ["c.org"], "tls": {"certificate": "/a", "key": "/b", "on_host": True}},
        {"name": "gone", "tls": "acme", "state": "absent"},
    ]
    nothing = {"certificate": None, "key": None}
    assert _nginx.certificates(sites, "self_signed", str(tmp_path)) == [
        {"name": "default", "domains": ["a.org"], "acme": False, **nothing},
        {"name": "own", "domains": ["b.org"], "acme": False, "certificate": PEM, "key": "the key\n"},
    ]
    (wanted,) = _nginx.certificates(sites[1:2], "acme", str(tmp_path))
    assert wanted == {"name": "default", "domains": ["a.org"], "acme": True, **nothing}


def test_what_is_to_be_judged_on_the_proxy():
    there = {"certificate": "/a", "key": "/b", "on_host": True}
    sites = [
        {"name": "own", "tls": {"certificate": PEM, "key": "key"}},
        {"name": "there", "domains": ["a.org"], "tls": there},
        {"name": "gone", "tls": there, "state": "absent"},
    ]
    assert _nginx.on_host(sites) == [
        {"label": "there: tls", "certificate": "/a", "key": "/b", "domains": ["a.org"]}
    ]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("nginx_tls", "on", "'on' is not known; write off, self_signed or acme"),
        (
            "nginx_acme_directory",
            "http://ca.example.com/dir",
            "'http://ca.example.com/dir' is not an https URL; write the https URL of its ACME directory",
        ),
        (
            "nginx_acme_email",
            "ops",
            "'ops' is not an address; write one address, such as ops@example.com, or leave it out",
        ),
        ("nginx_hsts_max_age", -1, "-1 is out of range; write a whole number from 0"),
        (
            "nginx_listen_tls",
            [],
            'is an empty list; write a list of ports or addresses with ports, such as ["80", "[::]:80"]',
        ),
        (
            "nginx_acme_root",
            "/etc/root.pem",
            "is not a certificate in PEM; write it in PEM, which starts with -----BEGIN CERTIFICATE-----",
        ),
        (
            "nginx_acme_eab_kid",
            "kid-1",
            "is set without nginx_acme_eab_hmac_key; write both as the authority gave them, or neither",
        ),
    ],
)
def test_a_wrong_variable_is_named(variable, value, problem):
    assert _nginx.findings([], {variable: value}) == [f"{variable}: {problem}"]


def test_no_message_holds_the_key_of_an_account():
    given = {"nginx_acme_eab_kid": "kid-1", "nginx_acme_eab_hmac_key": "se cret"}
    assert _nginx.findings([], given) == [
        "nginx_acme_eab_hmac_key: is not in base64url; write it as the authority gave it"
    ]
    assert list(_acme.together({**given, "nginx_acme_eab_hmac_key": "c2VjcmV0"})) == []


SHOP = {"name": "shop", "upstream": {"servers": ["10.0.0.1:8000"]}, "tls": "self_signed"}


@pytest.mark.parametrize(
    ("variables", "port"),
    [
        ({"nginx_listen": ["80", "127.0.0.1:8443"], "nginx_listen_tls": ["8443"]}, 8443),
        ({"nginx_listen_tls": ["80"]}, 80),
        ({"nginx_listen": ["443"]}, 443),
    ],
)
def test_a_port_is_for_one_kind_of_requests(variables, port):
    said = f"nginx_listen_tls: port {port} is in nginx_listen, too; give TLS a port of its own"
    assert _nginx.findings([SHOP], variables) == [said]
    assert _nginx.findings([{**SHOP, "tls": "off"}], variables) == []
    assert list(map(str, _nginx.together(variables))) == ([said] if "nginx_listen_tls" in variables else [])


@pytest.mark.parametrize("mode", ["self_signed", "acme"])
def test_no_handshake_is_for_an_address(mode):
    (first, *_) = _nginx.findings([{**SHOP, "domains": ["192.0.2.1"], "tls": mode}])
    assert first.startswith("nginx_sites[0] (shop): tls: 192.0.2.1 is an address, and certificates")
    assert _nginx.findings([{**SHOP, "domains": ["192.0.2.1"], "tls": "off"}]) == []


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        (
            "Unable to access the file '/a.key': File not found. Use -vvvvv to see paths.",
            "Unable to access the file",
        ),
        ("no such filter, given the key 'secret'", "its template fails"),
    ],
)
def test_what_cannot_be_read_is_told_once_and_without_the_key(cause, told):
    tls = {"certificate": PEM, "key": Unreadable(cause)}
    (finding,) = _nginx.findings([{**SHOP, "tls": tls}])
    assert finding.startswith(f"nginx_sites[0] (shop): tls.key: has no value: {told}")
    assert "secret" not in finding
