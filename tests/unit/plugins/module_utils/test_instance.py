"""What an instance is: names, identity, and the environment as systemd reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.module_utils._files import lock_path
from ansible_collections.webstack.python.plugins.module_utils._instance import (
    UNIT_OF_INSTANCE,
    Access,
    Paths,
    Release,
    Texts,
    body,
    build,
    changed_names,
    decode_environment,
    encode_environment,
    identify,
    live_record,
    public_access,
    recorded_instance,
)
from ansible_collections.webstack.python.plugins.module_utils._release_layout import Layout

PATHS = Paths("shop")
TEXTS = Texts(
    config="# by hand\nworkers = __WORKERS__\n",
    service=(
        "# by hand\nDescription=__INSTANCE__\nSockets=__PUBLIC_SOCKETS__\n"
        "ExecStart=__VIRTUALENV__/bin/gunicorn\n"
    ),
    socket="ListenStream=/run/webstack/shop/__INSTANCE__.sock\n",
    check_service="BindReadOnlyPaths=__READ_ONLY_PATHS__\nEnvironment=PYTHONPATH=__PYTHONPATH__\n",
    check_socket="ListenStream=/run/webstack/shop/check-__INSTANCE__.sock\n",
    public_socket="ListenStream=/run/webstack/shop/http.sock\n",
    handle="ExecStart=/bin/true\n",
    target="Wants=gunicorn-shop.socket\n",
)
RELEASE = Release(
    directory=Path("/srv/shop/releases/0123456789ab/code"),
    virtualenv=Path("/srv/shop/venvs/abc"),
    interpreters=(Path("/usr"),),
    gunicorn="27.0.1",
    pythonpath=(
        Path("/srv/shop/releases/0123456789ab/code"),
        Path("/srv/shop/releases/0123456789ab/code/src"),
    ),
)


def read_as_systemd(text: str) -> dict[str, str]:
    """Parse an EnvironmentFile= as systemd's parse_env_file_internal does, state by state."""
    state, key, value, found, pending = "pre_key", "", "", {}, ""
    for char in text + "\n":
        if state == "pre_key":
            if char in "#;":
                state = "comment"
            elif not char.isspace():
                state, key = "key", char
        elif state == "key":
            if char == "\n":
                state = "pre_key"
            elif char == "=":
                state, value, pending = "pre_value", "", ""
            else:
                key += char
        elif state in ("pre_value", "value"):
            if char in "\n\r":
                found[key.strip()] = value
                state = "pre_key"
            elif state == "pre_value" and char in "'\"":
                state = {"'": "single", '"': "double"}[char]
            elif char == "\\":
                state = "value_escape"
            elif not char.isspace():
                value += pending + char
                state, pending = "value", ""
            elif state == "value":
                pending += char
        elif state == "value_escape":
            state = "value"
            value += "" if char in "\n\r" else char
        elif state == "single":
            state, value = ("pre_value", value) if char == "'" else (state, value + char)
        elif state == "double":
            if char == '"':
                state = "pre_value"
            elif char == "\\":
                state = "double_escape"
            else:
                value += char
        elif state == "double_escape":
            state = "double"
            if char in '"\\`$':
                value += char
            elif char != "\n":
                value += "\\" + char
        elif state == "comment":
            state = {"\\": "comment_escape", "\n": "pre_key", "\r": "pre_key"}.get(char, state)
        elif state == "comment_escape":
            state = "comment"
    return found


VALUES = [
    "plain",
    "",
    " lead and trail ",
    "\ttab\t",
    'a "quoted" word',
    "it's",
    "back\\slash",
    "ends in a backslash\\",
    "\\",
    '"',
    "$HOME ${HOME} $(id) `id`",
    "%n %%",
    "# no comment; neither this",
    "a=b=c",
    "one\ntwo\n\nfour\n",
    "continued \\\nline",
    "carriage\r\nreturn\r",
    "\x01\x07\x1b\x7f",
    "ünï ☃ 🎉",
    "postgres://user:p%40ss@db/shop?sslmode=require&x='y'",
]


