"""The gunicorn role's templates, rendered without a host."""

from __future__ import annotations

import sys
import types
from pathlib import Path

import jinja2
import pytest
import yaml
from ansible.plugins.filter.core import FilterModule as CoreFilters
from ansible_collections.webstack.python.plugins.filter.python_literal import python_literal
from ansible_collections.webstack.python.plugins.module_utils._files import MARKER
from ansible_collections.webstack.python.plugins.module_utils._sandbox import section
from ansible_collections.webstack.python.plugins.plugin_utils._gunicorn import resolve

ROLE = Path(__file__).parents[3] / "roles/gunicorn"
UNITS = [
    "instance.service.j2",
    "instance.socket.j2",
    "public.socket.j2",
    "handle.service.j2",
    "app.target.j2",
]
SHOP = {
    "name": "shop",
    "app": "shop:create_app()",
    "directory": "/srv/shop/next/code",
    "virtualenv": "/srv/shop/next/venv",
}


def render(name, entry=None, **variables):
    """Print a template for an entry of gunicorn_apps with the role's defaults."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(ROLE / "templates"),
        trim_blocks=True,
        keep_trailing_newline=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["comment"] = CoreFilters().filters()["comment"]
    environment.filters["webstack.python.python_literal"] = python_literal
    environment.filters["webstack.python.unit_sandbox"] = section
    defaults = yaml.safe_load((ROLE / "defaults/main.yml").read_text())
    common = {
        "service": {
            "sandbox": defaults["gunicorn_service_sandbox"],
            "memory_max": defaults["gunicorn_service_memory_max"],
        },
        **{
            key: defaults[f"gunicorn_{key}"]
            for key in (
                "workers",
                "worker_class",
                "threads",
                "timeout",
                "graceful_timeout",
                "settings",
                "keep",
            )
        },
    }
    app = resolve([{**SHOP, **(entry or {})}], common)[0]
    return environment.get_template(name).render(
        {**defaults, "app": app, "ansible_managed": "Ansible managed", "check": False, **variables}
    )


def config(**entry):
    """Run a rendered gunicorn.conf.py and return its names."""
    text = render("gunicorn.conf.py.j2", entry)
    names: dict[str, object] = {}
    exec(text.replace("__WORKERS__", "3").replace("__KEEPALIVE__", "75"), names)
    return names


def directives(text):
    """Return a unit's lines without comments, sections and blanks."""
    return [line for line in text.splitlines() if line and line[0] not in "#["]


@pytest.mark.parametrize("template", [*UNITS, "gunicorn.conf.py.j2"])
def test_every_file_says_first_who_manages_it(template):
    head = render(template).split("\n\n")[0]
    assert head.startswith("#\n# Ansible managed\n")
    assert MARKER in head


@pytest.mark.parametrize("template", UNITS)
@pytest.mark.parametrize("sandbox", ["strict", "jit", "off"])
@pytest.mark.parametrize("check", [False, True])
def test_every_line_of_a_unit_is_a_section_a_directive_or_a_comment(template, sandbox, check):
    entry = {
        "service": {"sandbox": sandbox, "memory_max": "512M"},
        "writable_paths": ["/srv/shop/shared", "/var/lib/shop"],
    }
    for line in render(template, entry, check=check).splitlines():
        assert not line or line[0] in "#[" or line.partition("=")[0].isalnum(), line


def test_the_config_has_the_roles_defaults():
    names = config()
    assert names["wsgi_app"] == "shop:create_app()"
    assert (names["workers"], names["threads"], names["keepalive"]) == (3, 4, 75)
    assert names["worker_class"] == "gthread"
    assert names["control_socket_disable"] is True
    assert names["umask"] == 0o007


def test_an_apps_settings_win_over_the_roles():
    names = config(settings={"max_requests": 5000, "loglevel": "debug", "raw_env": ["A=1"]})
    assert (names["max_requests"], names["loglevel"], names["raw_env"]) == (5000, "debug", ["A=1"])


@pytest.mark.parametrize("hostile", ["'\nimport os\nx = '", '"""', "\\", "{{ 7 * 7 }}", "__import__('os')"])
def test_no_value_breaks_out_of_the_config(hostile):
    names = config(app=hostile, settings={"proc_name": hostile})
    assert names["wsgi_app"] == hostile
    assert names["proc_name"] == hostile
    assert "os" not in names


