"""Sites with one hostile value, for whatever keys the argument spec has."""

from __future__ import annotations

import copy
import dataclasses
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pki
from ansible_collections.webstack.python.plugins.plugin_utils import _manifest, _nginx
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Option, documented
from hypothesis import strategies as st

from tests.unit.roles import front_tree

Path = tuple[str, ...]  # keys from an entry to a value
Tree = Callable[[], dict[str, str]]

# A site to put a hostile value into: what it needs, and what others of its keys depend on.
SITE: Mapping[str, Any] = {
    "name": "shop",
    "domains": ["shop.example.com"],
    "upstream": {"servers": ["unix:/run/webstack/shop/http.sock"]},
}
APP: Mapping[str, Any] = {
    "name": "shop",
    "app": "shop:app",
    "source": {"git": "https://example.com/shop.git", "ref": "main"},
    "nginx": {"domains": ["shop.example.com"]},
}
# A site by which each variable of the host comes to be printed.
SERVED: Mapping[str, Any] = {**SITE, "tls": "self_signed", "cache": "1s"}
PEM = pki.make_root("hostile").pem
# What stands beside a key, for it to be taken, and what does not.
BESIDE: Mapping[Path, Mapping[str, Any]] = {
    ("basic_auth", "realm"): {"basic_auth": {"users": {"alice": "secret"}}},
    ("limits_exempt",): {"rate_limit": {"rate": "10r/s"}},
    ("static_fallback",): {"static": {"/static/": "/srv/shop/current/static"}},
    ("nginx_acme_eab_kid",): {"nginx_acme_eab_hmac_key": "secret"},
    ("nginx_acme_eab_hmac_key",): {"nginx_acme_eab_kid": "kid-1"},
    ("nginx_real_ip_header",): {"nginx_trusted_proxies": ["10.0.0.0/8"]},
    # Nothing else of an app's health is seen by nginx.
    ("health", "path"): {"nginx": {"domains": ["shop.example.com"], "maintenance": True}},
}
INSTEAD: Mapping[Path, str] = {("root",): "upstream"}
# Where a text can be in the values of a key that takes no text by itself.
FORMS: Mapping[Path, Callable[[str], list[Any]]] = {
    ("basic_auth", "users"): lambda text: [{"alice": f"secret{text}"}, {text: "secret"}],
    ("blocked_agents",): lambda text: [[f"Bot{text}"]],
    ("nginx_acme_root",): lambda text: [f"{PEM}{text}", f"{text}\n{PEM}"],
    ("error_pages",): lambda text: [
        {"404": text},
        {"404": f"/srv/{text}"},
        {text: "/srv/404.html"},
        {text: "404.html"},
    ],
    ("maintenance",): lambda text: [
        {"page": text},
        {"page": f"/srv/{text}"},
        {"health": text},
        {"allow": [text]},
        {text: True},
    ],
}
# Raw directives are no value; they have a test of their own.
RAW = ("extra",)
# Values of all kinds that keys may take: a hostile part within one comes closest to being taken.
SAMPLES = (
    "shop",
    "shop.example.com",
    "*.example.com",
    "https://shop.example.com/x",
    "10.0.0.0/8",
    "2001:db8::/32",
    "10.0.0.11:8000",
    "[fd00::1]:8000",
    "unix:/run/webstack/shop/http.sock",
    "/static/",
    "/media/",
    "/srv/shop/current",
    "errors/404.html",
    "media",
    "/healthz",
    "10m",
    "1g",
    "60s",
    "1h",
    "10r/s",
    "5r/m",
    "4 8k",
    "2 16k",
    "ops@example.com",
    "https://acme.example.com/dir",
    "404",
    "502",
    "off",
    "GET",
    "POST",
    "json",
    "combined",
    "X-Robots-Tag",
    "noindex",
    "$remote_addr",
    "$uri",
)
PARTS = (
    *"'\";{}$\\\n\r\t #~%&=<>()[]|^*?,:/.-",
    "\0",
    "${x}",
    "$1",
    "}\n",
    "é",
    "ß",
    "日本",
    "\u2028",
    "\u202e",
    "a",
)
HOSTILE = re.compile(r"[^a-zA-Z0-9_./:@*+\[\]~,=?&%|^()<>$-]")

hostile_texts = st.one_of(
    st.text(st.characters(codec="utf-8"), max_size=8),
    st.builds(
        lambda sample, where, parts: (
            sample[: where % (len(sample) + 1)] + "".join(parts) + sample[where % (len(sample) + 1) :]
        ),
        st.sampled_from(SAMPLES),
        st.integers(0, 40),
        st.lists(st.sampled_from(PARTS), min_size=1, max_size=4),
    ),
)


def tame(text: str) -> str:
    """Return a text of the same length in which nothing means anything to nginx."""
    return HOSTILE.sub("a", text)


@dataclasses.dataclass(frozen=True)
class Place:
    """Where values come from that become part of nginx's tree.

    options: of the part of an entry that is tried. base: an entry to put a hostile value into, with what it
    needs. part: the path of that part. judged: gives what is wrong with an entry, and a function for the tree
    that it becomes.
    """

    options: Mapping[str, Option]
    base: Mapping[str, Any]
    part: Path
    judged: Callable[[dict[str, Any]], tuple[list[str], Tree]]

    def paths(self) -> list[Path]:
        """Return the path of each key whose value is or holds text, but for raw directives."""
        return sorted(_string_keys(self.options, ()))

    def option(self, path: Path) -> Option:
        """Return what the spec says of a key."""
        options = self.options
        for name in path[:-1]:
            options = options[name].options
        return options[path[-1]]

    def entry(self, path: Path, value: Any) -> dict[str, Any]:
        """Return the entry with a value at a path; lists of mappings on the way get one."""
        entry = copy.deepcopy(dict(self.base))
        place = entry
        for name in self.part:
            place = place[name]
        place.pop(INSTEAD.get(path), None)
        place.update(copy.deepcopy(dict(BESIDE.get(path, {}))))
        options = self.options
        for name in path[:-1]:
            inner: Any = place.setdefault(name, [{}] if options[name].type == "list" else {})
            place = inner[0] if isinstance(inner, list) else inner
            options = options[name].options
        place[path[-1]] = value
        return entry


