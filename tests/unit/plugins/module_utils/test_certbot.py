"""What certbot is asked for, below a directory that stands for the host's root."""

from __future__ import annotations

import datetime
import subprocess

import pki
import pytest
from ansible_collections.webstack.python.plugins.module_utils import _certbot
from ansible_collections.webstack.python.plugins.module_utils._certbot import (
    Authority,
    Certbot,
    Refused,
    Wanted,
)

AUTHORITY = Authority("https://ca.test/dir")
SHOP = Wanted("shop", ["shop.example.com", "www.shop.example.com"])
FAILED = """\
Saving debug log to /var/log/letsencrypt/letsencrypt.log
Requesting a certificate for shop.example.com and www.shop.example.com

Certbot failed to authenticate some domains (authenticator: webroot). These are the problems:
  Domain: www.shop.example.com
  Type:   dns
  Detail: no such name

Ask for help or search for solutions at https://community.letsencrypt.org.
"""
SAID = """\
Certbot failed to authenticate some domains (authenticator: webroot). These are the problems:
  Domain: www.shop.example.com
  Type:   dns
  Detail: no such name"""


class Certbots:
    """A certbot that keeps its arguments and issues what openssl makes."""

    def __init__(self, base, monkeypatch):
        self.certbot = Certbot(base)
        self.calls = []
        self.configs = []
        self.answers = []
        monkeypatch.setattr(_certbot, "run", self.run)
        monkeypatch.setattr(_certbot._systemd, "run", self.run)
        self.shown = {"ActiveState": "active", "UnitFileState": "enabled", "NeedDaemonReload": "no"}
        monkeypatch.setattr(
            _certbot._systemd, "show", lambda _unit, *names: {name: self.shown[name] for name in names}
        )

    def run(self, *command, **_timeout):
        if command[0] == "openssl":
            done = subprocess.run(command, capture_output=True, text=True)
            return _certbot._systemd.Completed(done.returncode, done.stdout)
        self.calls.append(command)
        if "--config" in command:
            config = command[command.index("--config") + 1]
            with open(config) as file:
                self.configs.append(file.read())
        status, said = self.answers.pop(0)
        if status == 0 and "certonly" in command:
            names = [command[place + 1] for place, word in enumerate(command) if word == "-d"]
            asked = dict(line.split(" = ") for line in self.configs[-1].splitlines())
            self.issue("shop", names, asked["server"], asked["key-type"])
        return _certbot._systemd.Completed(status, said)

    def issue(self, site, names, server=AUTHORITY.directory, key_type="ecdsa", webroot=None, **keys):
        live = self.certbot.folder / "live" / f"webstack-{site}"
        live.mkdir(parents=True, exist_ok=True)
        pair = pki.make(*names, **keys)
        (live / "privkey.pem").write_text(pair.key)
        (live / "fullchain.pem").write_text(pair.pem)
        renewal = self.certbot.folder / "renewal" / f"webstack-{site}.conf"
        renewal.parent.mkdir(exist_ok=True)
        renewal.write_text(
            "version = 2.1.0\n[renewalparams]\n"
            f"server = {server}\nkey_type = {key_type}\n"
            f"authenticator = webroot\nwebroot_path = {webroot or self.certbot.webroot},\n"
        )


@pytest.fixture
def fake(tmp_path, monkeypatch):
    return Certbots(tmp_path, monkeypatch)


def test_what_is_there_as_it_is_wanted_is_not_asked_for(fake):
    assert fake.certbot.wanting([SHOP], AUTHORITY) == [SHOP]
    fake.issue("shop", ["www.shop.example.com", "shop.example.com"])
    assert fake.certbot.wanting([SHOP], AUTHORITY) == []
    assert fake.certbot.wanting([Wanted("shop", ["SHOP.example.com", SHOP.domains[1]])], AUTHORITY) == []


@pytest.mark.parametrize(
    ("wanted", "authority"),
    [
        (Wanted("shop", [*SHOP.domains, "new.example.com"]), AUTHORITY),
        (Wanted("shop", SHOP.domains[:1]), AUTHORITY),
        (SHOP, Authority("https://other.test/dir")),
        (SHOP, Authority(AUTHORITY.directory, key_type="rsa")),
    ],
)
def test_another_one_is_asked_for(fake, wanted, authority):
    fake.issue("shop", SHOP.domains)
    assert fake.certbot.wanting([wanted], authority) == [wanted]


def test_one_without_its_key_is_asked_for(fake):
    fake.issue("shop", SHOP.domains)
    (fake.certbot.folder / "live/webstack-shop/privkey.pem").unlink()
    assert fake.certbot.wanting([SHOP], AUTHORITY) == [SHOP]


