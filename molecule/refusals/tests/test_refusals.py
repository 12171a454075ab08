"""A release that does not work never reaches a visitor."""

from __future__ import annotations

from typing import Any

import pytest

# What breaks the release, and what the message must show.
BROKEN: dict[str, tuple[dict[str, Any], list[str]]] = {
    "raises at import": (
        {"prelude": 'raise RuntimeError("no such table: settings")'},
        ["Traceback", "web.py", "RuntimeError: no such table: settings", "is live, as before"],
    ),
    "answers 500": (
        {"status": "500 Internal Server Error"},
        ["/healthz", "500", '"text": "broken"', "is live, as before"],
    ),
    "dependency does not exist": (
        {"requirements": "there-is-no-such-distribution-webstack==9.9\n"},
        ["there-is-no-such-distribution-webstack was not found", "stays the one to run"],
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_broken_release_is_refused_without_a_failed_request(pair, kind):
    options, words = BROKEN[kind]
    host = pair.host
    live, units = host.instance("alpha"), host.units()
    with host.load() as loads:
        run = pair.deploy(pair.alpha("broken", **options)).refused()
    loads[0].without_failure()
    assert [word for word in words if word not in run.message] == [], run.message
    assert host.instance("alpha") == live
    assert host.answer()["text"] == pair.text
    assert host.units() == units

    pair.say(f"mended: {kind}")


def test_unknown_gunicorn_setting_of_the_releases_own_version_is_refused(pair):
    live = pair.host.instance("alpha")
    # Known to Gunicorn 27, which the collection's list holds; not to 23, which this app brings.
    alpha = pair.alpha(
        requirements="gunicorn==23.0.0\n",
        gunicorn={"workers": 2, "settings": {"http_protocols": "h1"}},
    )
    run = pair.deploy(alpha).refused()
    assert "http_protocols" in run.message
    assert "23.0.0" in run.message
    assert pair.host.instance("alpha") == live


def test_wrong_manifest_touches_nothing(pair):
    host = pair.host
    before = host.digest("/srv", "/etc/nginx", "/etc/systemd/system", "/etc/webstack")
    alpha = pair.alpha("two", listn="unix", keep_releases="many")
    alpha["nginx"]["domains"] = ["beta.test"]
    run = pair.deploy(alpha).refused()
    for words in (
        "python_apps[0] (alpha): listn",
        "python_apps[0] (alpha): keep_releases",
        "python_apps[1] (beta): nginx.domains: beta.test is already used by 'alpha'",
    ):
        assert words in run.message
    assert host.digest("/srv", "/etc/nginx", "/etc/systemd/system", "/etc/webstack") == before


@pytest.mark.parametrize(
    ("make", "undo", "words"),
    [
        ("useradd gamma", "userdel gamma", "the user 'gamma'"),
        ("mkdir /srv/gamma; touch /srv/gamma/mine", "rm -r /srv/gamma", "/srv/gamma"),
        (
            "echo '[Unit]' > /etc/systemd/system/gunicorn-gamma.service",
            "rm /etc/systemd/system/gunicorn-gamma.service",
            "the unit gunicorn-gamma.service",
        ),
    ],
    ids=["user", "directory", "unit"],
)
def test_names_that_belong_to_someone_else_are_refused(pair, make, undo, words):
    host = pair.host
    host.sh(make)
    try:
        gamma = {**pair.alpha(), "name": "gamma", "nginx": {"domains": ["gamma.test"]}}
        run = host.deploy([gamma]).refused()
    finally:
        host.sh(undo)
    assert f"python_apps[0] (gamma): name: {words}" in run.message
    assert host.answer()["text"] == pair.text
