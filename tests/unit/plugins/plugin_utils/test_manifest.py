"""What the validator says about a manifest: each mistake with its entry, its key and its remedy."""

from __future__ import annotations

import copy
import datetime

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _manifest, _rules, _spec

SECTION = _spec.documented("python_app")["python_apps"].options["nginx"].options
MINIMAL = {
    "name": "shop",
    "app": "shop.wsgi:app",
    "source": {"git": "https://git.example.com/shop.git"},
}
FULL = {
    "name": "shop",
    "app": "shop:create_app('production', debug=False)",
    "source": {"git": "git@git.example.com:team/shop.git", "ref": "v1.4.0"},
    "requirements": [
        "flask==3.1.*",
        "psycopg[binary] >=3.2,<4 ; python_version > '3.10'",
        "shop-kit @ https://x/y.whl",
    ],
    "python": "python3.12",
    "env": {"SECRET_KEY": "hunter2", "WORKDIR": "", "RETRIES": 3, "MULTI": "one\ntwo"},
    "shared": ["uploads", "instance", "var/cache"],
    "build": ["flask --app shop digest compile", "test -d static && echo $HOME"],
    "migrate": ["flask --app shop db upgrade"],
    "keep_releases": 2,
    "health": {"path": "/healthz?full=1", "status": [200, 204], "timeout": 600, "body": "ok", "watch": 3600},
    "listen": "[2001:db8::11]:8000",
    "gunicorn": {
        "workers": "auto",
        "worker_class": "gthread",
        "threads": 8,
        "timeout": 60,
        "graceful_timeout": 45,
        "settings": {"max_requests": 5000, "logconfig_dict": {"version": 1, "loggers": {}}, "accesslog": "-"},
    },
    "service": {"sandbox": "jit", "memory_max": "512M"},
    "nginx": {
        "domains": ["shop.example.com", "*.shop.example.com", "xn--bcher-kva.example"],
        "static": {"/static/": "shop/static", "/media/img/": "var/media/"},
        "max_body_size": "0",
        "extra": "location = /old { return 301 /new; } # moved }",
    },
    "state": "present",
}
NAME_REMEDY = 'use a to z, 0 to 9 and "-", starting with a letter, at most 31 characters'
APP_REMEDY = 'write MODULE:CALLABLE, such as "shop.wsgi:app" or "shop:create_app()"'
SOURCE_REMEDY = 'name the code, such as {path: "{{ inventory_dir }}/../shop"}'
LISTEN_REMEDY = 'write unix, or an address with a port, such as "127.0.0.1:8000"'
GIT_REMEDY = "write an https, ssh or file URL, user@host:path, or a path that starts with / or ."
PREFIX_REMEDY = "write a path that starts and ends with /, such as /static/"
STATIC_REMEDY = "write URL prefixes to folders of the release, such as /static/: shop/static"
DOMAINS_REMEDY = "write names without scheme, port and path, such as [shop.example.com]"
ALL_KEYS = (
    "name, app, source, requirements, python, env, shared, build, migrate, keep_releases, health, notify, "
    "listen, gunicorn, service, nginx, state"
)
NGINX_KEYS = ", ".join(SECTION)


def shop(**keys):
    """Return the smallest good entry with some keys replaced; None takes a key away."""
    return {key: value for key, value in {**copy.deepcopy(MINIMAL), **keys}.items() if value is not None}


def blog(**keys):
    """Return a second good entry, with a domain of its own."""
    return shop(**{"name": "blog", "nginx": {"domains": ["blog.example.com"]}, **keys})


