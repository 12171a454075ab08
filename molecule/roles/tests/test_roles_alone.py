"""Each role does its part alone, called from a play that is not the collection's."""

from __future__ import annotations

import harness
import pytest
import yaml


@pytest.fixture
def play(host, tmp_path):
    """Return a function that runs one role of the collection from a play of the user's own."""

    def run(role, variables):
        playbook = tmp_path / "theirs.yml"
        task = {"name": role, "hosts": "all", "gather_facts": False, "become": True}
        playbook.write_text(yaml.safe_dump([{**task, "roles": [f"webstack.python.{role}"]}]))
        return host.play(variables, playbook=playbook, cwd=tmp_path)

    return run


def test_python_app_alone_builds_a_release(host, play, tmp_path):
    apps = [harness.entry("single", harness.write_app(tmp_path / "single", requirements="idna==3.10\n"))]
    play("python_app", {"python_apps": apps}).succeeded()
    assert "TEXT = 'one'" in host.sh("cat /srv/single/next/code/web.py")
    host.sh("/srv/single/next/venv/bin/python -c 'import idna, gunicorn'")
    assert host.ti.run("test -e /etc/systemd/system/gunicorn-single.service").rc == 1
    assert play("python_app", {"python_apps": apps}).succeeded().changed == []

    play("python_app", {"python_apps": [{"name": "single", "state": "absent"}]}).succeeded()
    assert not host.ti.file("/srv/single").exists


def test_gunicorn_alone_runs_an_app_that_something_else_installed(host, play, tmp_path):
    host.sh(
        "apt-get -qq update && apt-get -qq install -y --no-install-recommends python3-venv >/dev/null 2>&1"
    )
    host.sh("id theirs || useradd --system theirs")
    host.sh("python3 -m venv /opt/theirs/venv && /opt/theirs/venv/bin/pip -q install gunicorn==27.0.1")
    source = harness.write_app(tmp_path / "theirs")
    code = (source / "web.py").read_text()
    host.sh(f"mkdir -p /opt/theirs/app && cat > /opt/theirs/app/web.py <<'END'\n{code}END")
    app = {
        "name": "theirs",
        "app": "web:app",
        "directory": "/opt/theirs/app",
        "virtualenv": "/opt/theirs/venv",
        "listen": "127.0.0.1:8200",
        "health": {"path": "/healthz"},
    }
    play("gunicorn", {"gunicorn_apps": [app]}).succeeded()
    assert '"text": "one"' in host.sh("curl -sS http://127.0.0.1:8200/")
    assert play("gunicorn", {"gunicorn_apps": [app]}).succeeded().changed == []

    play("gunicorn", {"gunicorn_apps": [{"name": "theirs", "state": "absent"}]}).succeeded()
    assert host.ti.run("curl -sS http://127.0.0.1:8200/").rc == 7
    assert host.ti.file("/opt/theirs/app/web.py").exists


def test_nginx_alone_fronts_a_service_that_something_else_runs(host, play):
    server = "systemd-run --unit=other python3 -m http.server 8300 --bind 127.0.0.1"
    host.sh(f"systemctl is-active -q other || {server}")
    host.sh("timeout 20 sh -c 'until ss -Hlnt | grep -q :8300; do sleep 0.1; done'")
    site = {
        "name": "other",
        "domains": ["other.test"],
        "upstream": {"servers": ["127.0.0.1:8300"]},
    }
    play("nginx", {"nginx_sites": [site]}).succeeded()
    assert "Directory listing" in host.get(host="other.test")
    assert play("nginx", {"nginx_sites": [site]}).succeeded().changed == []


# Keys and types are refused by Ansible's own check of the role's arguments; these are for ours.
WRONG = {
    "python_app": (
        {"python_apps": [{"name": "x", "app": "web:app", "source": {"path": "/no/such/folder"}}]},
        "python_apps[0] (x): source.path",
    ),
    "gunicorn": (
        {
            "gunicorn_apps": [
                {"name": "x", "app": "web:app", "directory": "/x", "virtualenv": "/y", "workers": 0}
            ]
        },
        "gunicorn_apps[0] (x): workers",
    ),
    "nginx": (
        {"nginx_sites": [{"name": "x", "domains": ["a b;"], "upstream": {"servers": ["127.0.0.1:1"]}}]},
        "nginx_sites[0] (x): domains",
    ),
}


@pytest.mark.parametrize("role", WRONG)
def test_role_alone_refuses_a_wrong_list(play, role):
    variables, words = WRONG[role]
    assert words in play(role, variables).refused().message