def wrapped(peer, allowed, monkeypatch):
    """Tell what REMOTE_ADDR a Werkzeug app sees behind a peer that sends X-Forwarded-For."""

    class ProxyFix:
        def __init__(self, app, **counts):
            assert counts == {"x_for": 1, "x_proto": 1, "x_host": 1, "x_prefix": 1}
            self.app = app

        def __call__(self, environ, start_response):
            return self.app({**environ, "REMOTE_ADDR": environ["HTTP_X_FORWARDED_FOR"]}, start_response)

    module = types.ModuleType("werkzeug.middleware.proxy_fix")
    module.ProxyFix = ProxyFix
    for name in ("werkzeug", "werkzeug.middleware"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "werkzeug.middleware.proxy_fix", module)
    worker = types.SimpleNamespace(
        wsgi=lambda environ, _: environ["REMOTE_ADDR"],
        cfg=types.SimpleNamespace(forwarded_allow_ips=allowed),
    )
    config()["post_worker_init"](worker)
    return worker.wsgi({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": "203.0.113.9"}, None)


@pytest.mark.parametrize(
    ("peer", "allowed", "seen"),
    [
        ("", ["127.0.0.1"], "203.0.113.9"),
        ("10.0.0.5", ["*"], "203.0.113.9"),
        ("10.0.0.5", ["10.0.0.0/24"], "203.0.113.9"),
        ("10.0.1.5", ["10.0.0.0/24"], "10.0.1.5"),
    ],
    ids=["unix socket", "any peer", "a proxy", "a stranger"],
)
def test_only_a_proxy_names_the_client(peer, allowed, seen, monkeypatch):
    assert wrapped(peer, allowed, monkeypatch) == seen


def test_an_app_without_werkzeug_is_left_as_it_is(monkeypatch):
    monkeypatch.setitem(sys.modules, "werkzeug.middleware.proxy_fix", None)
    assert config()["behind_proxy"]("untouched") == "untouched"


@pytest.mark.parametrize(
    ("kind", "buffering"), [("text/event-stream; charset=utf-8", ["no"]), ("text/html", [])]
)
def test_a_stream_of_events_is_not_buffered(kind, buffering, monkeypatch):
    monkeypatch.setitem(sys.modules, "werkzeug.middleware.proxy_fix", None)
    started = []

    def app(_environ, start_response):
        return start_response("200 OK", [("Content-Type", kind)])

    cfg = types.SimpleNamespace(forwarded_allow_ips=["*"])
    worker = types.SimpleNamespace(wsgi=app, cfg=cfg)
    config()["post_worker_init"](worker)
    worker.wsgi({}, lambda _status, headers: started.extend(headers))
    assert [value for name, value in started if name == "X-Accel-Buffering"] == buffering


@pytest.mark.parametrize(("peer", "trusted"), [("", True), ("10.0.0.5", True), ("10.0.1.5", False)])
def test_an_asgi_app_stands_behind_a_front_that_knows_the_proxy(peer, trusted):
    names = config(worker_class="asgi")
    assert names["worker_class"] is names["DrainingWorker"]
    cfg = types.SimpleNamespace(forwarded_allow_ips=["10.0.0.0/24"])
    worker = types.SimpleNamespace(asgi="app", cfg=cfg)
    names["post_worker_init"](worker)
    assert worker.asgi is worker.front
    assert worker.front.app == "app"
    assert worker.front.trusted(peer) is trusted


def test_an_app_of_wsgi_has_no_worker_of_ours():
    assert config(worker_class="gevent")["worker_class"] == "gevent"


def test_an_instance_survives_crashes_and_shares_its_sockets_without_blocking():
    lines = directives(render("instance.service.j2"))
    for line in (
        "Type=notify",
        "NonBlocking=true",
        "Sockets=__PUBLIC_SOCKETS__ gunicorn-shop@__INSTANCE__.socket",
        "PartOf=gunicorn-shop.service",
        "KillMode=mixed",
        "Restart=always",
        "StartLimitIntervalSec=0",
        "SyslogIdentifier=shop",
        "TimeoutStopSec=35",
        "User=shop",
    ):
        assert line in lines
    assert not [line for line in lines if line.startswith("RuntimeDirectory")]


def test_a_rehearsal_has_a_socket_of_its_own_alone_and_stays_down_when_it_crashes():
    lines = directives(render("instance.service.j2", check=True))
    assert "Sockets=gunicorn-shop@check-__INSTANCE__.socket" in lines
    assert "Restart=no" in lines
    assert "TimeoutStopSec=1" in lines
    assert not [line for line in lines if line.startswith("PartOf") or "__PUBLIC_SOCKETS__" in line]
    socket = directives(render("instance.socket.j2", check=True))
    assert "ListenStream=/run/webstack/shop/check-__INSTANCE__.sock" in socket
    assert "PartOf=gunicorn-shop@check-__INSTANCE__.service" in socket


def test_a_rehearsal_differs_from_its_instance_in_little_else():
    instance = set(directives(render("instance.service.j2")))
    check = set(directives(render("instance.service.j2", check=True)))
    names = {line.partition("=")[0] for line in instance ^ check}
    assert names == {
        "After",
        "CollectMode",
        "Description",
        "ExecStart",
        "PartOf",
        "Restart",
        "RestartSec",
        "Sockets",
        "TimeoutStopSec",
    }


def test_sandboxes_are_strict_by_default_and_can_be_loosened():
    strict = directives(render("instance.service.j2"))
    jit = directives(render("instance.service.j2", {"service": {"sandbox": "jit"}}))
    off = directives(render("instance.service.j2", {"service": {"sandbox": "off"}}))
    assert {"MemoryDenyWriteExecute=true", "ProcSubset=pid"} == set(strict) - set(jit)
    assert "ProtectSystem=strict" in jit
    assert not [line for line in off if line.startswith(("Protect", "Private", "System", "Bind"))]


def test_memory_and_writable_paths_are_in_the_unit_where_they_are_given():
    given = {"service": {"memory_max": "512M"}, "writable_paths": ["/srv/shop/shared", "/var/lib/x"]}
    assert "MemoryMax=512M" in directives(render("instance.service.j2", given))
    assert "BindPaths=/srv/shop/shared /var/lib/x" in directives(render("instance.service.j2", given))
    bare = render("instance.service.j2")
    assert "MemoryMax" not in bare
    assert "BindPaths" not in bare


def test_the_public_unix_socket_belongs_to_the_proxy_alone():
    lines = directives(render("public.socket.j2"))
    assert "ListenStream=/run/webstack/shop/http.sock" in lines
    assert "SocketUser=www-data" in lines
    assert "SocketMode=0600" in lines
    assert "Service=gunicorn-shop.service" in lines


def test_the_public_tcp_socket_may_come_before_its_address():
    lines = directives(render("public.socket.j2", {"listen": "10.0.0.11:8000"}))
    assert "ListenStream=10.0.0.11:8000" in lines
    assert "FreeBind=true" in lines
    assert not [line for line in lines if line.startswith("SocketUser")]
    target = directives(render("app.target.j2", {"listen": "10.0.0.11:8000"}))
    assert "Wants=gunicorn-shop-10.0.0.11:8000.socket gunicorn-shop.service" in target


@pytest.mark.parametrize("check", [False, True])
@pytest.mark.parametrize("worker_class", ["gthread", "sync", "gevent", "asgi"])
def test_the_app_learns_the_path_below_which_it_is(worker_class, check):
    entry = {"worker_class": worker_class, "path": "/shop/"}
    unit = render("instance.service.j2", entry, check=check)
    # An app that both reached would be told twice.
    assert ("\nEnvironment=SCRIPT_NAME=/shop\n" in unit) is (worker_class != "asgi")
    text = render("gunicorn.conf.py.j2", entry)
    assert ("\nroot_path = '/shop'\n" in text) is (worker_class == "asgi")


def test_an_app_at_the_root_is_told_nothing():
    for worker_class in ("gthread", "asgi"):
        entry = {"worker_class": worker_class, "path": "/"}
        assert "SCRIPT_NAME=" not in render("instance.service.j2", entry)
        assert "root_path =" not in render("gunicorn.conf.py.j2", entry)
