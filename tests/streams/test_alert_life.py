"""The life of an alert, sentence by sentence: pending, firing, escalated, acknowledged, silenced, hushed, resolved."""

from hashlib import blake2b
from typing import Any

import pytest

from models.alert import Alert, Severity
from streams.alerting import rule_types
from streams.alerting.alert_state import AlertPhase
from streams.alerting.rule import Rule
from streams.project.alert_actions import ActionKind, ActionRefusal, AlertAction, perform, person_of
from streams.project.rule_evaluator import active_alerts
from streams.project.state_codec import head_of
from tests.streams.driving import CONFLICT, FAILURE, INTEGRITY, PROJECT, SHIPPED, Driven, at_ms, core_with, rule, told


def failing(**changes: Any) -> Rule:
    """Failure rate above 50 % over 10 minutes."""
    return rule(rule_types.FAILURE_RATE, "50", **{"rule_id": "f", "window_minutes": 10, **changes})


def states(alerts: list[Alert]) -> list[tuple[str, str, float]]:
    """Transitions as (status, reason, seconds)."""
    return [(status, reason, at) for _, status, reason, at in told(alerts)]


def act(project: Driven, rule_id: str, kind: ActionKind, at: float, minutes: int = 0) -> Alert | ActionRefusal:
    """Somebody does something."""
    done = AlertAction(kind=kind, by="kim", comment="on it", silent_until_ms=at_ms(at + 60 * minutes))
    return perform(project.core, project.state, rule_id, done, at_ms(at))


# --- firing and resolving


def test_a_crossed_threshold_fires_at_once_and_resolves_when_the_window_without_it_is_final() -> None:
    p = Driven(core_with(failing()))
    p.failed(0.5)
    p.created(100, 1)
    p.until(159.999)
    assert states(p.alerts) == [("firing", "threshold_crossed", 0.5)]
    p.until(160)
    assert states(p.alerts[1:]) == [("resolved", "back_to_normal", 160)]
    p = Driven(core_with(failing()))
    p.failed(0.5)
    p.failed(200)
    p.until(5000)
    assert states(p.alerts) == [("firing", "threshold_crossed", 0.5), ("resolved", "no_operations", 860)]


def test_an_alert_that_ends_because_good_operations_came_says_back_to_normal_and_shows_the_rate() -> None:
    p = Driven(core_with(failing()))
    p.failed(0)
    p.created(1, 1)
    p.until(61)
    assert [(a.status.value, a.value, a.sample_size, a.ends_at_ms) for a in p.alerts] == [
        ("firing", 100.0, 1, None),
        ("resolved", 50.0, 2, at_ms(61)),
    ]


def test_a_transition_bears_the_time_at_which_it_became_due_however_late_anybody_looks() -> None:
    p = Driven(core_with(failing(), INTEGRITY))
    p.failed(0)
    p.created(1, 2)
    p.created(86_400, 3)
    assert told(p.alerts) == [
        ("f", "firing", "threshold_crossed", 0),
        ("f", "resolved", "back_to_normal", 61),
        ("integrity", "firing", "threshold_crossed", 61),
        ("integrity", "firing", "escalated_unacknowledged", 361),
    ]


def test_a_threshold_may_be_crossed_by_good_operations_leaving_the_window() -> None:
    p = Driven(core_with(failing()))
    p.endings(0, 3)
    p.endings(300, 2, failed=2)
    p.until(599.999)
    assert p.alerts == [], "2 of 5"
    p.until(600)
    assert states(p.alerts) == [("firing", "threshold_crossed", 600)]


# --- enough to judge by


def test_below_min_samples_nothing_fires_and_with_them_it_does() -> None:
    p = Driven(core_with(failing(min_samples=4)))
    p.endings(0, 3, failed=3)
    assert p.alerts == []
    p.created(1, 1)
    assert states(p.alerts) == [("firing", "threshold_crossed", 1)], "a good operation made the sample large enough"


def test_an_alert_whose_sample_becomes_too_small_ends_as_insufficient_data() -> None:
    p = Driven(core_with(failing(min_samples=2)))
    p.failed(0)
    p.failed(100)
    p.until(1000)
    assert states(p.alerts) == [("firing", "threshold_crossed", 100), ("resolved", "insufficient_data", 660)]


def test_with_threshold_0_too_a_good_operation_may_make_the_sample_large_enough() -> None:
    p = Driven(core_with(rule(rule_types.FAILURE_RATE, "0", min_samples=2)))
    p.failed(0)
    p.created(1, 1)
    assert states(p.alerts) == [("firing", "threshold_crossed", 1)]


