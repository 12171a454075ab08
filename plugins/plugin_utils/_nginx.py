# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nginx role's list: joined over the app hosts' manifests, checked, completed by defaults."""

from __future__ import annotations

import datetime
import functools
from collections import ChainMap
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils import (
    _acme,
    _nginx_text,
    _rules,
    _site_cache,
    _site_limits,
    _site_pages,
    _site_place,
    _site_record,
    _site_static,
    _tls,
)
from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    entries,
    plain,
    plain_or_unreadable,
)
from ansible_collections.webstack.python.plugins.plugin_utils._entries import (
    Between,
    Entry,
    Schema,
    check_list,
    check_variables,
    compare,
    same_names,
)
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Finding, Rule

LISTEN = ("80", "[::]:80")  # the default of nginx_listen
LISTEN_TLS = ("443", "[::]:443")  # the default of nginx_listen_tls
# In nginx's tree: links to the certificates of a site, whatever they are at the time.
CERTIFICATES = "/etc/nginx/webstack/tls"
# What a site can do beyond passing requests on, each with its part of site.conf.j2.
FEATURES = {
    "limits": _site_limits,
    "cache": _site_cache,
    "pages": _site_pages,
    "place": _site_place,
    "record": _site_record,
}
SITE_KEYS = ("max_body_size", "tls", "extra", *(key for part in FEATURES.values() for key in part.KEYS))
# What sites with the same domains each have for themselves; all else is of their one server block.
OWN_KEYS = ("path", "buffering", "max_body_size", "extra")
SERVER_KEYS = ("domains", *(key for key in SITE_KEYS if key not in OWN_KEYS))
# Of the host that derive is for; hostvars lacks what the play says of them.
OWN_VARIABLES = ("python_apps", "gunicorn_worker_class")
WILDCARDS = ("0.0.0.0", "[::]")
KEEPALIVE = {"gthread": 16, "sync": 0, "gevent": 16, "asgi": 16}


def site_rules(prefix: str = "") -> dict[str, Rule]:
    """Return the rules of the keys that a site takes over from the manifest's section "nginx."."""
    return {
        f"{prefix}domains": Rule(_rules.USE_DOMAINS, _rules.domains),
        f"{prefix}max_body_size": Rule(
            _rules.USE_BODY_SIZE,
            _rules.matches(_rules.NGINX_SIZE, "is not a size", _rules.USE_BODY_SIZE),
        ),
        f"{prefix}tls": _tls.rule(),
        f"{prefix}extra": Rule("write nginx directives as text", _nginx_text.problems, secret=True),
        **{path: rule for part in FEATURES.values() for path, rule in part.rules(prefix).items()},
    }


def site_comparisons(prefix: str = "") -> list[Between]:
    """Return what sites are held against each other by, and several keys of one."""
    comparisons = [comparison for part in FEATURES.values() for comparison in part.between(prefix)]
    meanings = {key: _meaning(prefix, key) for key in SERVER_KEYS if key != "domains"}
    return [*comparisons, _site_place.same_settings(prefix, meanings)]


def _meaning(prefix: str, key: str) -> Callable[[Entry], object]:
    if key in _site_pages.KEYS:
        return functools.partial(_site_pages.meaning, prefix, key)
    return lambda entry: entry.get(prefix + key)


SCHEMA = Schema(
    variable="nginx_sites",
    role="nginx",
    needed=(),
    either=("upstream", "root"),
    rules={
        **site_rules(),
        "name": Rule(_rules.USE_NAME, _rules.matches(_rules.NAME, "is not a name", _rules.USE_NAME)),
        "upstream": Rule("name its servers, or the root of a static site"),
        "upstream.servers": Rule(_rules.USE_SERVERS, _rules.servers),
        "upstream.keepalive": Rule("write a whole number from 0", _rules.between(0)),
        "root": Rule(_rules.USE_ABSOLUTE, _rules.absolute_path),
        **_site_static.rules(),
    },
)

