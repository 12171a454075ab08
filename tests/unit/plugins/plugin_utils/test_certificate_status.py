"""The certificates of all proxies, and what of them is to be seen to."""

from __future__ import annotations

import datetime

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _certificate_status

NOW = datetime.datetime(2026, 6, 1, tzinfo=datetime.UTC)
SHOWN = {
    "site": "shop",
    "kind": "acme",
    "names": ["shop.example.com", "www.shop.example.com"],
    "issuer": "CN = E7",
    "begins": "2026-05-01T00:00:00+00:00",
    "ends": "2026-07-30T00:00:00+00:00",
    "trouble": "",
    "lacking": [],
}


def row(**more):
    (found,) = _certificate_status.rows({"web1": {"certificates": [{**SHOWN, **more}]}}, NOW)
    return found


def test_a_certificate_is_told_with_the_days_that_it_lasts():
    assert row() == {
        **{key: value for key, value in SHOWN.items() if key != "trouble"},
        "host": "web1",
        "days": 59,
        "notes": [],
    }


@pytest.mark.parametrize(
    ("more", "notes"),
    [
        ({"ends": "2026-06-01T00:00:00+00:00"}, ["has ended"]),
        (
            {"begins": "2026-03-01T00:00:00+00:00", "ends": "2026-06-23T00:00:00+00:00"},
            ["its renewal is overdue"],
        ),
        ({"begins": "2026-05-30T00:00:00+00:00", "ends": "2026-06-05T00:00:00+00:00"}, []),
        ({"kind": "files", "ends": "2026-06-30T00:00:00+00:00"}, ["ends soon"]),
        ({"kind": "files", "ends": "2026-07-02T00:00:00+00:00"}, []),
        ({"kind": "stand-in"}, ["the authority has issued none yet"]),
        ({"lacking": ["www.example.com"]}, ["is not for www.example.com"]),
        ({"trouble": "the last renewal failed"}, ["the last renewal failed"]),
    ],
)
def test_what_is_to_be_seen_to_is_noted(more, notes):
    assert row(**more)["notes"] == notes


def test_hosts_that_gave_no_answer_and_certificates_that_cannot_be_read_have_a_row():
    unread = {
        **SHOWN,
        "site": "blog",
        "names": [],
        "issuer": "",
        "begins": "",
        "ends": "",
        "trouble": "no PEM",
    }
    results = {"away": {"unreachable": True, "msg": "no route"}, "web1": {"certificates": [SHOWN, unread]}}
    lines = _certificate_status.table(_certificate_status.rows(results, NOW))
    assert [" ".join(line.split()) for line in lines] == [
        "SITE HOST CERTIFICATE NAMES ISSUER ENDS (UTC) DAYS NOTES",
        "blog web1 acme - - - - no PEM",
        "shop web1 acme shop.example.com www.shop.example.com CN = E7 2026-07-30 00:00 59 -",
        "- away - - - - - was not reached: no route",
    ]
