"""The built collection works in a project that has nothing else."""

from __future__ import annotations

import os
import subprocess

import harness


def test_installed_tarball_deploys_an_app(host, tmp_path):
    project, installed = tmp_path / "project", tmp_path / "project/collections"
    project.mkdir()

    def galaxy(*arguments, cwd):
        # Without the path on which the tests have the checkout, which would count as installed.
        environment = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(installed)}
        command = ["ansible-galaxy", "collection", *arguments]
        subprocess.run(command, check=True, cwd=cwd, env=environment, capture_output=True)

    galaxy("build", "--output-path", str(tmp_path), cwd=harness.ROOT)
    (tarball,) = tmp_path.glob("webstack-python-*.tar.gz")
    galaxy("install", "--no-deps", str(tarball), "-p", str(installed), cwd=project)
    assert (installed / "ansible_collections/webstack/python/MANIFEST.json").exists()

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