VARIABLE_RULES = {
    "nginx_client_max_body_size": SCHEMA.rules["max_body_size"],
    "nginx_listen": Rule(_rules.USE_NGINX_LISTEN, _rules.nginx_listen),
    "nginx_listen_tls": Rule(_rules.USE_NGINX_LISTEN, _rules.nginx_listen),
    "nginx_hsts_max_age": Rule("write whole seconds from 0", _rules.between(0)),
    "nginx_writable_paths": Rule(_rules.USE_ABSOLUTE, _rules.each(_rules.absolute_path)),
    "nginx_limit_nofile": Rule("write a whole number from 1024", _rules.between(1024)),
    "nginx_worker_connections": Rule("write a whole number from 0", _rules.between(0)),
    **_acme.VARIABLE_RULES,
    **{name: rule for part in FEATURES.values() for name, rule in part.VARIABLE_RULES.items()},
    "nginx_proxy_connect_timeout": _site_limits.TIME,
    "nginx_proxy_read_timeout": _site_limits.TIME,
}


class Upstream(TypedDict):
    """Where the site's requests go."""

    name: str  # of the upstream block
    servers: list[str]  # "unix:/path" or "host:port"
    keepalive: int  # idle connections that each worker keeps; 0 for none


class Certificate(TypedDict):
    """What a site shows its visitors in the handshake."""

    certificate: str  # its file on the proxy
    key: str
    acme: bool
    hsts: bool  # whether a browser may be told to come by HTTPS alone: not with one that it warns of


class NginxSite(TypedDict):
    """One entry of nginx_sites with every key set, for templates that only print."""

    name: str
    domains: list[str]
    names: list[str]  # what its certificate is for: its domains, and the names that lead to the first
    catch_all: bool  # no domains: the site answers every name
    upstream: Upstream | None  # None where its files are all there is
    static: list[_site_static.Static]
    handed: bool  # whether these are copies of those on other hosts
    max_body_size: str
    tls: Certificate | None
    extra: str
    limits: dict[str, Any]
    cache: dict[str, Any]
    pages: dict[str, Any]
    place: _site_place.Place
    record: _site_record.Record


class NginxServer(NginxSite):
    """A server block. What is of the block is the same in all of its sites, and the first names it.

    apps: its sites, that with the shortest path first.
    """

    apps: list[NginxSite]


def findings(
    nginx_sites: object, variables: Mapping[str, object] | None = None, base: str | None = None
) -> list[str]:
    """Return all that is wrong with the role's list and its other variables, worded for the user.

    variables: those to judge, by their names. base: where relative paths start on the controller; None
    leaves files unread.
    """
    values = {name: plain_or_unreadable(value) for name, value in (variables or {}).items()}
    reported, checked = check_list(plain_or_unreadable(nginx_sites), SCHEMA)
    reported += compare(checked, same_names, *site_comparisons(), _site_place.one_catch_all(""))
    reported += compare(checked, _site_place.one_source, *_site_static.between())
    default = values.get("nginx_tls")
    reported += compare(by_server(checked, ""), tls_findings("", base, default))
    serves = any(entry.present and is_by_tls(entry.get("tls", default)) for entry in checked)
    return [
        *check_variables(values, SCHEMA.role, VARIABLE_RULES),
        *map(str, _acme.together(values)),
        *map(str, files(values)),
        *map(str, ports(values) if serves else ()),
        *map(str, reported),
    ]


def list_findings(nginx_sites: object, values: Mapping[str, object], base: str) -> list[str]:
    """Return what is wrong with a list that the inventory sets. values: of the role's variables there."""
    default = {"nginx_tls": values["nginx_tls"]} if "nginx_tls" in values else {}
    wrong = set(check_variables(default, SCHEMA.role, VARIABLE_RULES))
    return [finding for finding in findings(nginx_sites, default, base) if finding not in wrong]


