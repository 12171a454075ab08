"""What nginx_tree does beside the transaction."""

from __future__ import annotations

import pytest
from ansible_collections.webstack.python.plugins.module_utils._nginx_caches import Caches
from ansible_collections.webstack.python.plugins.module_utils._nginx_transaction import Outcome
from ansible_collections.webstack.python.plugins.modules import nginx_tree


@pytest.fixture
def caches(tmp_path):
    """The caches of a host on which blog and shop have one."""
    caches = Caches(tmp_path)
    for site in ("blog", "shop"):
        (caches.folder / site).mkdir(parents=True)
    return caches


@pytest.fixture
def nginx(monkeypatch):
    """Say whether old requests end; the list holds how often that was asked."""
    asked = []

    def answer(ended):
        monkeypatch.setattr(
            nginx_tree._nginx_server.Nginx, "has_ended_the_old", lambda _self: asked.append(1) or ended
        )
        return asked

    return answer


def test_a_cache_that_no_site_has_goes_when_old_requests_have_ended(caches, nginx):
    nginx(True)
    outcome = Outcome("x")
    assert nginx_tree.drop_caches(caches, ["shop"], outcome) == [caches.folder / "blog"]
    assert (caches.sites(), outcome.warnings) == ({"shop"}, [])


def test_a_cache_that_old_requests_may_use_stays_for_the_next_run(caches, nginx):
    """nginx gives no answer at all to a request whose answer it cannot keep."""
    nginx(False)
    outcome = Outcome("x")
    assert nginx_tree.drop_caches(caches, ["shop"], outcome) == []
    assert caches.sites() == {"blog", "shop"}
    assert outcome.warnings == [
        f"{caches.folder / 'blog'}: left for the next run, as old requests have not ended yet"
    ]


def test_nobody_waits_where_no_cache_is_to_go(caches, nginx):
    asked = nginx(False)
    assert nginx_tree.drop_caches(caches, ["blog", "shop"], Outcome("x")) == []
    assert asked == []