def _string_keys(options: Mapping[str, Option], path: Path) -> Iterator[Path]:
    for name, option in options.items():
        below = (*path, name)
        if option.options:
            yield from _string_keys(option.options, below)
        elif name not in RAW and (option.elements or option.type) in ("str", "path", "dict", "raw"):
            yield below


def _judge_site(site: dict[str, Any]) -> tuple[list[str], Tree]:
    return front_tree.findings([site]), lambda: front_tree.render([site], quickly=True)


def _judge_app(app: dict[str, Any]) -> tuple[list[str], Tree]:
    def tree() -> dict[str, str]:
        return front_tree.render(_nginx.derive({"h": {"python_apps": [app]}}, "h", ["h"], {}), quickly=True)

    return _manifest.findings([app]), tree


def _judge_variables(variables: dict[str, Any]) -> tuple[list[str], Tree]:
    served = dict(SERVED)
    return (
        front_tree.findings([served], **variables),
        lambda: front_tree.render([served], quickly=True, **variables),
    )


def _of_front(options: Mapping[str, Option]) -> dict[str, Option]:
    """Return what nginx gets of an app beside its section `nginx`."""
    health = options["health"]
    path = {"path": health.options["path"]}
    return {"listen": options["listen"], "health": dataclasses.replace(health, options=path)}


_ROLE, _MANIFEST = documented("nginx"), documented("python_app")["python_apps"].options
# The role's own list, and what says whose manifests it is made of, which are names of the inventory.
_NOT_JUDGED = ("nginx_sites", "nginx_app_hosts")
SITES = Place(_ROLE["nginx_sites"].options, SITE, (), _judge_site)
VARIABLES = Place(
    {name: option for name, option in _ROLE.items() if name not in _NOT_JUDGED}, {}, (), _judge_variables
)
# Addresses that a host without them cannot listen on.
OF_THE_HOST = ("nginx_listen", "nginx_listen_tls")
PLACES = {
    "nginx_sites": SITES,
    "python_apps.nginx": Place(_MANIFEST["nginx"].options, APP, ("nginx",), _judge_app),
    "python_apps": Place(_of_front(_MANIFEST), APP, (), _judge_app),
    "variables": VARIABLES,
}


def shapes(path: Path, option: Option, text: str) -> list[Any]:
    """Return the values of a key's type that have a text in each place for one."""
    if path in FORMS:
        return FORMS[path](text)
    mappings = [{text: "a"}, {text: "/srv/a"}, {"/static/": text}, {"a": text}]
    values: list[Any] = {
        "str": [text],
        "path": [text],
        "dict": mappings,
        "raw": [text, *mappings, {"certificate": text, "key": "/etc/ssl/a.key", "on_host": True}],
    }[option.elements or option.type]
    return [[value] for value in values] if option.type == "list" else values


def accepted(place: Place, path: Path, texts: Iterable[str]) -> list[Any]:
    """Return the values with these texts that are taken at a path."""
    option = place.option(path)
    values = [value for text in [*option.choices, *texts] for value in shapes(path, option, text)]
    return [value for value in values if place.judged(place.entry(path, value))[0] == []]


def manifests(count: int, seed: int) -> Iterator[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Yield manifests of up to three sites, and variables of the host, with what hostile values are taken.

    The names are as long as they may be, for nginx to have room for what is made of them.
    """
    chance = random.Random(seed)
    texts = [*SAMPLES, *("".join(chance.choices([*PARTS, *SAMPLES], k=3)) for _ in range(100))]
    known = {
        path: values
        for path in SITES.paths()
        if path not in (("name",), ("domains",), ("state",)) and (values := accepted(SITES, path, texts))
    }
    variables = {
        path: values
        for path in VARIABLES.paths()
        if path[0] not in OF_THE_HOST and (values := accepted(VARIABLES, path, texts))
    }
    while count:
        sites = [
            _site(f"site{number}".ljust(31, "x"), known, chance) for number in range(chance.randint(1, 3))
        ]
        given: dict[str, Any] = {}
        for path in chance.sample(list(variables), chance.randint(0, len(variables))):
            more = {**given, **VARIABLES.entry(path, chance.choice(variables[path]))}
            given = given if VARIABLES.judged(more)[0] else more
        if front_tree.findings(sites, **given) == []:
            count -= 1
            yield sites, given


def _site(name: str, known: Mapping[Path, list[Any]], chance: random.Random) -> dict[str, Any]:
    """Return a site with values at some paths. known: those that are taken by themselves."""
    site = copy.deepcopy({**SITE, "name": name, "domains": [f"{name}.test"]})
    for path in chance.sample(list(known), chance.randint(0, len(known))):
        more = copy.deepcopy(site)
        _merge(more, SITES.entry(path, chance.choice(known[path])), path)
        # Some keys need what others do not go with.
        site = site if front_tree.findings([more]) else more
    return site


def _merge(site: dict[str, Any], other: dict[str, Any], path: Path) -> None:
    """Take the value at a path over from another site."""
    first, *rest = path
    site.pop(INSTEAD.get(path), None)
    for name in BESIDE.get(path, {}):
        site.setdefault(name, other[name])
    if rest and isinstance(site.get(first), dict):
        _merge(site[first], other[first], tuple(rest))
    else:
        site[first] = other[first]
