"""A host that is killed and started again serves without Ansible."""

from __future__ import annotations

import subprocess

import harness
import pytest


@pytest.mark.parametrize("name", harness.host_names())
def test_everything_is_back_after_the_host_was_killed(name, tmp_path):
    host = harness.Host(name, tmp_path)
    before = host.instance("hello")
    subprocess.run(["docker", "kill", name], check=True, capture_output=True)
    subprocess.run(["docker", "start", name], check=True, capture_output=True)
    serving = "curl -sf --max-time 2 -o /dev/null -H 'Host: hello.test' http://127.0.0.1/healthz"
    host.sh(f'timeout 60 sh -c "until {serving}; do sleep 0.2; done"')
    answer = host.get("/", "hello.test", "-H 'Accept: application/json'")
    assert f'"instance":"{before}"' in answer.replace(" ", "")
    assert "tcp" in host.get("/", "tcp.test")
