"""The life of an alert in the core, sentence by sentence: pending, firing, more findings, resolved."""

from hashlib import blake2b
from typing import Any

import pytest

from models.alert import Alert, Severity
from streams.alerting import rule_types
from streams.alerting.rule import Rule
from streams.project.rule_evaluator import active_alerts
from tests.streams.driving import CONFLICT, FAILURE, INTEGRITY, PROJECT, SHIPPED, Driven, at_ms, core_with, rule, told


def failing(**changes: Any) -> Rule:
    """Failure rate above 50 % over 10 minutes."""
    return rule(rule_types.FAILURE_RATE, "50", **{"rule_id": "f", "window_minutes": 10, **changes})


def states(alerts: list[Alert]) -> list[tuple[str, str, float]]:
    """Transitions as (status, reason, seconds)."""
    return [(status, reason, at) for _, status, reason, at in told(alerts)]


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


# --- findings


def test_an_integrity_violation_is_critical_at_once() -> None:
    p = Driven()
    p.created(0, 2)
    p.until(60)
    assert [(a.severity, a.alert_type, a.value, a.sample_size) for a in p.alerts] == [
        (Severity.CRITICAL, "INTEGRITY_VIOLATION", 1.0, 1)
    ]


def test_more_findings_are_told_of_the_same_alert() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.created(1000, 4)
    p.until(9000)
    assert states(p.alerts) == [("firing", "threshold_crossed", 60), ("firing", "findings_rose", 1060)]
    first, more = p.alerts
    assert (more.alert_id, more.starts_at_ms, more.value) == (first.alert_id, at_ms(60), 2.0)
    assert more.transition_id == f"{first.transition_id}:{at_ms(1060)}", "what was delivered before does not hide it"
    assert more.inputs
    assert (more.inputs.state, more.inputs.bad) == ("firing", 2)
    p.created(9001, 1)
    p.created(9002, 3)
    assert states(p.alerts[2:]) == [("resolved", "back_to_normal", 9002)]


def test_a_storm_of_gaps_is_told_once_a_minute() -> None:
    p = Driven(core_with(INTEGRITY))
    for second in range(200):
        p.created(second, 2 * (second + 1))
    p.until(9000)
    assert [(at, alert.value) for (_, _, at), alert in zip(states(p.alerts), p.alerts, strict=True)] == [
        (60, 1.0), (120, 61.0), (180, 121.0), (240, 181.0), (300, 200.0),
    ]  # fmt: skip


def test_where_there_were_fewer_findings_meanwhile_one_more_is_told() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 4)
    p.until(200)
    p.created(200, 2)  # 3 gaps become 2
    p.deleted(300, "ep-2")  # and 3 again
    p.until(9000)
    assert states(p.alerts[1:]) == [("firing", "findings_rose", 360)]
    assert p.alerts[1].value == 3.0


def test_what_rose_and_fell_within_the_minute_is_not_told() -> None:
    p = Driven(core_with(INTEGRITY))
    p.created(0, 2)
    p.created(10, 4)
    p.created(100, 3)
    p.until(9000)
    assert states(p.alerts) == [("firing", "threshold_crossed", 60)]


def test_findings_below_the_threshold_do_not_rise_while_the_alert_is_kept_firing() -> None:
    p = Driven(core_with(rule(rule_types.INTEGRITY, "2", keep_firing_seconds=3600)))
    p.created(0, 4)
    p.until(100)
    p.created(100, 1)
    p.created(100, 2)
    p.created(200, 6)
    p.until(3699)
    assert states(p.alerts) == [("firing", "threshold_crossed", 60)], "3 findings, then 1, then 2 of 2"
    p.until(3700)
    assert states(p.alerts[1:]) == [("resolved", "back_to_normal", 3700)]


def test_a_rate_that_gets_worse_is_not_told_again() -> None:
    p = Driven(core_with(failing()))
    for second in range(0, 300, 50):
        p.failed(second)
    assert states(p.alerts) == [("firing", "threshold_crossed", 0)]


def test_a_pending_alert_has_no_findings_to_compare_with_until_it_fires() -> None:
    p = Driven(core_with(rule(rule_types.INTEGRITY, "0", for_seconds=300)))
    p.created(0, 2)
    p.created(100, 4)
    p.until(1000)
    assert states(p.alerts) == [("pending", "threshold_crossed", 60), ("firing", "crossed_for_long_enough", 360)]
    assert p.alerts[1].value == 2.0
    (active,) = active_alerts(p.core, p.state)
    assert active.reason == "crossed_for_long_enough"


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