@pytest.mark.parametrize("value", VALUES)
def test_systemd_reads_back_what_was_written(value: str) -> None:
    text = encode_environment({"BEFORE": "1", "SECRET": value, "ZAFTER": "2"})
    assert read_as_systemd(text) == {"BEFORE": "1", "SECRET": value, "ZAFTER": "2"}
    assert decode_environment(text) == {"BEFORE": "1", "SECRET": value, "ZAFTER": "2"}


@pytest.mark.parametrize("name", ["", "1ST", "WITH SPACE", "A=B", "NEW\nLINE", "DASH-ED"])
def test_a_name_no_environment_takes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a variable"):
        encode_environment({name: "x"})


def test_a_value_that_no_environment_holds_is_refused_without_being_shown() -> None:
    with pytest.raises(ValueError, match=r"env\.SECRET: .* NUL byte") as refused:
        encode_environment({"SECRET": "hunter2\0"})
    assert "hunter2" not in str(refused.value)


def test_a_diff_of_environments_shows_names_alone() -> None:
    before = encode_environment({"KEPT": "same", "GONE": "secret-1", "SECRET": "secret-2"})
    after = encode_environment({"KEPT": "same", "NEW": "secret-3", "SECRET": "secret-4"})
    assert changed_names(before, after) == (
        "GONE=(hidden)\nSECRET=(hidden)\n",
        "NEW=(hidden)\nSECRET=(changed)\n",
    )


def instance_id(
    *,
    texts: Texts = TEXTS,
    release: Release = RELEASE,
    env: dict[str, str] | None = None,
    workers: str = "3",
    sockets: tuple[str, ...] = ("gunicorn-shop.socket",),
    key: bytes = b"key",
) -> str:
    built = build(PATHS, texts, release, env or {}, {"__WORKERS__": workers}, sockets, "unix", key)
    return built.id


def test_the_same_parts_give_the_same_instance() -> None:
    assert instance_id() == instance_id()
    assert len(instance_id()) == 12


@pytest.mark.parametrize(
    "change",
    [
        {"env": {"SECRET": "other"}},
        {"workers": "4"},
        {"sockets": ("gunicorn-shop-10.0.0.1:80.socket",)},
        {"key": b"another host"},
        {"texts": Texts(**{**vars(TEXTS), "config": TEXTS.config + "timeout = 5\n"})},
        {"texts": Texts(**{**vars(TEXTS), "service": TEXTS.service + "MemoryMax=1G\n"})},
        {"release": Release(**{**vars(RELEASE), "directory": Path("/srv/shop/releases/other/code")})},
        {"release": Release(**{**vars(RELEASE), "virtualenv": Path("/srv/shop/venvs/other")})},
    ],
    ids=["env", "workers", "sockets", "key", "config", "unit", "release", "virtualenv"],
)
def test_another_part_gives_another_instance(change: dict[str, object]) -> None:
    assert instance_id(**change) != instance_id()  # type: ignore[arg-type]


def test_the_comment_a_file_starts_with_is_no_part_of_the_instance() -> None:
    renamed = Texts(**{**vars(TEXTS), "config": TEXTS.config.replace("by hand", "on another controller")})
    assert instance_id(texts=renamed) == instance_id()
    assert body("# a\n# b\nx = 1\n# c\n") == "x = 1\n# c\n"


def test_an_id_depends_on_where_parts_end() -> None:
    assert identify(b"k", ["ab", "c"]) != identify(b"k", ["a", "bc"])


def test_tokens_are_filled_in_with_real_paths_and_the_id() -> None:
    built = build(PATHS, TEXTS, RELEASE, {}, {"__WORKERS__": "3"}, ["gunicorn-shop.socket"], "unix", b"key")
    config, env, service, socket, *checks = built.own
    assert config.path == Path(f"/etc/webstack/shop/{built.id}/gunicorn.conf.py")
    assert (config.mode, config.group) == (0o640, True)
    assert "workers = 3\n" in config.text
    assert (env.mode, env.group) == (0o600, False)
    assert service.path == Path(f"/etc/systemd/system/gunicorn-shop@{built.id}.service")
    assert f"Description={built.id}\n" in service.text
    assert "ExecStart=/srv/shop/venvs/abc/bin/gunicorn\n" in service.text
    assert socket.text == f"ListenStream=/run/webstack/shop/{built.id}.sock\n"
    check = built.check[0]
    assert [(file.path.name, file.mode) for file in checks] == [
        ("check.service", 0o600),
        ("check.socket", 0o600),
    ]
    assert [file.text for file in checks] == [file.text for file in built.check]
    assert check.path == Path(f"/run/systemd/system/gunicorn-shop@check-{built.id}.service")
    code = RELEASE.directory
    assert check.text == (
        f"BindReadOnlyPaths={code} /srv/shop/venvs/abc\nEnvironment=PYTHONPATH={code}:{code}/src\n"
    )