MISTAKES = [
    # Keys
    (shop(gunicron={}), "gunicron: unknown key", "did you mean gunicorn?"),
    (
        shop(colour="red"),
        "colour: unknown key",
        f"the known ones are {ALL_KEYS}",
    ),
    (shop(threads=4), "threads: unknown key", "did you mean gunicorn.threads?"),
    (shop(timeout=4), "timeout: unknown key", "did you mean health.timeout or gunicorn.timeout?"),
    (shop(nginx={"domain": []}), "nginx.domain: unknown key", "did you mean domains?"),
    (
        shop(nginx={True: "x"}),
        "nginx.True: unknown key",
        f"the known ones are {', '.join(SECTION)}",
    ),
    (shop(app=None), "app: is missing", APP_REMEDY),
    (shop(source=None), "source: is missing", SOURCE_REMEDY),
    # Types
    (shop(env=[]), "env: must be a mapping, not a list", "write each variable as NAME: value"),
    (shop(nginx={"domains": "a.example"}), "nginx.domains: must be a list, not text", DOMAINS_REMEDY),
    (shop(nginx={"domains": [8]}), "nginx.domains[0]: must be text, not a number", "write it in quotes"),
    (
        shop(keep_releases="5"),
        "keep_releases: must be a whole number, not text",
        "write a whole number from 2",
    ),
    (
        shop(health={"timeout": True}),
        "health.timeout: must be a whole number, not a truth value",
        "write whole seconds from 1 to 600",
    ),
    (shop(python=3.1), "python: must be text, not a number", "write it in quotes"),
    (
        shop(source={"git": "/srv/x.git", "ref": datetime.date(2026, 1, 2)}),
        "source.ref: must be text, not a date",
        "write it in quotes",
    ),
    (
        shop(service="strict"),
        "service: must be a mapping, not text",
        "write each key with its value on a line of its own below",
    ),
    # Names
    (
        shop(app="shop.py:app"),
        "app: 'shop.py:app' names a file",
        "write the module as Python imports it, such as shop.wsgi",
    ),
    (shop(app="shop"), "app: 'shop' is not MODULE:CALLABLE", APP_REMEDY),
    (shop(app="shop:app.wsgi"), "app: 'shop:app.wsgi' is not MODULE:CALLABLE", APP_REMEDY),
    (shop(app="shop:create_app(config)"), "app: 'shop:create_app' is not MODULE:CALLABLE", APP_REMEDY),
    (shop(app="shop:make(**{})"), "app: 'shop:make' is not MODULE:CALLABLE", APP_REMEDY),
    # The source
    (shop(source={}), "source: names no source", "add path, git, archive or package"),
    (shop(source={"path": "/", "git": "/srv/x.git"}), "source: has both path and git", "keep one of them"),
    (shop(source={"path": "/", "ref": "main"}), "source: has a ref without git", "remove ref, or use git"),
    (
        shop(source={"path": "/no/such"}),
        "source.path: '/no/such' is not a folder",
        "name a folder on the controller",
    ),
    (
        shop(source={"path": "no/such"}),
        "source.path: 'no/such' is not a folder from /",
        "name a folder on the controller",
    ),
    (
        shop(source={"git": "ext::sh -c id"}),
        "source.git: is not a repository that is fetched safely",
        GIT_REMEDY,
    ),
    (
        shop(source={"git": "--upload-pack=id"}),
        "source.git: is not a repository that is fetched safely",
        GIT_REMEDY,
    ),
    (
        shop(source={"git": "ssh://-oProxyCommand=id/x"}),
        "source.git: is not a repository that is fetched safely",
        GIT_REMEDY,
    ),
    (
        shop(source={"git": "http://git.example.com/x"}),
        "source.git: is not a repository that is fetched safely",
        GIT_REMEDY,
    ),
    (
        shop(source={"git": "/x.git", "ref": "-f"}),
        "source.ref: '-f' cannot name a commit",
        "name a branch, a tag or a commit",
    ),
    (
        shop(source={"git": "/x.git", "ref": "a..b"}),
        "source.ref: 'a..b' cannot name a commit",
        "name a branch, a tag or a commit",
    ),
    (
        shop(python="python3 -m x"),
        "python: 'python3 -m x' is not an interpreter",
        "write a name such as python3.12, or an absolute path",
    ),
    (
        shop(requirements="requirements.txt"),
        "requirements: is neither auto nor a list",
        'write auto, or a list such as ["flask==3.1.*"]',
    ),
    (
        shop(requirements=["-e ."]),
        "requirements: item 0 is an option",
        "remove it, python_app_uv_arguments takes options",
    ),
    (
        shop(requirements=["flask", "flask=3"]),
        "requirements: item 1 is not a requirement specifier",
        "write it as in flask==3.1.*",
    ),
    # The environment
    (
        shop(env={"A-B": "x"}),
        "env: 'A-B' is not a variable's name",
        "use letters, digits and _, not starting with a digit",
    ),
    (shop(env={"DEBUG": True}), "env: DEBUG is a truth value, not text", "write it in quotes"),
    (shop(env={"VERSION": 1.10}), "env: VERSION is a number, not text", "write it in quotes"),
    (shop(env={"EMPTY": None}), "env: EMPTY is empty", 'write "" for an empty text, or remove it'),
    (shop(env={"HOSTS": ["a"]}), "env: HOSTS is a list, not text", "write it as one text"),
    (shop(env={"NUL": "a\0b"}), "env: NUL holds a NUL character", "remove it"),
    (
        shop(env={"LISTEN_FDS": "1"}),
        "env: LISTEN_FDS is not for the app to set",
        "remove it, systemd sets it",
    ),
    # What is run
    (
        shop(build="make"),
        "build: must be a list, not text",
        'write a list of shell commands, such as ["flask --app shop digest compile"]',
    ),
    (shop(migrate=[""]), "migrate: item 0 is empty", "write a command, or remove it"),
    (
        shop(migrate="upgrade"),
        "migrate: must be a list, not text",
        'write a list of shell commands, such as ["flask --app shop digest compile"]',
    ),
    (shop(build=["make", " "]), "build: item 1 is empty", "write a command, or remove it"),
    (
        shop(notify={"befor": ["true"]}),
        "notify.befor: unknown key",
        "did you mean before?",
    ),
    (
        shop(notify={"before": ["true", " "]}),
        "notify.before: item 1 is empty",
        "write a command, or remove it",
    ),
    (
        shop(build=["hunter2\0"], env={}),
        "build: item 0 holds a NUL byte, which no command can",
        "remove it",
    ),
    # What stays
    (
        shop(shared=["/var/lib"]),
        "shared: '/var/lib' is not a path inside the release",
        "write paths inside the release, such as [uploads]",
    ),
    (
        shop(shared=["a/../../b"]),
        "shared: 'a/../../b' is not a path inside the release",
        "write paths inside the release, such as [uploads]",
    ),
    (shop(shared=["var", "var"]), "shared: 'var' is listed twice", "list it once"),
    (
        shop(shared=["var/cache", "var"]),
        "shared: 'var/cache' lies in 'var', which is shared already",
        "remove it",
    ),
    (shop(keep_releases=1), "keep_releases: 1 is out of range", "write a whole number from 2"),
    # Health
    (
        shop(health={"path": "healthz"}),
        "health.path: 'healthz' is not a path",
        "write a path such as /healthz",
    ),
    (shop(health={"path": "/a b"}), "health.path: '/a b' is not a path", "write a path such as /healthz"),
    (
        shop(health={"status": [99]}),
        "health.status: 99 is not an HTTP status",
        "write numbers from 100 to 599",
    ),
    (shop(health={"status": []}), "health.status: is an empty list", "write a list such as [200]"),
    (
        shop(health={"body": " "}),
        "health.body: is empty, which every answer contains",
        'write a text that only a good answer has, such as "status: ok", or leave it out',
    ),
    (
        shop(health={"body": "a\nb"}),
        "health.body: has more than one line",
        'write a text that only a good answer has, such as "status: ok", or leave it out',
    ),
    (
        shop(health={"watch": 3601}),
        "health.watch: 3601 is out of range",
        "write a whole number from 0 to 3600",
    ),
    (
        shop(health={"timeout": 601}),
        "health.timeout: 601 is out of range",
        "write a whole number from 1 to 600",
    ),
    # The address
    (shop(listen=8000), "listen: must be text, not a number", LISTEN_REMEDY),
    (
        shop(listen="localhost:8000"),
        "listen: 'localhost:8000' is neither unix nor an IP address with a port",
        LISTEN_REMEDY,
    ),
    (
        shop(listen="::1:8000"),
        "listen: '::1:8000' is neither unix nor an IP address with a port",
        LISTEN_REMEDY,
    ),
    (
        shop(listen="127.0.0.1:65536"),
        "listen: '127.0.0.1:65536' is neither unix nor an IP address with a port",
        LISTEN_REMEDY,
    ),
    # Gunicorn
    (
        shop(gunicorn={"workers": 0}),
        "gunicorn.workers: 0 is neither auto nor a number of workers",
        "write auto, or a whole number from 1",
    ),
    (
        shop(gunicorn={"workers": [4]}),
        "gunicorn.workers: a list is neither auto nor a number of workers",
        "write auto, or a whole number from 1",
    ),
    (
        shop(gunicorn={"worker_class": "tornado"}),
        "gunicorn.worker_class: 'tornado' is not known",
        "write gthread, sync, gevent or asgi",
    ),
    (shop(gunicorn={"threads": 0}), "gunicorn.threads: 0 is out of range", "write a whole number from 1"),
    (
        shop(gunicorn={"worker_class": "sync", "threads": 4}),
        "gunicorn: worker_class sync has no threads",
        "remove threads, or use gthread",
    ),
    (shop(gunicorn={"timeout": -1}), "gunicorn.timeout: -1 is out of range", "write a whole number from 1"),
    (
        shop(gunicorn={"settings": {"timeuot": 5}}),
        "gunicorn.settings: no supported Gunicorn knows timeuot",
        "did you mean timeout?",
    ),
    (
        shop(gunicorn={"settings": {"zzzzzz": 5}}),
        "gunicorn.settings: no supported Gunicorn knows zzzzzz",
        "see Gunicorn's list of settings",
    ),
    (
        shop(gunicorn={"settings": {"bind": "x"}}),
        "gunicorn.settings: bind is not free",
        "remove it, use listen",
    ),
    (
        shop(gunicorn={"settings": {"workers": 4}}),
        "gunicorn.settings: workers is not free",
        "remove it, use gunicorn.workers",
    ),
    (
        shop(gunicorn={"settings": {"post_fork": "x"}}),
        "gunicorn.settings: post_fork is a Python function, which data cannot hold",
        "remove it",
    ),
    (
        shop(gunicorn={"settings": {"loglevel": datetime.date(2026, 1, 2)}}),
        "gunicorn.settings: loglevel is a date",
        "write texts, numbers, truth values, lists or mappings",
    ),
    # The unit
    (shop(service={"sandbox": "lax"}), "service.sandbox: 'lax' is not known", "write strict, jit or off"),
    (
        shop(service={"memory_max": 512}),
        "service.memory_max: must be text, not a number",
        "write a size with its unit, such as 512M or 1G",
    ),
    (
        shop(service={"memory_max": "512m"}),
        "service.memory_max: '512m' is not a size",
        "write a size with its unit, such as 512M or 1G",
    ),
    (
        shop(service={"memory_max": "8M"}),
        "service.memory_max: '8M' is too little for an app to start",
        "write at least 64M",
    ),
    # The site
    (
        shop(nginx={"domains": ["https://a.example"]}),
        "nginx.domains: 'https://a.example' is not a host name",
        DOMAINS_REMEDY,
    ),
    (
        shop(nginx={"domains": ["a.example:80"]}),
        "nginx.domains: 'a.example:80' is not a host name",
        DOMAINS_REMEDY,
    ),
    (
        shop(nginx={"domains": ["bücher.example"]}),
        "nginx.domains: 'bücher.example' is not a host name",
        "write xn--bcher-kva.example",
    ),
    (
        shop(nginx={"domains": ["www.*.example"]}),
        "nginx.domains: 'www.*.example' is not a host name",
        DOMAINS_REMEDY,
    ),
    (
        shop(nginx={"domains": ["a.example; }"]}),
        "nginx.domains: 'a.example; }' is not a host name",
        DOMAINS_REMEDY,
    ),
    (
        shop(nginx={"domains": ["a.example", "A.example"]}),
        "nginx.domains: A.example is listed twice",
        "list it once",
    ),
    (shop(nginx={"static": {"/": "x"}}), "nginx.static: '/' is not a URL prefix", PREFIX_REMEDY),
    (shop(nginx={"static": {"/static": "x"}}), "nginx.static: '/static' is not a URL prefix", PREFIX_REMEDY),
    (shop(nginx={"static": {"/a/../": "x"}}), "nginx.static: '/a/../' is not a URL prefix", PREFIX_REMEDY),
    (shop(nginx={"static": {"/a;{$}/": "x"}}), "nginx.static: '/a;{$}/' is not a URL prefix", PREFIX_REMEDY),
    (
        shop(nginx={"static": {"/s/": "../x"}}),
        "nginx.static: /s/: its folder is not a path inside the release",
        STATIC_REMEDY,
    ),
    (
        shop(nginx={"static": {"/s/": "/etc"}}),
        "nginx.static: /s/: its folder is not a path inside the release",
        STATIC_REMEDY,
    ),
    (
        shop(nginx={"static": {"/s/": 5}}),
        "nginx.static: /s/: its folder is not a path inside the release",
        STATIC_REMEDY,
    ),
    (
        shop(nginx={"max_body_size": 10}),
        "nginx.max_body_size: must be text, not a number",
        'write a size with its unit, such as 10m, or "0" for no bound',
    ),
    (
        shop(nginx={"max_body_size": 0}),
        "nginx.max_body_size: must be text, not a number",
        "write it in quotes",
    ),
    (
        shop(nginx={"max_body_size": "10x"}),
        "nginx.max_body_size: '10x' is not a size",
        'write a size with its unit, such as 10m, or "0" for no bound',
    ),
    (
        shop(nginx={"extra": "a;\n}\n"}),
        "nginx.extra: line 2 closes a block that it did not open",
        "remove the }",
    ),
    (shop(nginx=None, state="gone"), "state: 'gone' is not known", "write present or absent"),
]


