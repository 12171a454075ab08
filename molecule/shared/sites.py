"""Sites for the tests of the front: of apps that build URLs and stream, and of others beside those."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import harness

APPS = harness.ROOT / "molecule/shared/apps"
# The sites of the host's own apps, and others.
SITES = "{{ hostvars | webstack.python.nginx_sites(inventory_hostname, [inventory_hostname]) + others }}"


def beside(*sites: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables by which a host has these sites beside those of its apps."""
    return {"nginx_sites": SITES, "others": list(sites)}


def another(name: str, app: str = "alpha", **keys: Any) -> dict[str, Any]:
    """Return a site of nginx_sites in front of an app, at NAME.test."""
    upstream = {"servers": [f"unix:/run/webstack/{app}/http.sock"]}
    return {"name": name, "domains": [f"{name}.test"], "upstream": upstream, **keys}


def shop(name: str = "shop", worker_class: str = "gthread", **nginx: Any) -> dict[str, Any]:
    """Return the entry of the Flask app, by default at NAME.test with default keys."""
    return _entry(name, "shop", worker_class, nginx)


def live(name: str = "live", **nginx: Any) -> dict[str, Any]:
    """Return the entry of the Starlette app, by default at NAME.test with default keys."""
    return _entry(name, "live", "asgi", nginx)


def _entry(name: str, app: str, worker_class: str, nginx: Mapping[str, Any]) -> dict[str, Any]:
    return harness.entry(
        name,
        APPS / app,
        app=f"{app}:app",
        gunicorn={"worker_class": worker_class, "workers": 1},
        nginx={"domains": [f"{name}.test"], **nginx},
    )