def test_an_interpreter_that_the_sandbox_hides_is_brought_back_into_sight() -> None:
    hidden = Release(
        **{**vars(RELEASE), "interpreters": (Path("/usr"), Path("/home/dev/.pyenv/versions/3.12.1"))}
    )
    built = build(PATHS, TEXTS, hidden, {}, {}, [], "unix", b"")
    first = built.check[0].text.splitlines()[0]
    assert first.endswith("/srv/shop/venvs/abc /home/dev/.pyenv/versions/3.12.1")


@pytest.mark.parametrize("path", ["/opt/my app", "/opt/%h", '/opt/"x"', "/opt/a\nb"])
def test_a_path_that_a_unit_file_would_misread_is_refused(path: str) -> None:
    odd = Release(**{**vars(RELEASE), "directory": Path(path)})
    with pytest.raises(ValueError, match="a unit file takes only"):
        build(PATHS, TEXTS, odd, {}, {}, [], "unix", b"")


def test_the_stand_in_has_a_name_that_no_app_and_no_instance_has() -> None:
    assert PATHS.mover not in (Paths("shop-moving").handle, Paths("shop-moving").target)
    assert "@" in PATHS.mover
    assert not UNIT_OF_INSTANCE.search(PATHS.mover)


def test_an_app_named_like_the_proxy_has_a_lock_of_its_own() -> None:
    assert Paths("nginx").lock == Path("/run/webstack/.lock/app-nginx.lock")
    assert Paths("nginx").lock == Layout("nginx").lock != lock_path("nginx")


def test_who_may_open_a_public_socket_stands_in_its_unit() -> None:
    texts = Texts(**{**vars(TEXTS), "public_socket": "SocketUser=www-data\nSocketMode=0600\n"})
    unix, tcp = (build(PATHS, texts, RELEASE, {}, {}, [], listen, b"") for listen in ("unix", "[::1]:80"))
    assert public_access(PATHS, unix) == Access("www-data", "", 0o600)
    assert public_access(PATHS, tcp) is None


def test_a_release_is_named_by_the_folder_of_its_code() -> None:
    assert RELEASE.name == "0123456789ab"
    assert Release(**{**vars(RELEASE), "directory": Path("/opt/wiki/app")}).name == "app"


def test_the_record_of_what_is_live_is_read_back() -> None:
    assert recorded_instance(live_record(PATHS, "0123456789ab")) == "0123456789ab"
    assert recorded_instance(None) is None
    assert recorded_instance("[Unit]\nWants=something.service\n") is None


@pytest.mark.parametrize(
    ("listen", "unit"),
    [
        ("unix", "gunicorn-shop.socket"),
        ("10.0.0.11:8000", "gunicorn-shop-10.0.0.11:8000.socket"),
        ("[::1]:8000", "gunicorn-shop-::1:8000.socket"),
    ],
)
def test_each_address_has_a_socket_unit_of_its_own(listen: str, unit: str) -> None:
    assert PATHS.public_socket(listen) == unit
    assert PATHS.is_public_socket(unit)


@pytest.mark.parametrize(
    "unit",
    [
        "gunicorn-shop-api.socket",
        "gunicorn-shop-api-10.0.0.11:8000.socket",
        "gunicorn-shop-1.socket",
        "gunicorn-shop@0123456789ab.socket",
        "gunicorn-other.socket",
    ],
)
def test_a_socket_of_another_app_is_left_alone(unit: str) -> None:
    assert not PATHS.is_public_socket(unit)
