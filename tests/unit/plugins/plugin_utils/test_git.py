"""How Git is called and gets in: real repositories behind a password, and a recorder in ssh's place."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ansible_collections.webstack.python.plugins.plugin_utils import _git, _source_git
from ansible_collections.webstack.python.plugins.plugin_utils._git import GitError, Repository
from ansible_collections.webstack.python.plugins.plugin_utils._source_tree import SourceError

TOKEN = "t0ken\\with$signs%s"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----"


class Forge:
    """Repositories below a folder, served by git-http-backend; watches all processes meanwhile."""

    def __init__(self, folder, server):
        self.folder, self.server = folder, server
        self.command_lines = set()
        server.answer = self.answer

    def make(self, name, *commands, **files):
        path = self.folder / name
        path.mkdir(parents=True)
        self.git(path, "init", "-q", "-b", "main")
        for file, text in files.items():
            (path / file).write_text(text)
        for command in commands:
            self.git(path, *command)
        self.git(path, "add", "-A")
        self.git(path, "commit", "-q", "-m", "change")
        return path

    def git(self, path, *arguments):
        author = ("-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "protocol.file.allow=always")
        subprocess.run(["git", "-C", str(path), *author, *arguments], check=True, capture_output=True)

    def url(self, name, userinfo=""):
        return f"https://{userinfo}127.0.0.1:{self.server.port}/{name}"

    def answer(self, handler):
        """Let git-http-backend answer; the client waits meanwhile, with all its processes."""
        for process in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                self.command_lines.add(process.read_bytes())
            except OSError:
                continue
        path, _, query = handler.path.partition("?")
        done = subprocess.run(
            ["git", "http-backend"],
            check=True,
            input=handler.rfile.read(int(handler.headers.get("Content-Length", 0))),
            stdout=subprocess.PIPE,
            env={
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(self.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_COUNT": "2",
                "GIT_CONFIG_KEY_0": "safe.directory",
                "GIT_CONFIG_VALUE_0": "*",
                "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
                "GIT_CONFIG_VALUE_1": "true",
                "REQUEST_METHOD": handler.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": handler.headers.get("Content-Type", ""),
                "HTTP_CONTENT_ENCODING": handler.headers.get("Content-Encoding", ""),
                "HTTP_GIT_PROTOCOL": handler.headers.get("Git-Protocol", ""),
            },
        )
        head, _, body = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.decode().split(": ", 1) for line in head.split(b"\r\n"))
        handler.send_response(int(headers.pop("Status", "200").split()[0]))
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)


@pytest.fixture
def forge(tmp_path, loopback):
    """A forge that wants x-token-auth and TOKEN."""
    return Forge(tmp_path / "forge", loopback(user=_git.TOKEN_USER, password=TOKEN))


def repository(forge, tmp_path, name="shop/.git", userinfo="", **access):
    certificate = str(forge.server.certificate)
    return Repository(forge.url(name, userinfo), tmp_path / "cache", certificate, **access)


def collect(repository, **options):
    run = repository.cache.parent / "run"
    run.mkdir(exist_ok=True)
    return _source_git.collect(repository, "main", run, **options)


def assert_nowhere(secrets, tmp_path, *texts):
    kept = [path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file()]
    for secret in secrets:
        assert not [text for text in texts if secret in text]
        assert not [content for content in kept if secret.encode() in content]


@pytest.mark.parametrize(
    ("userinfo", "access"),
    [("", {"token": TOKEN}), ("x-token-auth:t0ken%5Cwith%24signs%25s@", {}), ("", {"token": f"{TOKEN}\n"})],
    ids=["token", "URL", "token from a file"],
)
def test_token_reaches_the_server_and_nothing_else(forge, tmp_path, userinfo, access):
    forge.make("shop", app="one")
    source = repository(forge, tmp_path, userinfo=userinfo, **access)
    tree = collect(source)
    assert tree.read("app") == b"one"
    assert tree.origin == forge.url("shop/.git")
    lines = b"\n".join(forge.command_lines).decode()
    assert "remote-https" in lines
    assert_nowhere(["t0ken"], tmp_path, lines, tree.origin, repr(source))


@pytest.mark.parametrize(
    ("userinfo", "access", "said"),
    [
        ("", {"token": "hunter2"}, "check source.token, or the user and password in source.git"),
        ("bob:hunter2@", {}, "check source.token, or the user and password in source.git"),
        ("hunter2@", {}, "check source.token, or the user and password in source.git"),
        ("", {}, "give a token that may read the repository as source.token"),
    ],
    ids=["token", "URL", "token as user", "none"],
)
def test_refused_credentials_are_said_and_not_shown(forge, tmp_path, userinfo, access, said):
    forge.make("shop", app="one")
    source = repository(forge, tmp_path, userinfo=userinfo, **access)
    with pytest.raises(SourceError) as caught:
        collect(source)
    message = str(caught.value)
    assert message.startswith(f"reading 'main' from {forge.url('shop/.git')} failed:\n")
    assert message.endswith(f"\nRemedy: {said}.")
    assert_nowhere(["hunter2", "bob"], tmp_path, message, repr(source))


def test_what_a_server_says_of_the_credentials_is_not_shown(forge, tmp_path):
    def tell(handler):
        text = f"bad: {handler.headers['Authorization']} {TOKEN}".encode()
        handler.send_response(403)
        handler.send_header("Content-Type", "text/plain; charset=utf-8")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    forge.server.answer = tell
    with pytest.raises(SourceError) as caught:
        collect(repository(forge, tmp_path, token=TOKEN))
    assert "remote: bad: Basic *** ***" in str(caught.value)


def test_token_does_not_follow_a_redirect_to_another_server(tmp_path, loopback):
    server, other = loopback(), loopback(user="bob", password="of another")
    path = "/shop/.git/info/refs"
    server.redirects[path] = f"https://127.0.0.1:{other.port}{path}?service=git-upload-pack"
    url = f"https://127.0.0.1:{server.port}/shop/.git"
    source = Repository(url, tmp_path / "cache", str(server.certificate), token=TOKEN)
    with pytest.raises(SourceError):
        collect(source)
    assert other.authorizations
    assert set(other.authorizations) == {None}


def test_submodule_of_the_same_server_is_fetched_with_the_token(forge, tmp_path):
    kit = forge.make("kit", x="x")
    forge.make("shop", ("submodule", "add", str(kit), "kit"), app="one")
    forge.git(forge.folder / "shop", "config", "-f", ".gitmodules", "submodule.kit.url", "../../kit/.git")
    forge.git(forge.folder / "shop", "commit", "-qam", "address")
    tree = collect(repository(forge, tmp_path, token=TOKEN), submodules=True)
    assert tree.read("kit/x") == b"x"
    lines = b"\n".join(forge.command_lines).decode()
    assert "kit/.git" in lines
    assert_nowhere(["t0ken"], tmp_path, lines)


@pytest.mark.parametrize(
    ("base", "url", "meant"),
    [
        ("https://bob:pw@h/team/shop.git", "../kit.git", "https://bob:pw@h/team/kit.git"),
        ("https://bob:pw@h/team/shop.git", "https://h/kit.git", "https://bob:pw@h/kit.git"),
        ("https://bob:pw@h/team/shop.git", "https://h:444/kit.git", "https://h:444/kit.git"),
        ("git@h:team/shop.git", "../../other/kit.git", "git@h:other/kit.git"),
        ("git@h:shop.git", "../kit.git", "git@h:kit.git"),
        ("/srv/git/shop.git", "./kit", "/srv/git/shop.git/kit"),
    ],
)
def test_address_of_a_submodule(tmp_path, base, url, meant):
    assert Repository(base, tmp_path).submodule(url).url == meant


def test_submodule_of_another_server_gets_no_credentials(tmp_path):
    source = Repository("https://bob:pw@h/shop.git", tmp_path, token="t", deploy_key="k")
    for url in ("https://h.example/kit.git", "git@other:kit.git"):
        found = source.submodule(url)
        assert (found.url, found.token, found.deploy_key) == (url, "", "")
    assert source.submodule("git@h:kit.git").deploy_key == "k"


@pytest.mark.parametrize("url", ["/etc", "file:///srv/git/x.git", "ext::id", "../../../../x"])
def test_remote_repository_names_no_folder_of_the_controller(tmp_path, url):
    with pytest.raises(SourceError, match=f"may not name {re.escape(url)}; write an https or ssh URL"):
        Repository("https://h/team/shop.git", tmp_path).submodule(url)


# Writes down what it is given, and does what the far end would.
RECORDER = """#!{python}
import json, os, stat, subprocess, sys
arguments = sys.argv[1:]
key = arguments[arguments.index("-i") + 1] if "-i" in arguments else None
note = {{"arguments": arguments, "key": key}}
if key:
    note["mode"] = stat.S_IMODE(os.stat(key).st_mode)
    note["folder_mode"] = stat.S_IMODE(os.stat(os.path.dirname(key)).st_mode)
    note["text"] = open(key).read()
