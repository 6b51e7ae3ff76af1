"""The report of a replay as people read it."""

from pathlib import Path

from tests.replay.support import event
from tests.system.test_commands import run


def test_the_report_lists_findings_alerts_windows_and_useless_records(tmp_path: Path) -> None:
    file = tmp_path / "events.jsonl"
    lines = [
        event("p", 0, "created", "a", 1), event("p", 1, "created", "c", 3), event("p", 7200, "created", "b", 2),
        event("q", 7300, "created", "d", 1), event("q", 7301, "created", "e", 1), b"useless",
    ]  # fmt: skip
    file.write_bytes(b"\n".join(lines))
    ran = run("replay", "--jsonl", str(file), "--until", "2025-10-09T12:00:00Z", COLUMNS="160")
    rows = [[cell.strip() for cell in line.strip("│┃").split("│")] for line in ran.out.splitlines() if "│" in line]
    assert ran.code == 1
    nine, eleven = "2025-10-09T09:01:01.000Z", "2025-10-09T11:00:00.000Z"
    assert [row for row in rows if row[0] == "episode_integrity"] == [
        ["episode_integrity", "p", "critical", nine, eleven],  # fired, resolved
        ["episode_integrity", "q", "critical", "2025-10-09T11:02:41.000Z", ""],
    ]
    since = "2025-10-09T09:00:01.000Z"
    assert ["p", "gap 2", "closed", since, nine, eleven, "0", "1 to 2"] in rows
    assert ["q", "duplicate 1", "open", "2025-10-09T11:01:41.000Z", "2025-10-09T11:02:41.000Z", "", "0", "4"] in rows
    assert [row[:4] for row in rows if "malformed_json" in row] == [["0", "5", "6", "malformed_json"]]
    assert any(row[0] == "episode_failure_rate" for row in rows)
    assert "What people did (acknowledged, silenced, waived) is not replayed" in ran.out