def test_fewer_bad_ones_than_min_bad_never_fire() -> None:
    p = Driven(core_with(failing(min_bad=3)))
    p.failed(0)
    p.failed(1)
    assert p.alerts == []
    p.failed(2)
    assert states(p.alerts) == [("firing", "threshold_crossed", 2)]


# --- waiting before and after


def test_for_seconds_it_is_pending_first_and_fires_when_it_was_crossed_for_so_long() -> None:
    p = Driven(core_with(failing(for_seconds=30)))
    p.failed(0)
    p.until(29.999)
    assert states(p.alerts) == [("pending", "threshold_crossed", 0)]
    p.until(30)
    assert states(p.alerts[1:]) == [("firing", "crossed_for_long_enough", 30)]
    assert (p.alerts[0].alert_id, p.alerts[0].starts_at_ms) == (p.alerts[1].alert_id, at_ms(0))
    assert p.alerts[1].starts_at_ms == at_ms(30)


def test_a_pending_alert_that_clears_never_fired() -> None:
    p = Driven(core_with(failing(for_seconds=30)))
    p.failed(0)
    p.created(29, 1)
    p.until(5000)
    assert states(p.alerts) == [("pending", "threshold_crossed", 0), ("resolved", "cleared_before_firing", 29)]


def test_keep_firing_seconds_bridge_a_calm_moment() -> None:
    p = Driven(core_with(failing(keep_firing_seconds=60)))
    p.failed(0)
    p.created(10, 1)
    p.failed(69.999)
    p.until(70)
    assert states(p.alerts) == [("firing", "threshold_crossed", 0)]
    p.created(100, 2)
    p.until(159.999)
    assert len(p.alerts) == 1
    p.until(160)
    assert states(p.alerts[1:]) == [("resolved", "back_to_normal", 160)]


# --- escalation


def test_a_critical_alert_escalates_after_5_minutes_unacknowledged_and_only_once() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.until(359.999)
    assert states(p.alerts) == [("firing", "threshold_crossed", 60)]
    p.until(10_000)
    assert states(p.alerts[1:]) == [("firing", "escalated_unacknowledged", 360)]
    assert [(a.escalation_level, a.transition_id.split(":")[1:]) for a in p.alerts] == [
        (0, ["firing", "0"]),
        (1, ["firing", "1"]),
    ]
    assert p.alerts[0].alert_id == p.alerts[1].alert_id


def test_a_warning_never_escalates() -> None:
    p = Driven(core_with(failing(severity=Severity.WARNING, window_minutes=60)))
    p.failed(0)
    p.until(3599)
    assert states(p.alerts) == [("firing", "threshold_crossed", 0)]


def test_an_integrity_violation_is_critical_at_once() -> None:
    p = Driven()
    p.created(0, 2)
    p.until(60)
    assert [(a.severity, a.alert_type, a.value, a.sample_size) for a in p.alerts] == [
        (Severity.CRITICAL, "INTEGRITY_VIOLATION", 1.0, 1)
    ]


def test_a_resolved_transition_keeps_the_level_to_which_it_had_escalated() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.until(400)
    p.created(401, 1)
    assert (p.alerts[-1].status.value, p.alerts[-1].escalation_level) == ("resolved", 1)


# --- what people do


def test_acknowledging_stops_the_escalation() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.until(60)
    answer = act(p, "integrity", ActionKind.ACKNOWLEDGE, 100)
    assert isinstance(answer, Alert)
    assert (answer.acknowledged_by, answer.status.value) == ("kim", "firing")
    p.until(10_000)
    assert len(p.alerts) == 1


def test_silence_postpones_the_escalation_until_it_ends() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.until(60)
    act(p, "integrity", ActionKind.SILENCE, 100, minutes=30)
    p.created(1000, 3)
    p.until(1899.999)
    assert len(p.alerts) == 1
    p.until(1900.001)
    assert states(p.alerts[1:]) == [
        ("firing", "silence_ended", 1900),  # to the team
        ("firing", "escalated_unacknowledged", 1900.001),  # to those on call
    ]


def test_an_alert_that_outlives_its_silence_is_told_once_more_under_a_name_of_its_own() -> None:
    p = Driven(core_with(failing()))
    p.failed(0)
    act(p, "f", ActionKind.SILENCE, 10, minutes=5)
    p.until(5000)
    assert states(p.alerts) == [
        ("firing", "threshold_crossed", 0),
        ("firing", "silence_ended", 310),
        ("resolved", "no_operations", 660),
    ]
    first, again, _ = p.alerts
    assert (again.alert_id, again.silenced_until_ms) == (first.alert_id, None)
    assert again.transition_id == f"{first.transition_id}:{at_ms(310)}", "what was delivered before does not hide it"