open({here!r}, "a").write(json.dumps(note) + "\\n")
print({said!r}, file=sys.stderr)
sys.exit({status} or subprocess.run(arguments[-1], shell=True).returncode)
"""


@pytest.fixture
def ssh(tmp_path, monkeypatch):
    """Put a recorder in ssh's place; return what makes it fail, and reads what it wrote down."""
    notes = tmp_path / "notes"

    def write(said="", status=0):
        (tmp_path / "bin").mkdir(exist_ok=True)
        program = tmp_path / "bin/ssh"
        program.write_text(RECORDER.format(python=sys.executable, here=str(notes), said=said, status=status))
        program.chmod(0o755)
        return notes

    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    write()
    return write


def test_deploy_key_is_a_private_file_while_git_fetches(forge, tmp_path, ssh):
    path = forge.make("shop", app="one")
    (tmp_path / "scratch").mkdir()
    source = Repository(
        f"git@forge:{path}/.git",
        tmp_path / "cache",
        deploy_key=KEY.replace("\n", "\r\n"),
        scratch=str(tmp_path / "scratch"),
    )
    assert collect(source).read("app") == b"one"
    note = json.loads(ssh().read_text())
    assert (note["mode"], note["folder_mode"], note["text"]) == (0o600, 0o700, f"{KEY}\n")
    options = " ".join(note["arguments"])
    for option in ("BatchMode=yes", "IdentitiesOnly=yes", "IdentityAgent=none"):
        assert f"-o {option}" in options
    assert note["key"].startswith(str(tmp_path / "scratch"))
    assert list((tmp_path / "scratch").iterdir()) == []
    assert_nowhere(["hunter2"], tmp_path, options, repr(source))


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("git@forge: Permission denied (publickey).", "give the private key of a reader"),
        ("Host key verification failed.", "let the controller's ssh know the host"),
        ("Load key: error in libcrypto", "source.deploy_key is not a whole private key"),
    ],
)
def test_refused_key_is_said_and_removed(tmp_path, ssh, said, remedy):
    ssh(said, 255)
    (tmp_path / "scratch").mkdir()
    source = Repository("git@forge:x.git", tmp_path / "cache", deploy_key=KEY, scratch=f"{tmp_path}/scratch")
    with pytest.raises(SourceError) as caught:
        collect(source)
    message = str(caught.value)
    assert message.startswith("reading 'main' from git@forge:x.git failed:\n")
    assert said in message
    assert remedy in message
    assert list((tmp_path / "scratch").iterdir()) == []
    assert_nowhere(["hunter2"], tmp_path, message)


