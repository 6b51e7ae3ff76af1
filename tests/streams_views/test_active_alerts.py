"""An active alert has the values of now."""

from typing import cast

from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import active_alerts
from tests.streams_views.making import START_MS, new_log, seed_project


def test_an_active_alert_says_why_it_changed_last_and_up_to_when_its_numbers_are_true() -> None:
    log = new_log()
    seed_project(log)
    log.settle(60)
    state = cast(ProjectState, log.partition.state("proj_123"))
    (active,) = active_alerts(log.partition.core, state)
    assert (active.reason, active.updated_at_ms, active.value) == ("threshold_crossed", START_MS + 60_000, 4.0)
    log.numbers("proj_123", 30, at=100)  # 29 is missing
    log.settle(400)
    (active,) = active_alerts(log.partition.core, state)
    assert (active.reason, active.updated_at_ms, active.value) == ("findings_rose", START_MS + 160_000, 5.0)
    assert (active.escalation_level, active.acknowledged_by, active.silenced_until_ms) == (0, None, None)