def together(values: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what is wrong with variables of the role beside each other. values: those that are set."""
    yield from _acme.together(values)
    yield from files(values)
    if "nginx_listen_tls" in values:
        yield from ports(values)


def files(values: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what connections lack in files. values: of the role's variables."""
    most, connections = values.get("nginx_limit_nofile"), values.get("nginx_worker_connections")
    if isinstance(most, int) and isinstance(connections, int) and 0 < most < connections:
        problem = f"{most} files leave no room for {connections} connections; write {2 * connections}"
        yield Finding("nginx_limit_nofile", problem)


def ports(values: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what requests with TLS and those without both claim. values: of the role's variables."""
    others = _endpoints(values.get("nginx_listen", list(LISTEN)))
    own = _endpoints(values.get("nginx_listen_tls", list(LISTEN_TLS)))
    for port in sorted({each[1] for each in own if any(_rules.overlap(each, other) for other in others)}):
        yield Finding("nginx_listen_tls", f"port {port} is in nginx_listen, too; give TLS a port of its own")


def is_by_tls(value: object) -> bool:
    """Tell whether a site's key `tls` asks for a certificate; a wrong value does not."""
    return bool(value) and not list(_tls.problems(value)) and _tls.read(value).mode != _tls.OFF


def _endpoints(listen: object) -> list[_rules.Endpoint]:
    items = listen if isinstance(listen, list) else []
    found = [_rules.nginx_endpoint(item) for item in items if isinstance(item, str)]
    return [endpoint for endpoint in found if endpoint]


def by_server(found: list[Entry], prefix: str) -> list[Entry]:
    """Return an entry a server block, with all that its sites say of it, named by who gives its TLS."""
    return _site_place.as_servers(found, prefix, SERVER_KEYS, "tls")


def tls_findings(prefix: str, base: str | None, default: object) -> Between:
    """Make the judgement of each entry's certificate by its domains, as of now; see _tls.between."""
    return _tls.between(prefix, base, datetime.datetime.now(datetime.UTC), default)


def derive(
    hostvars: Mapping[str, Any], host: str, app_hosts: Iterable[str], own: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Join the app hosts' manifests into one host's entries of nginx_sites.

    An app on the host itself is reached as it listens there; an app on another host at that
    host's webstack_address (else its ansible_host, else its inventory name). Static files of an app
    on another host are those that were handed over. An app that is absent everywhere gives no entry.
    own: variables of the host itself that hostvars may lack, such as those of the play.
    Raises ValueError where a manifest is no list of mappings, and what Ansible raises where a
    template cannot be filled in.
    """
    sites: dict[str, dict[str, Any]] = {}
    for app_host in app_hosts:
        local = app_host == host
        variables = ChainMap(dict(own) if local else {}, hostvars[app_host])
        for app in entries(variables.get("python_apps", []), f"{app_host}: python_apps"):
            if plain(app.get("state", "present")) == "absent":
                continue
            site = _site(app, variables, app_host, local=local)
            known = sites.setdefault(site["name"], site)
            if known is not site:
                known["upstream"]["servers"] += site["upstream"]["servers"]
            if not local:
                # Its pages may name files that an own release does not have yet.
                known.update(_site_static.derive(site["name"], _static(app), local=False))
    return list(sites.values())


def _site(
    app: Mapping[str, Any], variables: Mapping[str, Any], app_host: str, *, local: bool
) -> dict[str, Any]:
    name = plain(app["name"])
    nginx = plain(app.get("nginx", {}))
    listen = plain(app.get("listen", "unix"))
    worker_class = plain(
        app.get("gunicorn", {}).get("worker_class") or variables.get("gunicorn_worker_class")
    )
    server = local_server(name, listen) if local else remote_server(listen, address(variables, app_host))
    site: dict[str, Any] = {
        "name": name,
        "domains": nginx.get("domains", []),
        "upstream": {
            "servers": [server],
            "keepalive": KEEPALIVE[worker_class or "gthread"],
        },
    }
    # Of what is shared nothing is handed over, so that of other hosts is not read.
    shared = plain(app.get("shared", [])) if local else []
    site.update(_site_static.derive(name, _static(app), shared, local=local))
    site.update({key: nginx[key] for key in SITE_KEYS if key in nginx})
    health = plain(app.get("health", {})).get("path", "")
    site.update(_site_pages.of_app(nginx, health, f"/srv/{name}/current"))
    return site


def _static(app: Mapping[str, Any]) -> dict[str, str]:
    folders: dict[str, str] = plain(app.get("nginx", {})).get("static", {})
    return folders


def local_server(name: str, listen: str) -> str:
    """Name an upstream server on the proxy's own host, in nginx's words."""
    if listen == "unix":
        return f"unix:/run/webstack/{name}/http.sock"
    host, _, port = listen.rpartition(":")
    return f"{ {'0.0.0.0': '127.0.0.1', '[::]': '[::1]'}.get(host, host) }:{port}"


def remote_server(listen: str, address: str) -> str:
    """Name an upstream server on another host: where it listens, or its address for a wildcard."""
    host, _, port = listen.rpartition(":")
    if host not in WILDCARDS:
        return listen
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def address(variables: Mapping[str, Any], app_host: str) -> str:
    """Return the address at which other hosts reach an app host."""
    for name in ("webstack_address", "ansible_host"):
        if name in variables:
            return str(plain(variables[name]))
    return app_host


def resolve(nginx_sites: object, defaults: object) -> list[NginxServer]:
    """Complete those entries of nginx_sites that are present, by the host-wide defaults.

    Entries with the same domains are one server block. defaults: max_body_size and others, as in an
    entry. Raises what Ansible raises where a template cannot be filled in.
    """
    common = plain(defaults)
    groups = [[_resolve(entry, common) for entry in group] for group in _servers(nginx_sites)]
    return [NginxServer(**group[0], apps=group) for group in groups]


def _servers(nginx_sites: object) -> list[list[dict[str, Any]]]:
    """Return the present entries by server block, each with all that is said of the block."""
    found = [Entry("", entry) for entry in plain(entries(nginx_sites, "nginx_sites"))]
    return [
        [
            _site_pages.with_own_health(
                {**entry.data, **_site_place.shared(group, "", SERVER_KEYS)}, entry.data
            )
            for entry in group
        ]
        for group in _site_place.servers(found, "")
    ]


def _resolve(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> NginxSite:
    place = _site_place.resolve(entry, defaults)
    return NginxSite(
        name=entry["name"],
        domains=entry.get("domains", []),
        names=names(entry),
        catch_all=not entry.get("domains"),
        upstream=_upstream(entry),
        static=_site_static.resolve(entry, place["path"]),
        handed=_site_static.is_handed(entry),
        max_body_size=entry.get("max_body_size", defaults["max_body_size"]),
        tls=_certificate(entry["name"], _tls.read(entry.get("tls", defaults["tls"]))),
        extra=entry.get("extra", ""),
        limits=_site_limits.resolve(entry, defaults),
        cache=_site_cache.resolve(entry, defaults),
        pages=_site_pages.resolve(entry, defaults),
        place=place,
        record=_site_record.resolve(entry, defaults),
    )


def names(entry: Mapping[str, Any]) -> list[str]:
    """Return the names that a site's certificate is for."""
    return [*entry.get("domains", []), *entry.get("redirects", [])]


def _upstream(entry: Mapping[str, Any]) -> Upstream | None:
    upstream = entry.get("upstream")
    if upstream is None:
        return None
    return Upstream(
        name=f"webstack_{entry['name']}",
        servers=upstream["servers"],
        keepalive=upstream.get("keepalive", 0),
    )


def _certificate(name: str, tls: _tls.Tls) -> Certificate | None:
    if tls.mode == _tls.OFF:
        return None
    folder = f"{CERTIFICATES}/{name}"
    on_host = tls.mode == "host"
    return Certificate(
        certificate=tls.certificate if on_host else f"{folder}/fullchain.pem",
        key=tls.key if on_host else f"{folder}/privkey.pem",
        acme=tls.mode == _tls.ACME,
        hsts=tls.mode != _tls.SELF_SIGNED,
    )


def certificates(nginx_sites: object, default: object, base: str) -> list[dict[str, Any]]:
    """Return what nginx_tree is to have at hand for the sites that are served by TLS.

    default: nginx_tls. base: where relative paths start on the controller. Raises _tls.FileProblem, and
    what Ansible raises where a template cannot be filled in.
    """
    wanted = []
    for entry, *_others in _servers(nginx_sites):
        tls = _tls.read(entry.get("tls", plain(default)))
        if tls.mode not in (_tls.OFF, "host"):
            own = tls.mode == "files"
            wanted.append(
                {
                    "name": entry["name"],
                    "domains": names(entry),
                    "acme": tls.mode == _tls.ACME,
                    "certificate": _tls.text_of(tls.certificate, base) if own else None,
                    "key": _tls.text_of(tls.key, base) if own else None,
                }
            )
    return wanted


def secrets(nginx_sites: object) -> dict[str, str]:
    """Return the files that hold what nobody but nginx may read of the sites: texts by their names.

    Those of a server block are named after its first site, whichever says so. Raises what Ansible raises
    where a template cannot be filled in.
    """
    found = (_site_limits.secrets(entry) for entry, *_others in _servers(nginx_sites))
    return {name: text for files in found for name, text in files.items()}


def on_host(nginx_sites: object) -> list[dict[str, Any]]:
    """Return the certificates that are to be judged on the proxy, as they are there already.

    Raises what Ansible raises where a template cannot be filled in.
    """
    wanted = []
    for entry, *_others in _servers(nginx_sites):
        tls = _tls.read(entry.get("tls"))
        if tls.mode == "host":
            wanted.append(
                {
                    "label": f"{entry['name']}: tls",
                    "certificate": tls.certificate,
                    "key": tls.key,
                    "domains": names(entry),
                }
            )
    return wanted
