"""Sites with one hostile value, for whatever keys the argument spec has."""

from __future__ import annotations

import copy
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _manifest, _nginx
from ansible_collections.webstack.python.plugins.plugin_utils._spec import Option, documented
from hypothesis import strategies as st

Path = tuple[str, ...]  # keys from an entry to a value

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
# What stands beside a key, for it to be taken, and what does not.
BESIDE: Mapping[Path, Mapping[str, Any]] = {
    ("basic_auth", "realm"): {"basic_auth": {"users": {"alice": "secret"}}},
    ("static_fallback",): {"static": {"/static/": "/srv/shop/current/static"}},
}
INSTEAD: Mapping[Path, str] = {("root",): "upstream"}
# Where a text can be in the values of a key that takes no text by itself.
FORMS: Mapping[Path, Callable[[str], list[Any]]] = {
    ("basic_auth", "users"): lambda text: [{"alice": f"secret{text}"}, {text: "secret"}],
    ("blocked_agents",): lambda text: [[f"Bot{text}"]],
    ("error_pages",): lambda text: [{"404": text}, {"404": f"/srv/{text}"}, {text: "/srv/404.html"}],
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
    "10.0.0.11:8000",
    "unix:/run/webstack/shop/http.sock",
    "/static/",
    "/srv/shop/current",
    "/healthz",
    "10m",
    "60s",
    "10r/s",
    "404",
    "off",
    "self_signed",
    "GET",
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


@dataclass(frozen=True)
class Place:
    """A list of entries that become sites.

    options: of the part of an entry that is tried. base: an entry to put a hostile value into, with what it
    needs. part: the path of that part. judged: gives what is wrong with entries, and a function for the sites
    that they become.
    """

    options: Mapping[str, Option]
    base: Mapping[str, Any]
    part: Path
    judged: Callable[[list[dict[str, Any]]], tuple[list[str], Callable[[], list[dict[str, Any]]]]]

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


def _judge_sites(sites: list[dict[str, Any]]) -> Any:
    return _nginx.findings(sites), lambda: sites


def _judge_apps(apps: list[dict[str, Any]]) -> Any:
    return _manifest.findings(apps), lambda: _nginx.derive({"h": {"python_apps": apps}}, "h", ["h"], {})


SITES = Place(documented("nginx")["nginx_sites"].options, SITE, (), _judge_sites)
APPS = Place(documented("python_app")["python_apps"].options["nginx"].options, APP, ("nginx",), _judge_apps)


def shapes(path: Path, option: Option, text: str) -> list[Any]:
    """Return the values of a key's type that have a text in each place for one."""
    if path in FORMS:
        return FORMS[path](text)
    mappings = [{text: "a"}, {"/static/": text}, {"a": text}]
    values: list[Any] = {
        "str": [text],
        "path": [text],
        "dict": mappings,
        "raw": [text, *mappings, {"certificate": text, "key": "/etc/ssl/a.key", "on_host": True}],
    }[option.elements or option.type]
    return [[value] for value in values] if option.type == "list" else values


def accepted(path: Path, texts: Iterable[str]) -> list[Any]:
    """Return the values with these texts that a site takes at a path."""
    option = SITES.option(path)
    values = [value for text in texts for value in shapes(path, option, text)]
    return [value for value in values if SITES.judged([SITES.entry(path, value)])[0] == []]


def manifests(count: int, seed: int) -> Iterator[list[dict[str, Any]]]:
    """Yield manifests of up to three sites that the rules accept, with what hostile values they accept."""
    chance = random.Random(seed)
    hostile = ["".join(chance.choices([*PARTS, *SAMPLES], k=3)) for _ in range(100)]
    texts = [*SAMPLES, *hostile]
    known = {path: accepted(path, [*SITES.option(path).choices, *texts]) for path in SITES.paths()}
    paths = [path for path in known if known[path] and path not in (("name",), ("domains",), ("state",))]
    while count:
        sites = []
        for number in range(chance.randint(1, 3)):
            site = copy.deepcopy({**SITE, "name": f"site{number}", "domains": [f"site{number}.example.com"]})
            for path in chance.sample(paths, chance.randint(0, len(paths))):
                more = copy.deepcopy(site)
                _merge(more, SITES.entry(path, chance.choice(known[path])), path)
                # Some keys need what others do not go with.
                site = site if SITES.judged([more])[0] else more
            sites.append(site)
        if SITES.judged(sites)[0] == []:
            count -= 1
            yield sites


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
