"""Who acts in the demo, when, and the lines that tell of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from episode_monitor.demo.alert_log import line_of_entry, line_of_step
from episode_monitor.demo.alerting_files import EXAMPLES, settings_of, write_alerting_files
from episode_monitor.demo.person import due
from episode_monitor.settings.alerting_files import load_alerting, load_on_call

ESCALATED, ACKNOWLEDGED = "escalated_unacknowledged", "acknowledged_by_person"


def alert(*reasons: tuple[str, int], status: str = "firing", by: str | None = None) -> dict[str, Any]:
    lines = [{"reason": reason, "at": f"2026-01-31T09:00:{second:02}.000Z"} for reason, second in reasons]
    return {"status": status, "acknowledged_by": by, "timeline": lines}


def at(second: int) -> datetime:
    return datetime(2026, 1, 31, 9, 0, second, tzinfo=UTC)


def test_the_person_acknowledges_ten_seconds_after_the_page_and_repairs_ten_seconds_later() -> None:
    escalated = alert(("threshold_crossed", 1), (ESCALATED, 20))
    assert [due(escalated, at(second)) for second in (29, 30)] == ["", "acknowledge"]
    taken = alert((ESCALATED, 20), (ACKNOWLEDGED, 31), by="kim")
    assert [due(taken, at(second)) for second in (40, 41)] == ["", "repair"]


def test_a_reader_who_acknowledges_first_spares_the_page_and_the_project_is_repaired() -> None:
    assert due(alert((ACKNOWLEDGED, 5), by="mina"), at(15)) == "repair"


@pytest.mark.parametrize("found", [None, alert(), alert((ESCALATED, 0), status="resolved"), alert(by="mina")])
def test_nothing_is_due_before_there_is_something_to_do(found: Any) -> None:
    assert due(found, at(59)) == ""


def step(reason: str, status: str = "firing", **changes: Any) -> dict[str, Any]:
    known = {"alert_key": "r:p", "status": status, "severity": "critical", "description": "1 gap [4]."}
    return {"at": "2026-01-31T09:00:01.000Z", "reason": reason, "by": None, "comment": None, "alert": known, **changes}


def test_a_line_says_what_happened_who_did_it_and_why() -> None:
    assert [
        line_of_step(step("threshold_crossed")),
        line_of_step(step(ESCALATED)),
        line_of_step(step(ACKNOWLEDGED, by="kim", comment="I look")),
        line_of_step(step("back_to_normal", "resolved")),
        line_of_step(step("resolved_by_person", "resolved", by="kim")),
        line_of_step(step("silenced_by_person", by="kim")),
    ] == [
        "09:00:01 [red]CRITICAL    [/red] r:p 1 gap [4].",
        "09:00:01 [red]ESCALATED   [/red] r:p not acknowledged in time",
        "09:00:01 [magenta]ACKNOWLEDGED[/magenta] r:p by kim: I look",
        "09:00:01 [green]RESOLVED    [/green] r:p back to normal",
        "09:00:01 [green]RESOLVED    [/green] r:p by kim",
        "09:00:01 [red]ACT         [/red] r:p silenced by person: kim",
    ]


def test_a_line_says_what_a_receiver_got() -> None:
    entry = {
        "received_at": "2026-01-31T09:00:02.000Z", "sink": "pagerduty", "severity": "critical", "project_id": "p",
        "title": "Gaps", "text": "1 gap. On call: kim.", "by": "", "comment": "", "status": 202,
    }  # fmt: skip
    assert line_of_entry(entry) == "09:00:02   [red]->[/red] on-call got CRITICAL p: 1 gap. On call: kim."
    refused = {**entry, "sink": "slack", "severity": "resolved", "status": 503}
    assert line_of_entry(refused).endswith("team's Slack got RESOLVED p: Gaps (answered 503)")


def test_the_files_of_the_demo_have_its_addresses_and_are_read(tmp_path: Any) -> None:
    write_alerting_files(tmp_path, "http://127.0.0.1:9999", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    names = settings_of(tmp_path)
    found = load_alerting(tmp_path / "alerting.yaml")
    assert [receiver.name for receiver in found.receivers] == ["team", "on-call"]
    assert "8003" not in (tmp_path / "alerting.yaml").read_text()
    chains = load_on_call(tmp_path / "oncall.yaml", None).chains
    assert [chain.name for chain in chains] == ["critical"]
    assert names == {
        "ALERTING_FILE": str(tmp_path / "alerting.yaml"), "ONCALL_FILE": str(tmp_path / "oncall.yaml"),
    }  # fmt: skip
    assert sorted(path.name for path in EXAMPLES.iterdir()) == ["alerting.yaml", "oncall.yaml"]
