# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""A purge, judged before the first proxy forgets an answer: the app and the URL that were named."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ansible_collections.webstack.python.plugins.plugin_utils import _nginx, _site_place
from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    Unreadable,
    attempt,
    items_of,
    plain_or_unreadable,
    read,
)
from ansible_collections.webstack.python.plugins.plugin_utils._entries import check_list
from ansible_collections.webstack.python.plugins.plugin_utils._manifest import Inventory
from ansible_collections.webstack.python.plugins.plugin_utils._rollback import Run

APP, URL = "app", "url"
USE_APP = "name the one to purge on the command line, as in -e app=shop"
USE_URL = "write a path such as /news, or a whole URL such as https://shop.example.com/news"
KEY = re.compile(r"(https?://[^/?#\s]+)?/[^#\s]*")


def findings(run: Run, app_hosts: Iterable[str]) -> list[str]:
    """Return all that keeps the proxies of a run from a purge; it concerns all, so the first one says it."""
    return [*_app(run, list(app_hosts)), *_url(run)] if run.host == run.hosts[0] else []


def _app(run: Run, app_hosts: list[str]) -> list[str]:
    given = {app if isinstance(app, str) else "" for app in run.given(APP).values()}
    if len(given) > 1:
        return [f"{APP}: the proxies name different ones; {USE_APP}"]
    (app,) = given
    if not app:
        return [f"{APP}: {USE_APP}"]
    cached = [_cached(run, proxy, app_hosts) for proxy in run.hosts]
    known = {name: keeps for sites in reversed(cached) for name, keeps in sites.items()}
    if app not in known:
        return [
            f"{APP}: there is no app {app!r}; the proxies have {', '.join(sorted(known)) or 'none at all'}"
        ]
    if not any(sites.get(app) for sites in cached):
        return [f"{APP}: nothing is kept of {app!r}; its site has no cache"]
    return []


def _url(run: Run) -> list[str]:
    given = list(run.given(URL).values())
    if any(url != given[0] for url in given):
        return [f"{URL}: the proxies have different ones; give it on the command line"]
    url = given[0] or ""
    if not isinstance(url, str) or (url and not KEY.fullmatch(url)):
        return [f"{URL}: {url!r} is not a URL; {USE_URL}"]
    return []


def _cached(run: Run, proxy: str, app_hosts: list[str]) -> dict[str, bool]:
    """Return the sites of a proxy, and whether each has a cache."""
    variables = run.context if proxy == run.host else run.hostvars[proxy]
    sites = items_of(read(variables, "nginx_sites")) if "nginx_sites" in variables else None
    if sites is None:
        hosts = Inventory(run.hostvars, app_hosts, run.hosts).app_hosts_of(proxy)
        own = {name: variables[name] for name in _nginx.OWN_VARIABLES if name in variables}
        sites = attempt(lambda: _nginx.derive(run.hostvars, proxy, hosts, own))
    found = [] if isinstance(sites, Unreadable) else plain_or_unreadable(sites)
    _reported, entries = check_list(found, _nginx.SCHEMA)
    return {
        entry.name: "cache" in _site_place.shared(group, "", ["cache"])
        for group in _site_place.servers(entries, "")
        for entry in group
    }
