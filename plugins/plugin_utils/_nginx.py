# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""The nginx role's list: joined over the app hosts' manifests, checked, completed by defaults."""

from __future__ import annotations

import datetime
from collections import ChainMap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, TypedDict

from ansible_collections.webstack.python.plugins.plugin_utils import (
    _acme,
    _nginx_text,
    _rules,
    _site_cache,
    _site_limits,
    _site_pages,
    _site_place,
    _site_record,
    _tls,
)
from ansible_collections.webstack.python.plugins.plugin_utils._data import (
    entries,
    plain,
    plain_or_unreadable,
)
from ansible_collections.webstack.python.plugins.plugin_utils._entries import (
    Between,
    Schema,
    check_list,
    check_variables,
    compare,
    one_catch_all,
    same_domains,
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
    return [comparison for part in FEATURES.values() for comparison in part.between(prefix)]


SCHEMA = Schema(
    variable="nginx_sites",
    role="nginx",
    needed=("upstream",),
    rules={
        **site_rules(),
        "name": Rule(_rules.USE_NAME, _rules.matches(_rules.NAME, "is not a name", _rules.USE_NAME)),
        "upstream": Rule("name its servers"),
        "upstream.servers": Rule(_rules.USE_SERVERS, _rules.servers),
        "upstream.keepalive": Rule("write a whole number from 0", _rules.between(0)),
        "static": Rule("write URL prefixes to absolute paths", _rules.static_absolute),
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
    **{
        f"nginx_proxy_{name}_timeout": Rule(
            _rules.USE_NGINX_TIME, _rules.matches(_rules.NGINX_TIME, "is not a time", _rules.USE_NGINX_TIME)
        )
        for name in ("connect", "read")
    },
}


class Upstream(TypedDict):
    """Where the site's requests go."""

    name: str  # of the upstream block
    servers: list[str]  # "unix:/path" or "host:port"
    keepalive: int  # idle connections that each worker keeps; 0 for none


class Static(TypedDict):
    """A folder that nginx serves by itself."""

    prefix: str  # "/static/"
    alias: str  # "/srv/shop/current/shop/static/", ends with a slash as the prefix does


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
    catch_all: bool  # no domains: the site answers every name
    upstream: Upstream
    static: list[Static]
    max_body_size: str
    tls: Certificate | None
    extra: str
    limits: dict[str, Any]
    cache: dict[str, Any]
    pages: dict[str, Any]
    place: dict[str, Any]
    record: dict[str, Any]
    state: Literal["present", "absent"]


def findings(
    nginx_sites: object, variables: Mapping[str, object] | None = None, base: str | None = None
) -> list[str]:
    """Return all that is wrong with the role's list and its other variables, worded for the user.

    variables: those to judge, by their names. base: where relative paths start on the controller; None
    leaves files unread.
    """
    values = {name: plain_or_unreadable(value) for name, value in (variables or {}).items()}
    reported, checked = check_list(plain_or_unreadable(nginx_sites), SCHEMA)
    reported += compare(checked, same_names, same_domains("domains"), one_catch_all("domains"))
    reported += compare(checked, *site_comparisons())
    reported += compare(checked, tls_findings("", base, values.get("nginx_tls")))
    return [
        *check_variables(values, SCHEMA.role, VARIABLE_RULES),
        *map(str, together(values)),
        *map(str, reported),
    ]


def together(values: Mapping[str, object]) -> Iterator[Finding]:
    """Yield what is wrong with variables of the role beside each other. values: those that are set."""
    yield from _acme.together(values)
    files, connections = values.get("nginx_limit_nofile"), values.get("nginx_worker_connections")
    if isinstance(files, int) and isinstance(connections, int) and 0 < files < connections:
        problem = f"{files} files leave no room for {connections} connections; write {2 * connections}"
        yield Finding("nginx_limit_nofile", problem)
    others = _endpoints(values.get("nginx_listen"))
    for endpoint in _endpoints(values.get("nginx_listen_tls")):
        if any(_rules.overlap(endpoint, other) for other in others):
            problem = f"port {endpoint[1]} is in nginx_listen, too; give TLS a port of its own"
            yield Finding("nginx_listen_tls", problem)


def _endpoints(listen: object) -> list[_rules.Endpoint]:
    items = listen if isinstance(listen, list) else []
    found = [_rules.nginx_endpoint(item) for item in items if isinstance(item, str)]
    return [endpoint for endpoint in found if endpoint]


def tls_findings(prefix: str, base: str | None, default: object) -> Between:
    """Make the judgement of each entry's certificate by its domains, as of now; see _tls.between."""
    return _tls.between(prefix, base, datetime.datetime.now(datetime.UTC), default)


def derive(
    hostvars: Mapping[str, Any], host: str, app_hosts: Iterable[str], own: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Join the app hosts' manifests into one host's entries of nginx_sites.

    An app on the host itself is reached as it listens there; an app on another host at that
    host's webstack_address (else its ansible_host, else its inventory name). An app that is
    absent everywhere gives no entry.
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
    if nginx.get("static"):
        root = f"/srv/{name}/current"
        site["static"] = {prefix: f"{root}/{folder}" for prefix, folder in nginx["static"].items()}
    site.update({key: nginx[key] for key in SITE_KEYS if key in nginx})
    return site


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


def resolve(nginx_sites: object, defaults: object) -> list[NginxSite]:
    """Complete entries of nginx_sites by the host-wide defaults.

    defaults: max_body_size, as in an entry. Raises what Ansible raises where a template cannot
    be filled in.
    """
    common = plain(defaults)
    return [_resolve(entry, common) for entry in plain(entries(nginx_sites, "nginx_sites"))]


def _resolve(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> NginxSite:
    upstream = entry.get("upstream", {})
    return NginxSite(
        name=entry["name"],
        domains=entry.get("domains", []),
        catch_all=not entry.get("domains"),
        upstream=Upstream(
            name=f"webstack_{entry['name']}",
            servers=upstream.get("servers", []),
            keepalive=upstream.get("keepalive", 0),
        ),
        static=[
            Static(prefix=prefix, alias=folder.rstrip("/") + "/")
            for prefix, folder in sorted(entry.get("static", {}).items())
        ],
        max_body_size=entry.get("max_body_size", defaults["max_body_size"]),
        tls=_certificate(entry["name"], _tls.read(entry.get("tls", defaults["tls"]))),
        extra=entry.get("extra", ""),
        limits=_site_limits.resolve(entry, defaults),
        cache=_site_cache.resolve(entry, defaults),
        pages=_site_pages.resolve(entry, defaults),
        place=_site_place.resolve(entry, defaults),
        record=_site_record.resolve(entry, defaults),
        state=entry.get("state", "present"),
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
    for entry in plain(entries(nginx_sites, "nginx_sites")):
        tls = _tls.read(entry.get("tls", plain(default)))
        if entry.get("state") != "absent" and tls.mode not in (_tls.OFF, "host"):
            own = tls.mode == "files"
            wanted.append(
                {
                    "name": entry["name"],
                    "domains": entry.get("domains", []),
                    "acme": tls.mode == _tls.ACME,
                    "certificate": _tls.text_of(tls.certificate, base) if own else None,
                    "key": _tls.text_of(tls.key, base) if own else None,
                }
            )
    return wanted


def on_host(nginx_sites: object) -> list[dict[str, Any]]:
    """Return the certificates that are to be judged on the proxy, as they are there already.

    Raises what Ansible raises where a template cannot be filled in.
    """
    wanted = []
    for entry in plain(entries(nginx_sites, "nginx_sites")):
        tls = _tls.read(entry.get("tls"))
        if entry.get("state") != "absent" and tls.mode == "host":
            wanted.append(
                {
                    "label": f"{entry['name']}: tls",
                    "certificate": tls.certificate,
                    "key": tls.key,
                    "domains": entry.get("domains", []),
                }
            )
    return wanted
