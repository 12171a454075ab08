"""The report on hosts that give no answer."""

from __future__ import annotations

import json


def test_report_is_made_where_no_host_answers(play, here, away, tmp_path):
    report = tmp_path / "status.json"
    report.write_text("of an earlier run")
    lost = {**here, "ansible_python_interpreter": "/no/python"}
    status, said = play("status.yml", {"away": away, "lost": lost}, "-e", f"json={report}")
    assert status == 2
    rows = json.loads(report.read_text())
    assert [(row["host"], row["app"], row["state"]) for row in rows] == [
        ("away", None, "unknown"),
        ("lost", None, "unknown"),
    ]
    assert rows[0]["message"].startswith("was not reached: Failed to connect to the host via ssh: ")
    assert "/no/python" in rows[1]["message"]
    assert "APP  HOST  STATE" in said
    assert "away was not reached, so it is not known how its apps and certificates are" in said