def test_an_alert_that_ends_within_its_silence_is_not_told_again() -> None:
    p = Driven(core_with(failing()))
    p.failed(0)
    act(p, "f", ActionKind.SILENCE, 10, minutes=30)
    p.until(5000)
    assert states(p.alerts[1:]) == [("resolved", "no_operations", 660)]


def test_a_silence_that_ended_while_the_alert_was_pending_is_forgotten() -> None:
    p = Driven(core_with(failing(for_seconds=300)))
    p.failed(0)
    act(p, "f", ActionKind.SILENCE, 10, minutes=1)
    p.until(500)
    assert states(p.alerts[1:]) == [("firing", "crossed_for_long_enough", 300)]
    assert p.alerts[1].silenced_until_ms is None


def test_an_alert_that_began_to_fire_in_silence_is_told_when_it_ends() -> None:
    p = Driven(core_with(failing(for_seconds=60)))
    p.failed(0)
    act(p, "f", ActionKind.SILENCE, 10, minutes=5)
    p.until(500)
    assert states(p.alerts[1:]) == [("firing", "crossed_for_long_enough", 60), ("firing", "silence_ended", 310)]


def test_a_longer_silence_takes_the_place_of_a_shorter_one() -> None:
    p = Driven(core_with(failing()))
    p.failed(0)
    act(p, "f", ActionKind.SILENCE, 10, minutes=1)
    act(p, "f", ActionKind.SILENCE, 20, minutes=5)
    p.until(500)
    assert states(p.alerts[1:]) == [("firing", "silence_ended", 320)]


def test_silence_goes_on_when_other_rules_move() -> None:
    p = Driven(core_with(INTEGRITY, failing()))
    p.created(0, 2)
    p.until(60)
    act(p, "integrity", ActionKind.SILENCE, 100, minutes=30)
    p.failed(200)
    assert [a.silenced_until_ms for a in active_alerts(p.core, p.state) if a.rule_id == "integrity"] == [at_ms(1900)]


def test_after_a_manual_resolve_the_same_gap_is_silent_and_a_new_one_is_not() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.until(60)
    answer = act(p, "integrity", ActionKind.RESOLVE, 70)
    assert isinstance(answer, Alert)
    assert (answer.status.value, answer.reason, answer.ends_at_ms) == ("resolved", "resolved_by_person", at_ms(70))
    assert active_alerts(p.core, p.state) == []
    assert head_of(p.state).alerts == 0
    p.until(5000)
    assert len(p.alerts) == 1, "the old gap is still there, and silent"
    p.created(5000, 4)
    p.until(6000)
    assert states(p.alerts[1:]) == [
        ("firing", "threshold_crossed", 5060),
        ("firing", "escalated_unacknowledged", 5360),
    ]
    assert p.alerts[1].alert_id != p.alerts[0].alert_id


def test_a_hushed_alert_that_got_better_speaks_again_when_it_gets_worse() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 4)
    p.until(60)
    act(p, "integrity", ActionKind.RESOLVE, 70)
    p.created(100, 2)  # 3 gaps become 2
    p.deleted(200, "ep-2")  # and 3 again
    p.until(300)
    assert states(p.alerts[1:]) == [("firing", "threshold_crossed", 260)]


def test_a_hushed_rate_is_silent_until_it_was_content_once() -> None:
    p = Driven(core_with(failing()))
    p.failed(0)
    act(p, "f", ActionKind.RESOLVE, 1)
    p.failed(2)
    p.failed(3)
    assert len(p.alerts) == 1
    p.endings(4, 3)
    p.failed(10)
    assert states(p.alerts[1:]) == [("firing", "threshold_crossed", 10)]


def test_a_pending_alert_that_a_person_ends_leaves_as_one_that_never_fired() -> None:
    p = Driven(core_with(failing(for_seconds=300)))
    p.failed(0)
    answer = act(p, "f", ActionKind.RESOLVE, 10)
    assert isinstance(answer, Alert)
    assert (answer.status.value, answer.reason) == ("resolved", "cleared_before_firing")
    assert person_of(answer) == ("kim", "on it")
    p.until(500)
    assert len(p.alerts) == 1, "and it stays quiet"


def test_what_is_content_or_hushed_already_cannot_be_acted_upon() -> None:
    p = Driven(core_with(INTEGRITY))
    assert act(p, "integrity", ActionKind.RESOLVE, 0) is ActionRefusal.NOT_ACTIVE
    assert act(p, "no such rule", ActionKind.RESOLVE, 0) is ActionRefusal.NOT_ACTIVE
    p.created(0, 2)
    p.until(60)
    act(p, "integrity", ActionKind.RESOLVE, 70)
    assert act(p, "integrity", ActionKind.ACKNOWLEDGE, 80) is ActionRefusal.RESOLVED_BY_PERSON
    assert p.state.alerts["integrity"].phase is AlertPhase.HUSHED