@pytest.mark.parametrize(
    ("entry", "problem", "remedy"), MISTAKES, ids=[problem for _, problem, _ in MISTAKES]
)
def test_a_mistake_is_named_with_entry_key_and_remedy(entry, problem, remedy):
    assert _manifest.findings([blog(), entry]) == [f"python_apps[1] (shop): {problem}; {remedy}"]


@pytest.mark.parametrize(
    "name", ["Shop", "1shop", "shop_a", "shop/../etc", "s" * 32, "shop\n", "-shop", "schöp"], ids=repr
)
def test_a_name_must_be_good_for_users_units_and_paths(name):
    assert _manifest.findings([shop(name=name)]) == [
        f"python_apps[0] ({name}): name: {name!r} is not a name; {NAME_REMEDY}"
    ]


@pytest.mark.parametrize(
    ("manifest", "messages"),
    [
        ("shop", ['python_apps: must be a list, not text; start each entry with "- name:"']),
        (MINIMAL, ['python_apps: must be a list, not a mapping; start each entry with "- name:"']),
        (["shop"], ['python_apps[0]: must be a mapping, not text; write "- name: shop" and its keys below']),
        ([None], ['python_apps[0]: must be a mapping, not nothing; write "- name: shop" and its keys below']),
        ([shop(name=None)], [f"python_apps[0]: name: is missing; {NAME_REMEDY}"]),
        ([shop(name=17)], [f"python_apps[0]: name: must be text, not a number; {NAME_REMEDY}"]),
        (
            [{}],
            [
                f"python_apps[0]: name: is missing; {NAME_REMEDY}",
                f"python_apps[0]: app: is missing; {APP_REMEDY}",
                f"python_apps[0]: source: is missing; {SOURCE_REMEDY}",
            ],
        ),
        (
            [shop(nginx=None) | {"env": None}],
            ["python_apps[0] (shop): env: is empty; give it a value, or remove the key"],
        ),
        (
            [{"name": "old", "state": "absent", "ap": 1}],
            ["python_apps[0] (old): ap: unknown key; did you mean app?"],
        ),
    ],
)
def test_what_is_no_list_of_entries_is_said(manifest, messages):
    assert _manifest.findings(manifest) == messages


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (
            blog(name="shop"),
            "(shop): name: 'shop' is already used by python_apps[0] (shop); give each its own name",
        ),
        (
            blog(name="shop", state="absent"),
            "(shop): name: 'shop' is already used by python_apps[0] (shop); give each its own name",
        ),
        (
            blog(nginx={"domains": ["Shop.example.com"]}),
            "(blog): nginx.domains: shop.example.com is already used by 'shop'; "
            "give each app its own domains or its own path",
        ),
        (
            blog(listen="127.0.0.1:8000"),
            "(blog): listen: 127.0.0.1:8000 is already used by 'shop'; give each its own port",
        ),
        (
            blog(listen="[::]:8000"),
            "(blog): listen: [::]:8000 is already used by 'shop'; give each its own port",
        ),
    ],
    ids=["name", "name of an absent app", "domain", "address", "wildcard address"],
)
def test_entries_must_not_share_what_is_theirs_alone(second, message):
    first = shop(listen="127.0.0.1:8000", nginx={"domains": ["shop.example.com"]})
    assert _manifest.findings([first, second]) == [f"python_apps[1] {message}"]


