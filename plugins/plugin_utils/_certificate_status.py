# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The certificates of all proxies: as rows, with what is to be seen to, and as a table."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils._status import Column, excuse, lines_of

# An authority's certificate is renewed when a third of its life is left, or 30 days by an older certbot.
# One that has less than this part, and fewer than these days, was not.
OVERDUE = 0.25
OVERDUE_DAYS = datetime.timedelta(days=25)
SOON = datetime.timedelta(days=30)
DAY = datetime.timedelta(days=1)


def rows(results: Mapping[str, Mapping[str, Any]], now: datetime.datetime) -> list[dict[str, Any]]:
    """Return a row a certificate and proxy, by site; a proxy that gave no answer has a row without a site.

    results: what M(webstack.python.nginx_info) gave each host, or failed with; empty for nothing. now:
    with a time zone.
    """
    found = []
    for host, result in results.items():
        if "certificates" in result:
            found += [{"host": host, **_judged(shown, now)} for shown in result["certificates"]]
        else:
            found.append({"host": host, "site": None, "notes": [excuse(result)]})
    return sorted(found, key=lambda row: (row["site"] is None, row["site"]))


def _judged(shown: Mapping[str, Any], now: datetime.datetime) -> dict[str, Any]:
    """Return a certificate with the days that it lasts, and what is to be seen to."""
    days = (datetime.datetime.fromisoformat(shown["ends"]) - now) // DAY if shown["ends"] else None
    notes = [*_notes(shown, now), *([shown["trouble"]] if shown["trouble"] else [])]
    return {**{key: value for key, value in shown.items() if key != "trouble"}, "days": days, "notes": notes}


def _notes(shown: Mapping[str, Any], now: datetime.datetime) -> Iterator[str]:
    if shown["kind"] == "stand-in":
        yield "the authority has issued none yet"
    if not shown["ends"]:
        return
    if shown["lacking"]:
        yield f"is not for {' '.join(shown['lacking'])}"
    begins, ends = (datetime.datetime.fromisoformat(shown[key]) for key in ("begins", "ends"))
    if ends <= now:
        yield "has ended"
    elif shown["kind"] == "acme":
        if ends - now < min((ends - begins) * OVERDUE, OVERDUE_DAYS):
            yield "its renewal is overdue"
    elif ends - now < SOON:
        yield "ends soon"


def table(found: list[Mapping[str, Any]]) -> list[str]:
    """Return the rows as the lines of a table, its titles first."""
    return lines_of(found, COLUMNS)


COLUMNS = (
    Column("SITE", lambda row: row["site"]),
    Column("HOST", lambda row: row["host"]),
    Column("CERTIFICATE", lambda row: row.get("kind")),
    Column("NAMES", lambda row: " ".join(row.get("names") or ())),
    Column("ISSUER", lambda row: row.get("issuer")),
    Column("ENDS (UTC)", lambda row: (row.get("ends") or "")[:16].replace("T", " ")),
    Column("DAYS", lambda row: row.get("days")),
    Column("NOTES", lambda row: "; ".join(row["notes"])),
)
