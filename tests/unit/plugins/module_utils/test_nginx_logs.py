"""The logs of sites."""

from __future__ import annotations

import grp
import os
import pwd

import pytest
from ansible_collections.webstack.python.plugins.module_utils import _nginx_logs


@pytest.fixture
def me():
    return {"owner": pwd.getpwuid(os.getuid()).pw_name, "group": grp.getgrgid(os.getgid()).gr_name}


def test_logs_are_made_that_not_every_user_may_read(tmp_path, me):
    _nginx_logs.make(["shop", "blog"], tmp_path, **me)
    found = {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(
        ("shop.access.log", "shop.error.log", "blog.access.log", "blog.error.log"), "0o640"
    )


def test_what_is_there_stays_as_it_is(tmp_path, me):
    log = tmp_path / "shop.access.log"
    log.write_text("a line\n")
    log.chmod(0o600)
    (tmp_path / "shop.error.log").symlink_to(tmp_path / "elsewhere")
    _nginx_logs.make(["shop"], tmp_path, **me)
    assert log.read_text() == "a line\n"
    assert log.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "elsewhere").exists()