def test_only_certificates_of_ours_are_unwanted(fake):
    fake.issue("blog", ["blog.example.com"])
    fake.issue("shop", SHOP.domains)
    (fake.certbot.folder / "renewal/mail.example.com.conf").write_text("")
    fake.issue("demo.example.com", ["demo.example.com"])
    fake.issue("theirs", ["theirs.example.com"], webroot="/var/www/html")
    assert fake.certbot.unwanted([SHOP]) == ["blog"]


def test_names_are_asked_for_over_the_web_root(fake):
    fake.answers = [(0, "")]
    assert fake.certbot.issue(SHOP, AUTHORITY) == []
    (call,) = fake.calls
    assert call[:2] == ("env", "/usr/bin/certbot")
    assert call[-4:] == ("-d", "shop.example.com", "-d", "www.shop.example.com")
    assert call[call.index("--cert-name") + 1] == "webstack-shop"
    assert call[call.index("--webroot-path") + 1] == str(fake.certbot.webroot)
    assert fake.configs == [
        "server = https://ca.test/dir\nkey-type = ecdsa\nregister-unsafely-without-email = true\n"
    ]
    assert fake.certbot.wanting([SHOP], AUTHORITY) == []


def test_the_key_of_an_account_is_no_argument(fake):
    fake.answers = [(0, "")]
    fake.certbot.issue(
        SHOP, Authority("https://ca.test/dir", "rsa", "ops@example.com", "", "kid-1", "c2VjcmV0")
    )
    assert "c2VjcmV0" not in " ".join(fake.calls[0])
    assert fake.configs == [
        "server = https://ca.test/dir\nkey-type = rsa\nemail = ops@example.com\n"
        "eab-kid = kid-1\neab-hmac-key = c2VjcmV0\n"
    ]


def test_a_root_of_ones_own_is_trusted_beside_the_hosts(fake, tmp_path):
    roots = tmp_path / "etc/ssl/certs/ca-certificates.crt"
    roots.parent.mkdir(parents=True)
    roots.write_text("system\n")
    authority = Authority("https://ca.test/dir", root="own\n")
    fake.answers = [(0, ""), (0, "")]
    assert fake.certbot.set_up(authority, forget=False)
    assert str(fake.certbot.bundle) in fake.certbot.drop_in.read_text()
    fake.certbot.issue(SHOP, authority)
    assert fake.calls[-1][:2] == ("env", f"REQUESTS_CA_BUNDLE={fake.certbot.bundle}")
    assert fake.certbot.bundle.read_text() == "system\nown\n"


def test_a_name_that_is_not_found_costs_the_others_nothing(fake):
    fake.answers = [(1, FAILED), (0, "")]
    assert fake.certbot.issue(SHOP, AUTHORITY) == [SAID]
    assert fake.calls[1][-2:] == ("-d", "shop.example.com")
    assert _certbot.names_of(fake.certbot.folder / "live/webstack-shop/fullchain.pem") == {"shop.example.com"}


def test_a_name_that_is_not_found_for_once_is_not_taken_away(fake):
    fake.issue("shop", SHOP.domains)
    fake.answers = [(1, FAILED)]
    with pytest.raises(Refused, match="no such name"):
        fake.certbot.issue(Wanted("shop", [*SHOP.domains, "new.example.com"]), AUTHORITY)
    assert len(fake.calls) == 1


@pytest.mark.parametrize("conf", [None, ""], ids=["no renewal file", "an empty one"])
def test_what_a_killed_run_left_makes_room(fake, conf):
    fake.issue("shop", SHOP.domains)
    archive = fake.certbot.folder / "archive/webstack-shop"
    archive.mkdir(parents=True)
    renewal = fake.certbot.folder / "renewal/webstack-shop.conf"
    renewal.unlink()
    if conf is not None:
        renewal.write_text(conf)
    assert fake.certbot.unwanted([]) == ["shop"]
    assert fake.certbot.wanting([SHOP], AUTHORITY) == [SHOP]
    fake.answers = [(1, "Connection refused")]
    with pytest.raises(Refused):
        fake.certbot.issue(SHOP, AUTHORITY)
    assert not renewal.exists()
    assert not archive.exists()
    assert fake.certbot.unwanted([]) == []


def test_what_a_killed_run_left_is_forgotten_without_certbot(fake):
    (fake.certbot.folder / "live/webstack-shop").mkdir(parents=True)
    fake.certbot.delete("shop")
    assert fake.calls == []
    assert fake.certbot.lineages() == []


