"""A hostile value is refused, or is one word of its directive and nothing else: for each key of a site."""

from __future__ import annotations

import importlib.util
import re

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.roles import front_tree, hostile_sites

PLACES = hostile_sites.PLACES
KEYS = [
    pytest.param(name, path, id=f"{name}-{'.'.join(path)}")
    for name, place in PLACES.items()
    for path in place.paths()
]
ESCAPED = re.compile(r"""\\(["'\\])""")
# The directives whose words are made of a key's value; of maps and the like, the block's name.
PRINTED_IN: dict[str, set[str]] = {
    "access_log": {"access_log", "set"},
    "allow": {"allow"},
    "basic_auth.realm": {"auth_basic"},
    "blocked_agents": {"if"},
    "blocked_paths": {"if"},
    "cache": {"proxy_cache_valid"},
    "deny": {"deny"},
    "domains": {"server_name"},
    "error_pages": {"error_page", "location", "proxy_intercept_errors", "root", "try_files"},
    "headers": {"add_header", "map"},
    "health.path": {"location"},
    "limits_exempt": {"geo"},
    "listen": {"server"},
    "maintenance": {"geo", "location", "root", "try_files"},
    "max_body_size": {"client_max_body_size"},
    "methods": {"map"},
    "path": {"location", "return"},
    "rate_limit.rate": {"limit_req", "limit_req_zone"},
    "read_timeout": {"proxy_read_timeout", "proxy_send_timeout"},
    "redirects": {"server_name"},
    "root": {"root"},
    "static": {"alias", "location"},
    "static_fallback": {"alias"},
    "tls": {"ssl_certificate"},
    "upstream.servers": {"server"},
    "nginx_access_log": {"access_log", "set"},
    "nginx_blocked_paths": {"if"},
    "nginx_cache_max_size": {"proxy_cache_path"},
    "nginx_client_body_timeout": {"client_body_timeout"},
    "nginx_client_header_timeout": {"client_header_timeout"},
    "nginx_client_max_body_size": {"client_max_body_size"},
    "nginx_headers": {"add_header", "map"},
    "nginx_keepalive_timeout": {"keepalive_timeout"},
    "nginx_large_client_header_buffers": {"large_client_header_buffers"},
    "nginx_listen": {"listen"},
    "nginx_listen_tls": {"listen", "return"},
    "nginx_proxy_connect_timeout": {"proxy_connect_timeout"},
    "nginx_proxy_read_timeout": {"proxy_read_timeout", "proxy_send_timeout"},
    "nginx_real_ip_header": {"real_ip_header"},
    "nginx_send_timeout": {"send_timeout"},
    "nginx_trusted_proxies": {"geo", "set_real_ip_from"},
}
# Those that no word is made of, with what becomes of them.
NOT_PRINTED: dict[str, str] = {
    "basic_auth.users": "lines of a file of their own",
    "name": "names of files, zones and blocks",
    "nginx_acme_directory": "an argument of certbot",
    "nginx_acme_eab_hmac_key": "an argument of certbot",
    "nginx_acme_eab_kid": "an argument of certbot",
    "nginx_acme_email": "an argument of certbot",
    "nginx_acme_key_type": "an argument of certbot",
    "nginx_acme_root": "a file for certbot",
    "nginx_sandbox": "what is in the unit's drop-in",
    "nginx_tls": "whether there are directives",
    "nginx_tls_profile": "which directives there are",
    "nginx_writable_paths": "words of the unit's drop-in",
    "state": "whether there is a site",
}
# Keys that take what ends a word, a directive or a block elsewhere.
TAKE_SIGNS = {
    *("basic_auth.realm", "basic_auth.users", "blocked_agents", "headers"),
    *("nginx_headers", "nginx_acme_directory", "nginx_acme_eab_kid", "nginx_acme_root"),
}
TRIES = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def parse(tree, folder):
    """Return the tree as crossplane reads it: (directive, words, its block), one within the other."""
    if importlib.util.find_spec("crossplane") is None:
        pytest.fail("ngxparse is not installed in .venv; run `make setup`")
    import crossplane

    conf = front_tree.write(tree, folder)
    read = crossplane.parse(str(conf), combine=True, comments=False, check_ctx=False, check_args=False)
    assert read["status"] == "ok", read["errors"]
    return simplified(read["config"][0]["parsed"])


def simplified(directives):
    return [
        (
            directive["directive"],
            [ESCAPED.sub(r"\1", word) for word in directive["args"]],
            simplified(directive.get("block", [])),
        )
        for directive in directives
        if directive["directive"] != "include"
    ]


def same(hostile, harmless, changes):
    """Tell whether two trees have the same directives, and words that are equal or become so by a change."""
    return len(hostile) == len(harmless) and all(
        name == other
        and len(words) == len(others)
        and all(
            word == twin or any(word.replace(old, new) == twin for old, new in changes)
            for word, twin in zip(words, others, strict=True)
        )
        and same(block, inner, changes)
        for (name, words, block), (other, others, inner) in zip(hostile, harmless, strict=True)
    )


def taken(name, path, texts):
    """Yield the trees of a key's values with these texts that are taken, each with the form of its value."""
    place = PLACES[name]
    for text in texts:
        for form, value in enumerate(hostile_sites.shapes(path, place.option(path), text)):
            problems, tree = place.judged(place.entry(path, value))
            if not problems:
                yield form, tree


