"""An app from an archive, and one that is a package of an index."""

from __future__ import annotations

import subprocess
import zipfile

import harness
import pytest

WHEELS = "/opt/wheels"


def make_wheel(folder, app, version):
    """Write a wheel whose one module is an app's; return its path."""
    info = f"packaged-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: packaged\nVersion: {version}\nRequires-Dist: idna\n"
    files = {
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": f"packaged.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n",
    }
    path = folder / f"packaged-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(app / "web.py", "packaged.py")
        for name, text in files.items():
            packed.writestr(name, text)
    return path


def test_archive_is_deployed_without_its_top_folder(host, tmp_path):
    folder = harness.write_app(tmp_path / "archived-1.0")
    packed = tmp_path / "archived.tar.gz"
    subprocess.run(["tar", "-C", str(tmp_path), "-czf", str(packed), folder.name], check=True)
    app = {**harness.entry("archived", folder), "source": {"archive": str(packed)}}
    host.deploy([app]).succeeded()
    assert host.answer(host="archived.test")["text"] == "one"
    assert host.deploy([app]).succeeded().changed == []

    wrong = {**app, "source": {"archive": str(packed), "checksum": "sha256:" + "0" * 64}}
    assert f"wanted was sha256:{'0' * 64}" in host.deploy([wrong]).refused().message
    assert host.answer(host="archived.test")["text"] == "one"
    host.deploy([{"name": "archived", "state": "absent"}]).succeeded()


@pytest.fixture(scope="module")
def hosts(tmp_path_factory):
    """All hosts of the scenario, with wheels of two versions of an app."""
    folder = tmp_path_factory.mktemp("wheels")
    wheels = [
        make_wheel(folder, harness.write_app(folder / text, text), version)
        for text, version in (("one", "1.0"), ("two", "2.0"))
    ]
    hosts = [harness.Host(name, tmp_path_factory.mktemp(name)) for name in harness.host_names()]
    for host in hosts:
        host.sh(f"mkdir -p {WHEELS}")
        for wheel in wheels:
            subprocess.run(["docker", "cp", "-q", str(wheel), f"{host.name}:{WHEELS}/"], check=True)
    return hosts


def test_package_runs_from_the_virtualenv_and_is_replaced_by_its_next_version(hosts, tmp_path):
    def deploy(version, requirements):
        app = {
            **harness.entry("packaged", tmp_path),
            "app": "packaged:app",
            "source": {"package": f"packaged=={version}"},
            "requirements": requirements,
            "nginx": {"domains": ["packaged.test"]},
        }
        variables = {"python_apps": [app], "python_app_uv_arguments": [f"--find-links={WHEELS}"]}
        return harness.deploy_together(hosts, tmp_path, variables)

    for version, requirements, text in (("1.0", ["idna==3.10"], "one"), ("2.0", "auto", "two")):
        run = deploy(version, requirements)
        assert run.returncode == 0, run.stdout[-3000:]
        for host in hosts:
            assert host.answer(host="packaged.test")["text"] == text
    run = deploy("9.9", "auto")
    assert run.returncode != 0
    assert "packaged==9.9" in run.stdout + run.stderr
    assert "The index that was asked:" in run.stdout + run.stderr
    for host in hosts:
        assert host.answer(host="packaged.test")["text"] == "two"
        host.deploy([{"name": "packaged", "state": "absent"}]).succeeded()