def test_a_lineage_of_somebody_elses_is_not_replaced(fake):
    fake.issue("shop", SHOP.domains, webroot="/var/www/html")
    with pytest.raises(Refused, match="belongs to somebody else; remove it, or give the app another name"):
        fake.certbot.issue(SHOP, AUTHORITY)
    assert fake.calls == []


def test_a_certificate_that_is_not_what_was_asked_for_is_told(fake, monkeypatch):
    monkeypatch.setattr(fake, "issue", lambda *_: None)
    fake.answers = [(0, "all well")]
    with pytest.raises(Refused, match=r"certbot ended well, but .*webstack-shop is not so: all well"):
        fake.certbot.issue(SHOP, AUTHORITY)


def test_one_that_has_ended_is_asked_for(fake):
    now = datetime.datetime.now(datetime.UTC)
    fake.issue("shop", SHOP.domains, ends=now - datetime.timedelta(seconds=1))
    assert fake.certbot.wanting([SHOP], AUTHORITY) == [SHOP]


def test_a_certbot_that_cannot_be_shared_is_named(fake, tmp_path):
    assert list(fake.certbot.others()) == []
    options = tmp_path / "etc/letsencrypt/cli.ini"
    options.parent.mkdir(parents=True)
    options.write_text("max-log-backups = 0\npre-hook = systemctl stop nginx\n")
    binary = tmp_path / "usr/bin/certbot"
    binary.parent.mkdir(parents=True)
    binary.symlink_to("/snap/bin/certbot")
    fake.answers = [(1, "no path found")]
    assert list(fake.certbot.others()) == [
        "/usr/bin/certbot is not of Debian's package, whose timer renews; remove it, or use files",
        f"{options} sets pre-hook for every certificate; move it to the renewal files that need it",
    ]


def test_what_an_authority_has_issued_already_without_that_name_is_not_asked_for_again(fake):
    fake.issue("shop", ["shop.example.com"])
    fake.answers = [(1, FAILED)]
    with pytest.raises(Refused, match="no such name"):
        fake.certbot.issue(SHOP, AUTHORITY)
    assert len(fake.calls) == 1


@pytest.mark.parametrize(
    "said", ["An unexpected error occurred:\nConnection refused", FAILED.replace("www.", "")]
)
def test_an_authority_that_gives_nothing_is_quoted(fake, said):
    fake.answers = [(1, said)]
    wanted = Wanted("shop", SHOP.domains[:1])
    with pytest.raises(Refused) as refusal:
        fake.certbot.issue(wanted, AUTHORITY)
    assert str(refusal.value) == _certbot.essence(said)
    assert "Saving debug log" not in str(refusal.value)


def test_what_the_renewals_need_is_put_down_once_and_taken_away(fake):
    own = Authority("https://ca.test/dir", root="own\n")
    assert len(fake.certbot.differing(own)) == 3
    assert fake.certbot.set_up(own, forget=True)
    assert fake.certbot.differing(own) == {}
    assert fake.certbot.hook.stat().st_mode & 0o777 == 0o755
    assert not fake.certbot.set_up(AUTHORITY, forget=False)
    assert fake.certbot.root.exists()
    assert fake.certbot.set_up(AUTHORITY, forget=True)
    assert not fake.certbot.root.exists()
    assert not fake.certbot.drop_in.exists()
    assert not fake.certbot.set_up(AUTHORITY, forget=True)
    assert fake.certbot.tear_down()
    assert not fake.certbot.hook.exists()
    assert not fake.certbot.tear_down()


@pytest.mark.parametrize("timer", [("inactive", "enabled"), ("active", "disabled")])
def test_the_timer_is_set_going(fake, timer):
    fake.answers = [(0, "")]
    assert fake.certbot.set_up(AUTHORITY, forget=True)
    fake.shown.update(zip(("ActiveState", "UnitFileState"), timer, strict=True))
    assert fake.certbot.set_up(AUTHORITY, forget=True)
    assert fake.calls[-1] == ("systemctl", "enable", "--now", "certbot.timer")


@pytest.mark.parametrize(
    "ending", [Certbot.tear_down, lambda certbot: certbot.set_up(AUTHORITY, forget=True)]
)
def test_a_unit_that_systemd_has_not_read_yet_is_read(fake, ending):
    fake.certbot.set_up(AUTHORITY, forget=True)
    fake.shown["NeedDaemonReload"] = "yes"
    fake.answers = [(0, "")]
    ending(fake.certbot)
    assert fake.calls == [("systemctl", "daemon-reload")]