def test_password_in_an_ssh_url_is_refused_before_ssh_could_show_it(tmp_path, ssh):
    source = Repository("ssh://git:hunter2@forge/x.git", tmp_path / "cache")
    with pytest.raises(SourceError, match=r"ssh://\*\*\*@forge/x\.git holds a password"):
        collect(source)
    assert not ssh().exists()


def test_own_ssh_command_is_kept_beside_the_key(forge, tmp_path, ssh, monkeypatch):
    path = forge.make("shop", app="one")
    monkeypatch.setenv("GIT_SSH_COMMAND", "ssh -o UserKnownHostsFile=/x")
    collect(Repository(f"ssh://git@forge{path}/.git", tmp_path / "cache", deploy_key=KEY))
    text = ssh().read_text()
    assert "UserKnownHostsFile=/x" in text
    assert "IdentitiesOnly=yes" in text


def test_helper_gives_git_the_credentials_for_its_place_alone(tmp_path):
    source = Repository("https://bob:p%40ss@git.example.com/shop.git", tmp_path)
    with source._access() as (options, more):
        for host, known in (("git.example.com", True), ("other.example.com", False)):
            arguments = [*options, "-c", "core.askPass=false", "credential", "fill"]
            typed = f"protocol=https\nhost={host}\n\n".encode()
            if known:
                printed = _git.git(*arguments, typed=typed, more=more)
                assert b"username=bob\n" in printed
                assert b"password=p@ss\n" in printed
            else:
                with pytest.raises(GitError):
                    _git.git(*arguments, typed=typed, more=more)


def test_git_never_asks_and_forgets_the_surrounding_repository(monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/somewhere")
    printed = _git.git("-c", "alias.e=!env", "e").decode()
    assert "GIT_TERMINAL_PROMPT=0" in printed
    assert "BatchMode=yes" in printed
    assert "GIT_DIR=/somewhere" not in printed


@pytest.mark.parametrize("name", ["GIT_TRACE", "GIT_TRACE_CURL", "GIT_TRACE2_EVENT", "GIT_CURL_VERBOSE"])
def test_traces_that_could_tell_are_off(monkeypatch, tmp_path, name):
    monkeypatch.setenv(name, str(tmp_path / "trace"))
    assert f"\n{name}=" not in _git.git("-c", "alias.e=!env", "e").decode()
    assert not (tmp_path / "trace").exists()


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/shop.git", "git://127.0.0.1:9/shop.git"])
def test_a_transport_that_the_manifest_refuses_is_not_used(url):
    with pytest.raises(GitError, match=r"transport .(http|git). not allowed"):
        _git.git("ls-remote", url)
