"""Commands that run under watch, and errors that say what to do next."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import console


def test_failed_command_shows_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "logs/it.log"
    with pytest.raises(console.ToolError, match=r"(?s)trying: sh ended with 3.*the reason") as caught:
        console.watch(["sh", "-c", "echo the reason; exit 3"], what="trying", log=log, remedy="Mend it")
    assert caught.value.remedy == f"Mend it (log: {log})"


def test_error_ends_with_its_remedy() -> None:
    def action() -> None:
        raise console.ToolError("it broke", "Mend it")

    with pytest.raises(SystemExit) as caught:
        console.main(action)
    assert caught.value.code == "\nerror: it broke\nnext:  Mend it"


def test_long_command_gives_signs_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(console, "HEARTBEAT_SECONDS", 0.1)
    console.watch(["sleep", "0.3"], what="sleeping", log=tmp_path / "log", remedy="none")
    assert "… sleeping" in capsys.readouterr().out


def test_missing_command_does_not_succeed() -> None:
    assert not console.succeeds("no-such-command")
