"""Whole trees of the nginx role, as its tasks have them written, without a host.

Variables, templates and destinations are those of the role's own files, so that what is new there is part of
the trees by itself.
"""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jinja2
import jinja2.nativetypes
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible.plugins.filter.mathstuff import FilterModule as MathFilters
from ansible.plugins.test.core import TestModule as CoreTests
from ansible_collections.webstack.python.plugins.module_utils._nginx_tree import HOOK
from ansible_collections.webstack.python.plugins.plugin_utils import _nginx

from tests.unit.roles import ansible_rendering

ROOT = Path(__file__).parents[3]
ROLE = ROOT / "roles/nginx"
# What webstack.python.nginx_info finds on a fresh Debian 12 and 13.
DEBIAN_12: Mapping[str, Any] = {
    "nginx": "1.22.1",
    "openssl": "3.0.17",
    "brotli_static": False,
    "acme": False,
    "by_tls": {},
    "issued": [],
    "programs": ["certbot", "logrotate", "openssl"],
}
DEBIAN_13: Mapping[str, Any] = {**DEBIAN_12, "nginx": "1.26.3", "openssl": "3.5.4"}
# Debian's, without what is commented out there; {etc} stands for /etc/nginx.
NGINX_CONF = """\
user www-data;
worker_processes auto;
pid /run/nginx.pid;
include {etc}/modules-enabled/*.conf;

events {{
    worker_connections 768;
}}

http {{
    sendfile on;
    tcp_nopush on;
    types_hash_max_size 2048;
    include {etc}/mime.types;
    default_type application/octet-stream;
    access_log /var/log/nginx/access.log;
    error_log /var/log/nginx/error.log;
    gzip on;
    include {etc}/conf.d/*.conf;
    include {etc}/sites-enabled/*;
}}
"""


class Trusting(jinja2.nativetypes.NativeEnvironment):
    """Expressions that give data; what they refer to must be there."""


def _filters() -> dict[str, Callable[..., Any]]:
    """Return Ansible's filters and the collection's."""
    found = {**CoreFilters().filters(), **MathFilters().filters()}
    for path in (ROOT / "plugins/filter").glob("[a-z]*.py"):
        module = importlib.import_module(f"ansible_collections.webstack.python.plugins.filter.{path.stem}")
        own = module.FilterModule().filters()
        found.update({f"webstack.python.{name}": function for name, function in own.items()})
    return found


def _listing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make a filter give lists in the place of generators, as Ansible does between two filters."""

    @functools.wraps(function)
    def listing(*given: Any, **named: Any) -> Any:
        result = function(*given, **named)
        return list(result) if isinstance(result, Iterator) else result

    return listing


def _environment(kind: type[jinja2.Environment]) -> jinja2.Environment:
    environment = kind(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(_filters())
    environment.filters = {name: _listing(function) for name, function in environment.filters.items()}
    environment.tests.update(CoreTests().tests())
    return environment


TEXTS, VALUES = _environment(jinja2.Environment), _environment(Trusting)


def _read(name: str) -> Any:
    return yaml.safe_load((ROLE / name).read_text(encoding="utf-8"))


DEFAULTS = {**_read("defaults/main.yml"), **_read("vars/main.yml")}
TASK = next(task["webstack.python.nginx_tree"] for task in _read("tasks/sites.yml") if "name" in task)


def evaluate(value: object, known: Mapping[str, Any]) -> Any:
    """Return a value of YAML with its templates filled in. Raises jinja2.UndefinedError."""
    if isinstance(value, Mapping):
        return {key: evaluate(item, known) for key, item in value.items()}
    if isinstance(value, list):
        return [evaluate(item, known) for item in value]
    if not isinstance(value, str) or "{{" not in value:
        return value
    expression = re.fullmatch(r"\s*\{\{((?:(?!\}\}).)*)\}\}\s*", value, re.DOTALL)
    if expression:
        result = VALUES.compile_expression(expression[1].strip(), undefined_to_none=False)(**known)
        if isinstance(result, jinja2.Undefined):
            str(result)  # raises
        return result
    return TEXTS.from_string(value).render(known)


def variables(sites: list[dict[str, Any]], found: Mapping[str, Any], **given: Any) -> dict[str, Any]:
    """Return the role's variables; each is filled in when those that it refers to are known."""
    known: dict[str, Any] = {
        "ansible_managed": "Ansible managed",
        "playbook_dir": "/",
        "nginx_sites": sites,
        "__nginx_found": dict(found),
        **given,
    }
    waiting = {name: value for name, value in DEFAULTS.items() if name not in known | {"nginx_app_hosts": 0}}
    while waiting:
        before = len(waiting)
        for name, value in list(waiting.items()):
            try:
                known[name] = evaluate(value, known)
            except jinja2.UndefinedError:
                continue
            del waiting[name]
        assert len(waiting) < before, f"no value for {', '.join(waiting)}"
    return known


def findings(sites: list[dict[str, Any]], **given: Any) -> list[str]:
    """Return what the role says is wrong before it changes anything."""
    return _nginx.findings(sites, given)


def render(
    sites: list[dict[str, Any]], found: Mapping[str, Any] = DEBIAN_12, *, quickly: bool = False, **given: Any
) -> dict[str, str]:
    """Return the tree's files by their path below /etc/nginx.

    quickly: by Jinja alone, for thousands of trees; a test of test_nginx_fuzz.py holds the two together.
    """
    known = variables(sites, found, **given)
    tree = {
        "nginx.conf": NGINX_CONF.format(etc="/etc/nginx"),
        "conf.d/webstack.conf": HOOK,
        "mime.types": "types { text/html html; text/css css; }\n",
    }
    for template in TASK["templates"]:
        entries = evaluate(template["each"], known) if "each" in template else [None]
        for entry in entries:
            own = {} if entry is None else {template["as"]: entry}
            path = template["dest"].format_map(entry or {})
            name, names = template["src"], {**known, **own}
            if quickly:
                tree[f"webstack/{path}"] = TEXTS.get_template(name).render(names).rstrip("\n") + "\n"
            else:
                tree[f"webstack/{path}"] = ansible_rendering.render("nginx", name, names)
    return tree


def write(tree: Mapping[str, str], etc: Path) -> Path:
    """Write a tree to a folder in the place of /etc/nginx; return its nginx.conf."""
    for path, text in tree.items():
        (etc / path).parent.mkdir(parents=True, exist_ok=True)
        (etc / path).write_text(text.replace("/etc/nginx/", f"{etc}/"), encoding="utf-8")
    return etc / "nginx.conf"