def harmless(name, path):
    """Return texts without anything hostile that a key may take."""
    return dict.fromkeys([*PLACES[name].option(path).choices, *hostile_sites.SAMPLES])


def words(directives, block=""):
    """Yield each directive with its words; before it the map that it is a line of."""
    for name, arguments, inside in directives:
        yield (block if block in ("map", "geo") else "", name, *arguments)
        yield from words(inside, name)


def keys_of(spec, path=()):
    """Yield the keys of an argument spec that have no keys below them, with what they are."""
    for name, option in spec.items():
        if "options" in option:
            yield from keys_of(option["options"], (*path, name))
        else:
            yield ".".join((*path, name)), option


def test_each_key_that_holds_text_is_tried():
    """If this fails for a new key, say below where nginx has its value."""
    spec = yaml.safe_load((front_tree.ROLE / "meta/argument_specs.yml").read_text())
    options = spec["argument_specs"]["main"]["options"]
    own = options.pop("nginx_sites")["options"]
    numbers = {"int", "bool"}
    keys = {key for key, option in [*keys_of(options), *keys_of(own)] if option["type"] not in numbers}
    tried = {".".join(path) for place in PLACES.values() for path in place.paths()}
    assert tried == PRINTED_IN.keys() | NOT_PRINTED.keys()
    assert keys - tried == {"extra", "nginx_app_hosts"}
    assert tried - keys == {"listen", "health.path"}  # of an app


@pytest.mark.parametrize(("name", "path"), KEYS)
def test_harmless_value_is_where_it_belongs_and_nowhere_else(name, path, tmp_path):
    """If this fails for a new key, give hostile_sites its FORMS: what is always refused proves nothing."""
    key = ".".join(path)
    trees = {}
    for form, tree in taken(name, path, harmless(name, path)):
        trees.setdefault(form, []).append(tree)
    assert trees
    if key in NOT_PRINTED:
        return
    found = set()
    for several in trees.values():
        # Values of one kind: by others, such as "off", whole directives come and go.
        read = [set(words(parse(tree(), tmp_path))) for tree in several[-2:]]
        found |= {block or name for block, name, *_rest in read[0] ^ read[-1]}
    assert found
    assert found <= PRINTED_IN[key]


@pytest.mark.parametrize(("name", "path"), KEYS)
def test_keys_take_signs_that_mean_something_only_where_they_are_for_people(name, path):
    hostile = [sample + sign for sample in hostile_sites.SAMPLES for sign in (";", "{", "}", "#", " a")]
    assert any(taken(name, path, hostile)) is (".".join(path) in TAKE_SIGNS)


# A header without a text is none.
MAY_BE_EMPTY = ("headers", "nginx_headers")


@pytest.mark.parametrize(("name", "path"), KEYS)
@given(text=hostile_sites.hostile_texts, choice=st.integers(0, 9))
@TRIES
def test_hostile_value_is_refused_or_one_word(name, path, text, choice, tmp_path_factory):
    place = PLACES[name]

    def judged(text):
        shapes = hostile_sites.shapes(path, place.option(path), text)
        return place.judged(place.entry(path, shapes[choice % len(shapes)]))

    problems, tree = judged(text)
    if problems or (path[0] in MAY_BE_EMPTY and not text.strip()):
        return
    assert "$" not in text or ".".join(path) in NOT_PRINTED
    tame = hostile_sites.tame(text)
    problems, twin = judged(tame)
    assert problems == [], f"{'.'.join(path)} refuses {tame!r}"
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    hostile = parse(tree(), folder)
    harmless = parse(twin(), folder)

    # A regular expression has its signs escaped; a path may be two words, a folder and a file; a header is
    # sent without the space around it.
    changes = [(text, tame), (re.escape(text), re.escape(tame)), (text.strip(), tame)]
    changes += [(part, hostile_sites.tame(part)) for part in text.split("/")]
    assert same(hostile, harmless, changes)


@given(
    words=st.lists(
        st.sampled_from(
            ["a", "server", "location /x", "'b c'", '"};{"', "#\n", "\n", ";", ";", "{", "}", "$a", "${a}"]
        ),
        max_size=12,
    )
)
@TRIES
def test_raw_directives_stay_in_their_block(words, tmp_path_factory):
    site = {**hostile_sites.SITE, "extra": " ".join(words)}
    if front_tree.findings([site]):
        return
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    plain = parse(front_tree.render([dict(hostile_sites.SITE)], quickly=True), folder)
    found = parse(front_tree.render([site], quickly=True), folder)
    without = [(name, words, block) for name, words, block in found if name != "http"]
    assert without == [(name, words, block) for name, words, block in plain if name != "http"]
    assert [block[:2] for block in http_of(found)] == [block[:2] for block in http_of(plain)]
    for (_name, _words, inside), (_, _, before) in zip(http_of(found), http_of(plain), strict=True):
        assert inside[: len(before)] == before


def http_of(directives):
    return next(block for name, _words, block in directives if name == "http")


def test_trees_are_those_that_ansible_renders():
    for sites, variables in hostile_sites.manifests(10, seed=1):
        quickly = front_tree.render(sites, front_tree.DEBIAN_13, quickly=True, **variables)
        assert quickly == front_tree.render(sites, front_tree.DEBIAN_13, **variables)
