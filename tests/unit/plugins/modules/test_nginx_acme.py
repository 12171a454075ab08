"""What a run of nginx_acme does with what certbot and the authority say."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils._certbot import Authority, Refused, Wanted
from ansible_collections.webstack.python.plugins.modules import nginx_acme

AUTHORITY = Authority("https://ca.test/dir")
SHOP = Wanted("shop", ["shop.example.com"])


class Certbots:
    """A certbot with the certificates of some sites. refuses: what it does not do, by site."""

    def __init__(self, names, **refuses):
        self.there = dict(names)
        self.refuses = refuses
        self.torn_down = False

    def wanting(self, wanted, _authority):
        return [item for item in wanted if self.there.get(item.site) != item.names]

    def unwanted(self, wanted):
        return [site for site in self.there if site not in {item.site for item in wanted}]

    def lineages(self):
        return list(self.there)

    def names(self, site):
        return self.there[site]

    def set_up(self, _authority, **_keys):
        return False

    def issue(self, wanted, _authority):
        self._ask(wanted.site)
        self.there[wanted.site] = wanted.names
        return []

    def delete(self, site):
        self._ask(site)
        del self.there[site]

    def tear_down(self):
        self.torn_down = True
        return True

    def _ask(self, site):
        if site in self.refuses:
            raise Refused(self.refuses[site])


def test_what_is_missing_is_issued_and_what_nobody_wants_is_removed():
    certbot = Certbots({"blog": {"blog.example.com"}})
    assert nginx_acme.apply(certbot, [SHOP], AUTHORITY) == {
        "changed": True,
        "issued": ["shop"],
        "removed": ["blog"],
        "problems": [],
    }
    assert certbot.there == {"shop": SHOP.names}
    assert nginx_acme.apply(certbot, [SHOP], AUTHORITY)["changed"] is False


@pytest.mark.parametrize(
    ("names", "removed"), [(SHOP.names, []), ({"blog.example.com"}, ["old"])], ids=["its names", "others"]
)
def test_a_site_of_another_name_keeps_its_certificate_until_it_has_its_own(names, removed):
    certbot = Certbots({"old": names}, shop="too many requests")
    result = nginx_acme.apply(certbot, [SHOP], AUTHORITY)
    assert (result["removed"], result["problems"]) == (removed, ["shop: too many requests"])


def test_what_cannot_be_removed_is_known_to_the_next_run():
    certbot = Certbots({"blog": {"blog.example.com"}}, blog="Another instance of Certbot is already running.")
    result = nginx_acme.apply(certbot, [], AUTHORITY)
    assert result["problems"] == ["blog: Another instance of Certbot is already running."]
    assert (result["removed"], result["changed"]) == ([], False)
    assert not certbot.torn_down
    certbot.refuses = {}
    assert nginx_acme.apply(certbot, [], AUTHORITY)["removed"] == ["blog"]
    assert certbot.torn_down
