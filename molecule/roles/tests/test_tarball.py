"""The built collection works in a project that has nothing else."""

from __future__ import annotations

import os
import subprocess

import harness


def test_installed_tarball_deploys_an_app(host, tmp_path):
    def galaxy(*arguments, cwd):
        subprocess.run(["ansible-galaxy", "collection", *arguments], check=True, cwd=cwd, capture_output=True)

    project = tmp_path / "project"
    project.mkdir()
    galaxy("build", "--output-path", str(tmp_path), cwd=harness.ROOT)
    (tarball,) = tmp_path.glob("webstack-python-*.tar.gz")
    installed = project / "collections"
    galaxy("install", "--no-deps", str(tarball), "-p", str(installed), cwd=project)

    # The connection plugin comes from where the tests have theirs; the collection does not.
    elsewhere = tmp_path / "connections/ansible_collections"
    elsewhere.mkdir(parents=True)
    for name in ("community", "ansible"):
        (elsewhere / name).symlink_to(harness.ROOT / ".ansible/collections/ansible_collections" / name)
    environment = {"ANSIBLE_COLLECTIONS_PATH": f"{installed}{os.pathsep}{elsewhere.parent}"}

    apps = [harness.entry("packed", harness.write_app(tmp_path / "packed"))]
    run = host.play(
        {"python_apps": apps}, playbook="webstack.python.site", cwd=project, environment=environment
    ).succeeded()
    assert run.changed
    assert host.answer(host="packed.test")["text"] == "one"
    host.deploy([{"name": "packed", "state": "absent"}]).succeeded()