# --- identity


def test_an_alert_id_is_computed_from_rule_project_and_start() -> None:
    p = Driven(core_with(failing()))
    p.failed(0)
    expected = blake2b(f"f\0{PROJECT}\0{at_ms(0)}".encode(), digest_size=12).hexdigest()
    assert (p.alerts[0].alert_key, p.alerts[0].alert_id) == (f"f:{PROJECT}", expected)


def test_the_same_events_give_the_same_ids_and_another_firing_another_one() -> None:
    def ids() -> list[str]:
        p = Driven(core_with(failing()))
        p.failed(0)
        p.created(1, 1)
        p.failed(62)
        return [alert.alert_id for alert in p.alerts]

    assert ids() == ids()
    first, resolved, second = ids()
    assert first == resolved != second


def test_two_alerts_that_begin_within_one_millisecond_have_different_ids() -> None:
    """As when one sender's clock is ahead: time stands still while the others' events come in behind it."""
    p = Driven(core_with(failing(for_seconds=30)))
    p.failed(10)
    p.endings(5, 1)
    p.failed(6)
    p.endings(7, 1)
    p.failed(8)
    assert states(p.alerts) == [
        ("pending", "threshold_crossed", 10),
        ("resolved", "cleared_before_firing", 10),
        ("pending", "threshold_crossed", 10),
        ("resolved", "cleared_before_firing", 10),
        ("pending", "threshold_crossed", 10),
    ]
    assert len({alert.transition_id for alert in p.alerts}) == 5


def test_alerts_of_different_rules_and_projects_have_different_keys() -> None:
    p = Driven(core_with(failing(), failing(rule_id="g")))
    p.failed(0)
    assert [a.alert_key for a in p.alerts] == [f"f:{PROJECT}", f"g:{PROJECT}"]
    assert p.alerts[0].alert_id != p.alerts[1].alert_id


# --- what it says


def test_an_alert_carries_the_words_of_its_rule() -> None:
    spoken = failing(
        description="Too many failures", labels={"team": "dev"}, annotations={"a": "b"}, runbook_url="https://run/book"
    )
    p = Driven(core_with(spoken, dashboard_url="https://dash"))
    p.failed(0, traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    (alert,) = p.alerts
    assert alert.title == f"Too many failures ({PROJECT})"
    assert alert.description == (
        f"Project {PROJECT}: 100 % of 1 operation in the last 10 minutes; the threshold is 50 %."
    )
    assert (alert.value, alert.threshold, alert.window_minutes, alert.sample_size) == (100.0, 50.0, 10, 1)
    assert (alert.labels, alert.annotations) == ({"team": "dev"}, {"a": "b"})
    assert (alert.runbook_url, alert.dashboard_url) == (
        "https://run/book",
        f"https://dash/#/alert?key={alert.alert_key.replace(':', '%3A')}",
    )
    assert alert.trace_ids == ["4bf92f3577b34da6a3ce929d0e0e4736"]


def test_a_slow_alert_shows_the_p95_within_one_percent() -> None:
    p = Driven(core_with(*SHIPPED))
    p.created(0, 1, duration_seconds=7.0)
    (alert,) = p.alerts
    assert alert.value == pytest.approx(7.0, rel=0.01)
    assert (alert.threshold, alert.alert_type) == (5.0, "SLOW_CREATION")


def test_an_integrity_alert_counts_gaps_and_duplicates() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 1)
    p.created(0, 4)
    p.created(0, 4, "twin")
    p.until(60)
    assert (p.alerts[0].value, p.alerts[0].window_minutes) == (3.0, None)
    assert p.alerts[0].description == (
        f"Project {PROJECT} has 2 missing and 1 duplicate number among 3 episodes (highest number 4)."
    )


def test_active_alerts_are_the_pending_and_the_firing_ones_with_the_values_of_now() -> None:
    p = Driven(core_with(FAILURE, CONFLICT, INTEGRITY, failing(for_seconds=100)))
    p.failed(0)
    p.failed(1)
    found = {alert.rule_id: (alert.status.value, alert.value) for alert in active_alerts(p.core, p.state)}
    assert found == {"failure_rate": ("firing", 100.0), "f": ("pending", 100.0)}


def test_an_estimate_never_contradicts_the_exact_count() -> None:
    """5.02 s of creations, of which the sketch may say 4.98: more than 5 % took longer than the limit all the same."""
    p = Driven(core_with(*SHIPPED))
    for number in range(1, 40):
        p.created(number, number, duration_seconds=5.0 + number / 10_000)
        for alert in p.alerts:
            assert alert.value is not None
            assert alert.value > 5.0
            assert f"{alert.sample_size} of them slower than 5 s; the limit is 5 s." in alert.description
    assert p.alerts