def test_one_app_alone_may_answer_every_name():
    assert _manifest.findings([shop(), blog()]) == []
    assert _manifest.findings([shop(), blog(nginx={})]) == [
        "python_apps[1] (blog): nginx.domains: has none, so it would answer every name, as 'shop' already "
        "does; give each app its own domains or its own path"
    ]


def test_all_findings_come_at_once():
    manifest = [shop(app="shop", listen=1, nginx={"extra": "}"}), blog(keep_releases=0), {"name": "X"}]
    assert len(_manifest.findings(manifest)) == 8


@pytest.mark.parametrize(
    "manifest",
    [
        [],
        [MINIMAL],
        [FULL],
        [MINIMAL | {"service": {"sandbox": False}}],
        [MINIMAL | {"service": {"memory_max": ""}, "requirements": [], "shared": []}],
        [MINIMAL | {"source": {"path": "/"}}],
        [MINIMAL | {"source": {"path": "."}}],
        [{"name": "old", "state": "absent"}],
        [shop(listen="127.0.0.1:8000"), blog(listen="127.0.0.1:8001")],
        [shop(listen="10.0.0.1:8000"), blog(listen="10.0.0.2:8000")],
        [shop(listen="127.0.0.1:8000"), blog(listen="127.0.0.1:8000", state="absent")],
    ],
    ids=str,
)
def test_a_good_manifest_has_no_findings(manifest):
    assert _manifest.findings(manifest) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://user:token@git.example.com/shop.git",
        "ssh://git@git.example.com:2222/shop.git",
        "file:///srv/git/shop.git",
        "git@git.example.com:team/shop.git",
        "git.example.com:shop",
        "/srv/git/shop.git",
        "../shop.git",
    ],
)
def test_a_repository_may_be_named_in_each_safe_way(url):
    assert _manifest.findings([shop(source={"git": url})]) == []


