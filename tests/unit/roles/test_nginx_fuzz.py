"""A hostile value is refused, or is one word of its directive and nothing else: for each key of a site."""

from __future__ import annotations

import importlib.util
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.roles import front_tree, hostile_sites

PLACES = {"nginx_sites": hostile_sites.SITES, "python_apps": hostile_sites.APPS}
KEYS = [(name, path) for name, place in PLACES.items() for path in place.paths()]
ESCAPED = re.compile(r"""\\(["'\\])""")
# Keys whose values may name nginx's variables: those of a file of their own, which is no directive.
VARIABLES: set[hostile_sites.Path] = {("basic_auth", "users")}
TRIES = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


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


def values(place, path):
    """Return values without anything hostile that a key may take."""
    option = place.option(path)
    samples = [*(option.choices or ()), *hostile_sites.SAMPLES]
    return [value for sample in samples for value in hostile_sites.shapes(path, option, sample)]


@pytest.mark.parametrize(
    ("name", "path"), KEYS, ids=lambda value: value if isinstance(value, str) else ".".join(value)
)
def test_each_key_takes_a_harmless_value(name, path):
    """If this fails for a new key, give hostile_sites its FORMS: what is always refused proves nothing."""
    place = PLACES[name]
    assert any(place.judged([place.entry(path, value)])[0] == [] for value in values(place, path))


def test_each_part_of_a_site_is_tried():
    assert {("domains",), ("max_body_size",), ("static",), ("tls",)} <= {path for _name, path in KEYS}
    assert ("upstream", "servers") in hostile_sites.SITES.paths()


@pytest.mark.parametrize(
    ("name", "path"), KEYS, ids=lambda value: value if isinstance(value, str) else ".".join(value)
)
@given(text=hostile_sites.hostile_texts, choice=st.integers(0, 9))
@TRIES
def test_hostile_value_is_refused_or_one_word(name, path, text, choice, tmp_path_factory):
    place = PLACES[name]

    def judged(text):
        shapes = hostile_sites.shapes(path, place.option(path), text)
        return place.judged([place.entry(path, shapes[choice % len(shapes)])])

    problems, sites = judged(text)
    if problems:
        return
    assert "$" not in text or path in VARIABLES
    tame = hostile_sites.tame(text)
    problems, twins = judged(tame)
    assert problems == [], f"{'.'.join(path)} refuses {tame!r}"
    folder = tmp_path_factory.getbasetemp() / "fuzz"
    hostile = parse(front_tree.render(sites()), folder)
    harmless = parse(front_tree.render(twins()), folder)

    # A regular expression has its signs escaped; a path may be two words, a folder and a file.
    changes = [(text, tame), (re.escape(text), re.escape(tame))]
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
    plain = parse(front_tree.render([dict(hostile_sites.SITE)]), folder)
    found = parse(front_tree.render([site]), folder)
    without = [(name, words, block) for name, words, block in found if name != "http"]
    assert without == [(name, words, block) for name, words, block in plain if name != "http"]
    assert [block[:2] for block in http_of(found)] == [block[:2] for block in http_of(plain)]
    for (_name, _words, inside), (_, _, before) in zip(http_of(found), http_of(plain), strict=True):
        assert inside[: len(before)] == before


def http_of(directives):
    return next(block for name, _words, block in directives if name == "http")
