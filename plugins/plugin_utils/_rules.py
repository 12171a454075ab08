# Copyright: webstack.python contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What single values must fulfil beyond their type. One rule, one function.

Each takes a value of its documented type and gives what is wrong, the remedy after a semicolon.
"""

from __future__ import annotations

import ast
import difflib
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from ansible_collections.webstack.python.plugins.plugin_utils import _gunicorn_settings as settings_data
from ansible_collections.webstack.python.plugins.plugin_utils._spec import kind

Problems = Iterator[str]
Endpoint = tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]  # an address and its port

NAME = re.compile(r"[a-z][a-z0-9-]{0,30}")
USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")
INTERPRETER = re.compile(r"(/[\w.+-]+)+|[A-Za-z0-9][\w.+-]*")
ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PLAIN_PATH = re.compile(r"[\w./@+,=~-]+")
ABSOLUTE_PATH = re.compile(r"(/[\w.@+,=~:-]+)+/?")
URL_PREFIX = re.compile(r"/([A-Za-z0-9._~@+-]+/)+")
REQUEST_PATH = re.compile(r"/[!-\"$-~]*")
LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
SYSTEMD_SIZE = re.compile(r"([0-9]+)([KMGT])")
# At most nine digits: so much of the largest unit is still a number that nginx can count.
NGINX_SIZE = re.compile(r"0|[1-9][0-9]{0,8}[kKmMgG]")
NGINX_TIME = re.compile(
    r"[0-9]{1,9}|(?=.)([0-9]{1,9}d)?([0-9]{1,9}h)?([0-9]{1,9}m)?([0-9]{1,9}s)?([0-9]{1,9}ms)?"
)
RELEASE = re.compile(r"[0-9][A-Za-z0-9.!+]*")
VERSION = r"(~=|===?|!=|<=?|>=?)\s*[A-Za-z0-9.*+!_-]+"
REQUIREMENT = re.compile(
    rf"""
    [A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?       # the project
    \s*(\[[A-Za-z0-9._,\s-]*\])?                   # its extras
    \s*(@\s*[a-z+]+://\S+ | \(?({VERSION})(\s*,\s*{VERSION})*\)?)?
    (\s*;.+)?                                      # where it is needed
    """,
    re.VERBOSE,
)

USE_NAME = 'use a to z, 0 to 9 and "-", starting with a letter, at most 31 characters'
USE_APP = 'write MODULE:CALLABLE, such as "shop.wsgi:app" or "shop:create_app()"'
USE_INTERPRETER = "write a name such as python3.12, or an absolute path"
USE_REQUIREMENTS = 'write auto, or a list such as ["flask==3.1.*"]'
USE_ENV = "write each variable as NAME: value"
USE_SHARED = "write paths inside the release, such as [uploads]"
USE_COMMANDS = 'write a list of shell commands, such as ["flask --app shop digest compile"]'
USE_REQUEST_PATH = "write a path such as /healthz"
USE_STATUS = "write a list such as [200]"
USE_BODY = 'write a text that only a good answer has, such as "status: ok", or leave it out'
USE_LISTEN = 'write unix, or an address with a port, such as "127.0.0.1:8000"'
USE_WORKERS = "write auto, or a whole number from 1"
USE_MEMORY = "write a size with its unit, such as 512M or 1G"
USE_DOMAINS = "write names without scheme, port and path, such as [shop.example.com]"
USE_STATIC = "write URL prefixes to folders of the release, such as /static/: shop/static"
USE_BODY_SIZE = 'write a size with its unit, such as 10m, or "0" for no bound'
USE_NGINX_LISTEN = 'write a list of ports or addresses with ports, such as ["80", "[::]:80"]'
USE_NGINX_TIME = "write a time with its unit, such as 60s or 1h30m"
USE_RELEASE = "write one version, such as 1.2.3"
USE_SETTINGS = "write each setting as name: value"
USE_ABSOLUTE = "write an absolute path of letters, digits and . _ - + @ , = ~ :"
USE_USER = "name the unix user that runs the app, not root"
USE_SERVERS = 'write "unix:/PATH" or "HOST:PORT"'

RESERVED_ENV = {
    "LISTEN_FDS": "systemd sets it",
    "LISTEN_FDNAMES": "systemd sets it",
    "LISTEN_PID": "systemd sets it",
    "NOTIFY_SOCKET": "systemd sets it",
    "GUNICORN_CMD_ARGS": "use the keys of Gunicorn",
    "SCRIPT_NAME": "use path",
    "PYTHONPATH": "the release's code is on it; name other folders in pythonpath of Gunicorn's settings",
    "WEB_CONCURRENCY": "use workers",
    **{
        f"WEBSTACK_{name}": "the role sets it"
        for name in ("ACTION", "APP", "HOOK", "INSTANCE", "PREVIOUS", "RELEASE")
    },
}
THREADLESS = ("sync", "gevent", "asgi")
MEMORY_LEAST = 64 * 1024**2
UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}


def each(rule: Callable[[str], Iterable[str]]) -> Callable[[list[str]], Problems]:
    """Make a rule for one text into the rule for a list of them."""

    def rule_for_list(values: list[str]) -> Problems:
        for value in values:
            yield from rule(value)

    return rule_for_list


def matches(pattern: re.Pattern[str], problem: str, remedy: str) -> Callable[[str], Problems]:
    """Make the rule that a text is of a pattern; the problem follows the text in its message."""

    def rule(value: str) -> Problems:
        if not pattern.fullmatch(value):
            yield f"{value!r} {problem}; {remedy}"

    return rule


def between(least: int, most: int | None = None) -> Callable[[int], Problems]:
    """Make the rule that a number lies between two others, these included."""
    span = f"from {least} to {most}" if most is not None else f"from {least}"

    def rule(value: int) -> Problems:
        if value < least or (most is not None and value > most):
            yield f"{value} is out of range; write a whole number {span}"

    return rule


def body_text(value: str) -> Problems:
    """Hold what an answer must contain against what tells a good one from a bad one."""
    if not value.strip():
        yield f"is empty, which every answer contains; {USE_BODY}"
    elif "\n" in value:
        yield f"has more than one line; {USE_BODY}"


def app_module(value: str) -> Problems:
    """Hold a text against Gunicorn's grammar of APP_MODULE; a message leaves out arguments."""
    module, colon, target = value.partition(":")
    shown = value.partition("(")[0]
    if module.endswith(".py") or "/" in module:
        yield f"{shown!r} names a file; write the module as Python imports it, such as shop.wsgi"
    elif not (colon and all(part.isidentifier() for part in module.split(".")) and _is_target(target)):
        yield f"{shown!r} is not MODULE:CALLABLE; {USE_APP}"


def _is_target(text: str) -> bool:
    """Tell whether a text is a plain name, or a call of one with literal arguments."""
    try:
        target = ast.parse(text, mode="eval").body
        if isinstance(target, ast.Call):
            for argument in [*target.args, *(keyword.value for keyword in target.keywords)]:
                ast.literal_eval(argument)
            return isinstance(target.func, ast.Name) and all(keyword.arg for keyword in target.keywords)
    except (SyntaxError, ValueError):
        return False
    return isinstance(target, ast.Name)


def requirements(value: object) -> Problems:
    """The word auto, or a list of requirement specifiers (which may hold a password)."""
    if not isinstance(value, list):
        if value != "auto":
            yield f"is neither auto nor a list; {USE_REQUIREMENTS}"
        return
    for index, item in enumerate(value):
        if isinstance(item, str) and item.startswith("-"):
            yield f"item {index} is an option; remove it, python_app_uv_arguments takes options"
        elif not isinstance(item, str) or not REQUIREMENT.fullmatch(item.strip()):
            yield f"item {index} is not a requirement specifier; write it as in flask==3.1.*"


def environment(value: Mapping[Any, object]) -> Problems:
    """Variables that reach the app as they are written; no message holds a value."""
    for name, item in value.items():
        if not isinstance(name, str) or not ENV_NAME.fullmatch(name):
            yield f"{name!r} is not a variable's name; use letters, digits and _, not starting with a digit"
        elif name in RESERVED_ENV:
            yield f"{name} is not for the app to set; remove it, {RESERVED_ENV[name]}"
        elif item is None:
            yield f'{name} is empty; write "" for an empty text, or remove it'
        elif isinstance(item, bool) or not isinstance(item, (str, int)):
            yield f"{name} is {kind(item)}, not text; {_as_text(item)}"
        elif "\0" in str(item):
            yield f"{name} holds a NUL character; remove it"


def _as_text(item: object) -> str:
    return "write it as one text" if isinstance(item, (dict, list)) else "write it in quotes"


def shared(value: list[str]) -> Problems:
    """Paths inside the release, none of them twice or inside another."""
    for index, item in enumerate(value):
        if not is_inside(item):
            yield f"{item!r} is not a path inside the release; {USE_SHARED}"
        elif item in value[:index]:
            yield f"{item!r} is listed twice; list it once"
        else:
            parents = {str(parent) for parent in PurePosixPath(item).parents}
            for parent in sorted(parents.intersection(value)):
                yield f"{item!r} lies in {parent!r}, which is shared already; remove it"


def commands(value: list[str]) -> Problems:
    """Commands that a shell takes; what they are may be a secret."""
    for index, item in enumerate(value):
        if not item.strip():
            yield f"item {index} is empty; write a command, or remove it"
        elif "\0" in item:
            yield f"item {index} holds a NUL byte, which no command can; remove it"


def is_inside(path: str) -> bool:
    """Tell whether a path is relative, in its shortest form, and of plain characters."""
    parts = path.split("/")
    return bool(PLAIN_PATH.fullmatch(path)) and not {"", ".", ".."}.intersection(parts)


def statuses(value: list[int]) -> Problems:
    """HTTP statuses, at least one."""
    if not value:
        yield f"is an empty list; {USE_STATUS}"
    for status in value:
        if not 100 <= status <= 599:
            yield f"{status} is not an HTTP status; write numbers from 100 to 599"


def overlap(one: Endpoint, other: Endpoint) -> bool:
    """Tell whether two sockets cannot be bound side by side; a wildcard takes a port of all addresses."""
    wildcard = one[0].is_unspecified or other[0].is_unspecified
    return one[1] == other[1] and (wildcard or one[0] == other[0])


def endpoint(value: str) -> Endpoint | None:
    """Read ADDRESS:PORT or [ADDRESS]:PORT, or return None where it is not one."""
    host, colon, port = value.rpartition(":")
    if not colon or not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        return None
    bracketed = host.startswith("[") and host.endswith("]")
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        return None
    return (address, int(port)) if bracketed == (address.version == 6) else None


def listen(value: str) -> Problems:
    """The word unix, or an IP address with a port."""
    if value != "unix" and endpoint(value) is None:
        yield f"{value!r} is neither unix nor an IP address with a port; {USE_LISTEN}"


def nginx_listen(value: list[str]) -> Problems:
    """Where nginx listens, each address once, and at least one."""
    if not value:
        yield f"is an empty list; {USE_NGINX_LISTEN}"
    for index, item in enumerate(value):
        if nginx_endpoint(item) is None:
            yield f"{item!r} is neither a port nor an IP address with a port; {USE_NGINX_LISTEN}"
        elif item in value[:index]:
            yield f"{item} is listed twice; list it once"


def nginx_endpoint(value: str) -> Endpoint | None:
    """Read PORT, ADDRESS:PORT or [ADDRESS]:PORT, or return None where it is not one."""
    return endpoint(value if ":" in value else f"0.0.0.0:{value}")


def absolute_path_or_none(value: str) -> Problems:
    """An absolute path, or nothing."""
    if value:
        yield from absolute_path(value)


def workers(value: object) -> Problems:
    """The word auto, or a number of processes."""
    if value != "auto" and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        shown = repr(value) if isinstance(value, (str, int, float)) else kind(value)
        yield f"{shown} is neither auto nor a number of workers; {USE_WORKERS}"


def threads_of_class(host_class: object = None) -> Callable[[Mapping[str, Any]], Problems]:
    """Make the rule that a class other than gthread is given no threads.

    Gunicorn quietly turns sync with threads into gthread, and the others pass over them.
    host_class: gunicorn_worker_class, for an entry that names no class; None where it is not set.
    """

    def rule(value: Mapping[str, Any]) -> Problems:
        key, worker_class = "worker_class", value.get("worker_class")
        if key not in value:
            key, worker_class = "gunicorn_worker_class", host_class
        if worker_class in THREADLESS and (value.get("threads") or 1) > 1:
            yield f"{key} {worker_class} has no threads; remove threads, or use gthread"

    return rule


def gunicorn_settings(prefix: str) -> Callable[[Mapping[Any, object]], Problems]:
    """Make the rule for further settings; prefix: where the list keeps its Gunicorn keys."""

    def rule(value: Mapping[Any, object]) -> Problems:
        for name, item in value.items():
            if name in settings_data.OWNED:
                yield f"{name} is not free; remove it, {settings_data.OWNED[name].format(gunicorn=prefix)}"
            elif name in settings_data.HOOKS:
                yield f"{name} is a Python function, which data cannot hold; remove it"
            elif name not in settings_data.KNOWN:
                yield f"no supported Gunicorn knows {name}; {_like_setting(str(name))}"
            elif not _is_data(item):
                yield f"{name} is {kind(item)}; write texts, numbers, truth values, lists or mappings"

    return rule


def _like_setting(name: str) -> str:
    alike = difflib.get_close_matches(name, settings_data.KNOWN, n=1)
    return f"did you mean {alike[0]}?" if alike else "see Gunicorn's list of settings"


def _is_data(value: object) -> bool:
    """Tell whether a value is what JSON can hold."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_data(item) for key, item in value.items())
    if isinstance(value, list):
        return all(_is_data(item) for item in value)
    return value is None or isinstance(value, (str, int, float))


def memory_max(value: str) -> Problems:
    """Nothing, or a size that systemd takes and that an app can start in."""
    if not value:
        return
    size = SYSTEMD_SIZE.fullmatch(value)
    if not size:
        yield f"{value!r} is not a size; {USE_MEMORY}"
    elif int(size[1]) * UNITS[size[2]] < MEMORY_LEAST:
        yield f"{value!r} is too little for an app to start; write at least 64M"


def domains(value: list[str]) -> Problems:
    """Host names as nginx compares them, each once."""
    seen: set[str] = set()
    for domain in value:
        if not _is_domain(domain):
            yield f"{domain!r} is not a host name; {_mended_domain(domain)}"
        elif domain.lower() in seen:
            yield f"{domain} is listed twice; list it once"
        seen.add(domain.lower())


def _is_domain(value: str) -> bool:
    name = value.removeprefix("*.")
    return len(name) <= 253 and all(LABEL.fullmatch(label) for label in name.split("."))


def _mended_domain(value: str) -> str:
    """Offer the punycode of an international name, else the general remedy."""
    try:
        encoded = value.encode("idna").decode("ascii")
    except UnicodeError:
        return USE_DOMAINS
    return f"write {encoded}" if encoded != value and _is_domain(encoded) else USE_DOMAINS


def static(value: Mapping[Any, object]) -> Problems:
    """URL prefixes to folders that do not leave the release."""
    for prefix, folder in value.items():
        yield from url_prefix(prefix)
        if not isinstance(folder, str) or not is_inside(folder.removesuffix("/")):
            yield f"{prefix}: its folder is not a path inside the release; {USE_STATIC}"


def url_prefix(value: object) -> Problems:
    """A URL prefix that nginx reads as one word and that names a folder, not the whole site."""
    if not isinstance(value, str) or not URL_PREFIX.fullmatch(value) or {".", ".."} & set(value.split("/")):
        yield f"{value!r} is not a URL prefix; write a path that starts and ends with /, such as /static/"


def static_absolute(value: Mapping[Any, object]) -> Problems:
    """URL prefixes to folders on the host."""
    for prefix, folder in value.items():
        yield from url_prefix(prefix)
        if not isinstance(folder, str) or not _is_absolute(folder):
            yield f"{prefix}: its folder is not an absolute path; {USE_ABSOLUTE}"


def absolute_path(value: str) -> Problems:
    """An absolute path that systemd and nginx read as one word."""
    if not _is_absolute(value):
        yield f"{value!r} is not an absolute path; {USE_ABSOLUTE}"


def _is_absolute(value: str) -> bool:
    return bool(ABSOLUTE_PATH.fullmatch(value)) and not {".", ".."} & set(value.split("/"))


def user(value: str) -> Problems:
    """A unix user other than root."""
    if value == "root" or not USER.fullmatch(value):
        yield f"{value!r} cannot run an app; {USE_USER}"


def host_header(value: str) -> Problems:
    """One host name, with a port if it needs one."""
    host, _, port = value.partition(":")
    if not _is_domain(host) or host.startswith("*") or not re.fullmatch(r"[0-9]{0,5}", port):
        yield f"{value!r} is not a host name; write one such as shop.example.com"


def servers(value: list[str]) -> Problems:
    """Upstream servers in nginx's words, at least one."""
    if not value:
        yield f"is an empty list; {USE_SERVERS}"
    for server in value:
        if not _is_server(server):
            yield f"{server!r} is not a server; {USE_SERVERS}"


def _is_server(value: str) -> bool:
    if value.startswith("unix:"):
        return _is_absolute(value.removeprefix("unix:"))
    if endpoint(value) is not None:
        return True
    host, _, port = value.rpartition(":")
    return _is_domain(host) and not host.startswith("*") and endpoint(f"127.0.0.1:{port}") is not None
