"""What a person does to an alert, what is told of it, and what changes in the project's state."""

from typing import cast

import msgspec
import pytest

from models.alert import Alert, AlertStatus
from streams.alerting.alert_state import AlertPhase
from streams.project import alert_actions
from streams.project.alert_actions import ActionKind, ActionRefusal, AlertAction, perform, person_of
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import active_alerts
from tests.streams_views.making import CONFLICTS, START_MS, Log, new_log, seed_project


def act(kind: ActionKind, silent_until_ms: int = 0) -> AlertAction:
    return AlertAction(kind=kind, by="mina", comment="on it", silent_until_ms=silent_until_ms)


def gappy() -> tuple[Log, ProjectState]:
    """A project whose integrity alert fires since second 60."""
    log = new_log()
    seed_project(log)
    log.settle(60)
    return log, cast(ProjectState, log.partition.state("proj_123"))


def do(log: Log, state: ProjectState, kind: ActionKind, at: float, **more: int) -> Alert:
    done = perform(log.partition.core, state, "integrity", act(kind, **more), START_MS + round(at * 1000))
    assert isinstance(done, Alert)
    log.partition.touch(state)
    return done


def test_an_acknowledged_alert_names_the_person_and_no_longer_escalates() -> None:
    log, state = gappy()
    assert state.alerts["integrity"].escalates_at_ms == START_MS + 360_000
    told = do(log, state, ActionKind.ACKNOWLEDGE, 90)
    assert (told.status, told.reason, told.acknowledged_by) == (
        AlertStatus.FIRING, "acknowledged_by_person", "mina",
    )  # fmt: skip
    assert (told.updated_at_ms, told.ends_at_ms, told.value) == (START_MS + 90_000, None, 4.0)
    assert person_of(told) == ("mina", "on it")
    assert state.deadline_ms is None  # nothing becomes due any more
    log.partition.emits.clear()
    log.settle(4000)
    assert log.partition.emits == []


def test_an_alert_that_nobody_touched_escalates() -> None:
    log, _ = gappy()
    log.partition.emits.clear()
    log.settle(4000)
    assert [(alert.reason, alert.updated_at_ms) for alert in log.partition.emits] == [
        ("escalated_unacknowledged", START_MS + 360_000)
    ]
    assert person_of(log.partition.emits[0]) == (None, None)


def test_a_silenced_alert_stays_active_and_escalates_after_its_silence() -> None:
    log, state = gappy()
    told = do(log, state, ActionKind.SILENCE, 90, silent_until_ms=START_MS + 1_000_000)
    assert (told.status, told.reason, told.silenced_until_ms) == (
        AlertStatus.FIRING, "silenced_by_person", START_MS + 1_000_000,
    )  # fmt: skip
    assert [alert.alert_key for alert in active_alerts(log.partition.core, state)] == ["integrity:proj_123"]
    log.partition.emits.clear()
    log.settle(4000)
    assert [alert.updated_at_ms for alert in log.partition.emits] == [START_MS + 1_000_000, START_MS + 1_000_001]


def test_a_resolved_alert_is_over_until_there_is_more_trouble() -> None:
    log, state = gappy()
    told = do(log, state, ActionKind.RESOLVE, 90)
    assert (told.status, told.reason, told.ends_at_ms) == (
        AlertStatus.RESOLVED, "resolved_by_person", START_MS + 90_000,
    )  # fmt: skip
    assert state.alerts["integrity"].phase is AlertPhase.HUSHED
    assert active_alerts(log.partition.core, state) == []
    assert "proj_123" not in log.partition.index.alerting
    log.partition.emits.clear()
    log.numbers("proj_123", 30, at=100)  # 29 is missing
    log.settle(200)
    assert [(alert.status, alert.value) for alert in log.partition.emits] == [(AlertStatus.FIRING, 5.0)]


def test_a_resolved_rate_remembers_how_many_operations_were_bad() -> None:
    log = new_log()
    for second in range(3):
        log.conflict("p", at=second)
    state = cast(ProjectState, log.partition.state("p"))
    told = perform(log.partition.core, state, CONFLICTS.rule_id, act(ActionKind.RESOLVE), START_MS + 3000)
    assert isinstance(told, Alert)
    assert (told.value, told.sample_size) == (100.0, 3)
    assert state.alerts[CONFLICTS.rule_id].hushed_at_bad == 3


@pytest.mark.parametrize("rule_id", ["failures", "no-such-rule"])
def test_an_alert_that_is_not_active_cannot_be_acted_on(rule_id: str) -> None:
    log, state = gappy()
    assert perform(log.partition.core, state, rule_id, act(ActionKind.RESOLVE), START_MS) is ActionRefusal.NOT_ACTIVE


@pytest.mark.parametrize("kind", list(ActionKind))
def test_what_a_person_resolved_cannot_be_acted_on_again(kind: ActionKind) -> None:
    log, state = gappy()
    do(log, state, ActionKind.RESOLVE, 90)
    done = perform(log.partition.core, state, "integrity", act(kind), START_MS + 91_000)
    assert done is ActionRefusal.RESOLVED_BY_PERSON


def test_an_act_that_could_not_be_told_is_taken_back() -> None:
    log, state = gappy()
    before, deadline_ms = msgspec.structs.replace(state.alerts["integrity"]), state.deadline_ms
    perform(log.partition.core, state, "integrity", act(ActionKind.RESOLVE), START_MS + 90_000)
    alert_actions.take_back(log.partition.core, state, "integrity", before)
    assert state.alerts["integrity"].phase is AlertPhase.FIRING
    assert state.deadline_ms == deadline_ms == START_MS + 360_000


def test_an_active_alert_says_why_it_changed_last_and_up_to_when_its_numbers_are_true() -> None:
    log, state = gappy()
    (active,) = active_alerts(log.partition.core, state)
    assert (active.reason, active.updated_at_ms) == ("threshold_crossed", START_MS + 60_000)
    log.settle(400)
    (active,) = active_alerts(log.partition.core, state)
    assert (active.reason, active.escalation_level) == ("escalated_unacknowledged", 1)
    assert active.updated_at_ms == max(START_MS + 360_000, state.now_ms)
    do(log, state, ActionKind.ACKNOWLEDGE, 401)
    (active,) = active_alerts(log.partition.core, state)
    assert active.reason == "acknowledged_by_person"


def test_what_a_person_resolved_says_that_it_may_go_on() -> None:
    log, state = gappy()
    told = do(log, state, ActionKind.RESOLVE, 90)
    assert told.description.startswith(
        "Resolved by mina, not by the numbers, which may still be bad. Project proj_123 "
    )