SECRET = "hunter2"


@pytest.mark.parametrize(
    "entry",
    [
        shop(
            env={
                SECRET.upper() + "-": SECRET,
                "A": True,
                "B": [SECRET],
                "C": f"{SECRET}\0",
                "D": {"x": SECRET},
            }
        ),
        shop(env=SECRET),
        shop(env=[SECRET]),
        shop(source={"git": f"http://user:{SECRET}@git.example.com/x"}),
        shop(source={"git": [f"https://user:{SECRET}@git.example.com/x"]}),
        shop(source=f"https://user:{SECRET}@git.example.com/x"),
        shop(requirements=[f"x @ https://user:{SECRET}@example.com/x y z ; ;"], keep_releases=0),
        shop(requirements=f"https://user:{SECRET}@example.com/"),
        shop(gunicorn={"settings": {"statsd_prefx": SECRET, "bind": SECRET, "loglevel": {1: SECRET}}}),
        shop(gunicorn={"settings": SECRET}),
        shop(app=f"shop:create_app({SECRET})"),
        shop(nginx={"extra": f"proxy_set_header Authorization {SECRET}; }}"}),
    ],
    ids=str,
)
def test_no_message_holds_what_may_be_secret(entry):
    messages = _manifest.findings([entry])
    assert messages
    assert SECRET not in "\n".join(messages)


@pytest.mark.parametrize("name", ["PYTHONPATH", "WEBSTACK_APP", "WEBSTACK_INSTANCE", "WEBSTACK_HOOK"])
def test_what_the_unit_sets_is_not_for_the_app_to_set(name):
    (problem,) = _rules.environment({name: "x", "PATH": "/opt/tools/bin:/usr/bin"})
    assert problem.startswith(f"{name} is not for the app to set; remove it, ")
