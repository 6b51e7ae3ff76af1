"""What counts as an operation, and for what, sentence by sentence, with expected values by hand."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faults.facts import counts
from models.event import RetryReason
from streams.alerting import rule_types
from streams.base import outcome_flags, packed_counts
from streams.base.calendar import Calendar
from streams.rates.operations import FLAGS, MAX_DURATION_US, microseconds_of
from tests.streams.driving import CONFLICT, FAILURE, SHIPPED, SLOW, Driven, at_ms, core_with, rule

CREATED = {"attempted": 1, "ended": 1}
FAILED = {"attempted": 1, "ended": 1, "failed": 1}


def project(**settings: Any) -> Driven:
    return Driven(core_with(*SHIPPED, **settings))


def test_every_flag_of_an_ending_fits_into_the_bits_and_the_byte_that_keep_it() -> None:
    all_but_conflicted = ~packed_counts.mask(packed_counts.CONFLICTED)
    flags = outcome_flags.watched(all_but_conflicted) | outcome_flags.SAID_CONFLICT
    assert flags & ~FLAGS == 0, "Operations would drop a flag: FLAG_BITS, `bytes` of StoredOperations, OPEN, KIND_BITS"
    assert FLAGS < 256, "StoredOperations keeps the flags of an operation in one byte"
    assert FLAGS < outcome_flags.OPEN <= outcome_flags.KIND_MASK


# --- durations


@pytest.mark.parametrize(
    ("seconds", "microseconds"),
    [
        (0.0, 0), (5e-7, 0), (1.5e-6, 2), (2.5e-6, 2), (0.012612, 12_612), (5.0, 5_000_000),
        (1e7 - 1e-6, 9_999_999_999_999), (1e7, 10_000_000_000_000), (1e300, 10_000_000_000_000),
    ],
)  # fmt: skip
def test_a_duration_is_kept_in_microseconds_halves_to_the_even_one_and_at_most_115_days(
    seconds: float, microseconds: int
) -> None:
    assert microseconds_of(seconds) == microseconds


@given(st.floats(0.0, 2e7) | st.integers(0, 10**9).map(lambda halves: halves / 2e6))
def test_a_duration_is_rounded_as_python_rounds_it(seconds: float) -> None:
    assert microseconds_of(seconds) == min(round(seconds * 1e6), MAX_DURATION_US)


# --- one operation


def test_an_operation_counts_once_however_many_conflicts_it_met() -> None:
    p = project()
    for second in (0, 1, 2):
        p.conflict(second, "op")
    p.created(3, 1, operation_id="op", retry_count=3, retry_reasons=(RetryReason.CONFLICT,) * 3, had_conflict=True)
    assert p.window(15) == {"attempted": 1, "ended": 1, "conflicted": 1, "retried": 1}
    assert p.state.conflicts_total == 3


def test_a_conflict_whose_operation_has_not_ended_is_an_attempted_conflicted_operation_at_its_own_time() -> None:
    p = project()
    p.conflict(0, "op")
    assert p.window(10) == {"attempted": 1, "conflicted": 1}
    p.failed(600, operation_id="another")
    assert p.window(10) == FAILED, "the conflict left the window at 600 s"


def test_the_ending_replaces_the_conflict_at_its_own_time() -> None:
    p = project()
    p.conflict(0, "op")
    p.failed(300, operation_id="op")
    assert p.window(10) == {"attempted": 1, "ended": 1, "failed": 1, "conflicted": 1}
    p.created(899, 1)
    assert p.window(10) == {"attempted": 2, "ended": 2, "failed": 1, "conflicted": 1}
    p.created(900, 2)
    assert p.window(10) == {"attempted": 2, "ended": 2}


def test_an_ending_that_says_had_conflict_is_conflicted_without_any_conflict_event() -> None:
    p = project()
    p.created(0, 1, had_conflict=True)
    assert p.window(10) == {"attempted": 1, "ended": 1, "conflicted": 1}
    assert p.state.conflicts_total == 1


def test_a_conflict_before_the_ending_makes_it_conflicted_even_if_it_arrives_after_it() -> None:
    p = project()
    p.created(10, 1, operation_id="op")
    p.conflict(9, "op")
    assert p.window(10) == {"attempted": 1, "ended": 1, "conflicted": 1}


def test_a_conflict_after_the_ending_does_not_make_it_conflicted_but_is_its_latest_event() -> None:
    p = project()
    p.created(10, 1, operation_id="op")
    p.conflict(11, "op")
    assert p.window(10) == CREATED
    p.failed(610)
    assert p.window(10) == {"attempted": 2, "ended": 2, "failed": 1}
    p.failed(611)
    assert p.window(10) == {"attempted": 2, "ended": 2, "failed": 2}


def test_an_event_without_an_operation_is_its_own_operation() -> None:
    p = project()
    p.created(0, 1)
    p.created(0, 2)
    p.failed(0)
    assert p.window(15) == {"attempted": 3, "ended": 3, "failed": 1}


def test_of_two_endings_of_one_operation_the_later_counts_in_either_order() -> None:
    for created_first in (False, True):
        p = project()
        if created_first:
            p.created(5, 1, operation_id="op")
        p.failed(0, operation_id="op")
        if not created_first:
            p.created(5, 1, operation_id="op")
        assert p.window(15) == CREATED


def test_a_success_without_a_number_counts_as_an_operation_and_leaves_numbering_alone() -> None:
    p = project()
    p.succeeded(0, operation_id="op", duration_seconds=6.0, episode_id="ep-1", retry_count=1,
                retry_reasons=(RetryReason.ERROR,))  # fmt: skip
    assert p.window(15) == {"attempted": 1, "ended": 1, "retried": 1, "timed": 1, "slow": 1}
    assert p.state.numbering.max_number == 0
    p.failed(1)
    assert p.window(15) == {"attempted": 2, "ended": 2, "retried": 1, "timed": 1, "slow": 1, "failed": 1}


@pytest.mark.parametrize("number_first", [True, False])
def test_a_success_and_the_statement_of_its_number_are_one_operation(number_first: bool) -> None:
    p = project()
    if number_first:
        p.created(1, 1, operation_id="op")
    p.succeeded(2, operation_id="op")
    if not number_first:
        p.created(1, 1, operation_id="op")
    assert p.window(15) == CREATED
    assert p.state.numbering.max_number == 1


def test_open_conflicts_are_remembered_up_to_a_limit_and_the_oldest_goes_first() -> None:
    p = project(open_conflicts_max=2)
    for second, name in enumerate(("oldest", "middle", "newest")):
        p.conflict(second, name)
    p.created(10, 1, operation_id="newest")
    assert p.window(10) == {"attempted": 3, "ended": 1, "conflicted": 3}
    p.created(11, 2, operation_id="oldest")  # forgotten: its conflict stays an operation of its own
    assert p.window(10) == {"attempted": 4, "ended": 2, "conflicted": 3}
    assert len(p.state.operations.open.by_key) == 1


def test_1000_open_conflicts_are_remembered_by_default() -> None:
    p = project()
    for i in range(1001):
        p.conflict(i * 0.01, f"op-{i}")
    p.created(20, 1, operation_id="op-1")
    p.created(20, 2, operation_id="op-0")
    assert p.window(10) == {"attempted": 1002, "ended": 2, "conflicted": 1001}


# --- late


def test_a_late_event_within_the_grace_corrects_the_window() -> None:
    p = project()
    p.created(100, 1)
    p.failed(40)
    assert p.window(15) == {"attempted": 2, "ended": 2, "failed": 1}
    assert p.state.late == 0


def test_a_conflict_as_old_as_the_grace_still_counts_and_an_older_one_does_not() -> None:
    p = project()
    p.created(100, 1)
    p.conflict(40, "op")
    p.conflict(39.999, "another")
    assert p.window(15) == {"attempted": 2, "ended": 1, "conflicted": 1}
    assert p.state.late == 1


def test_an_operation_that_ended_before_the_grace_is_over_for_good() -> None:
    p = project()
    p.created(0, 1, operation_id="op")
    p.created(60.001, 2)
    p.failed(61, operation_id="op")
    assert p.window(15) == {"attempted": 3, "ended": 3, "failed": 1}


def test_a_later_one_counts_as_late_and_leaves_the_rates_alone_but_integrity_takes_it() -> None:
    p = project()
    p.created(100, 1)
    p.created(39.999, 2, retry_count=1, retry_reasons=(RetryReason.ERROR,))
    assert p.window(15) == CREATED
    assert counts(p.state.totals) == CREATED
    assert p.state.late == 1
    assert p.live == [1, 2]
    assert p.state.retries == [0, 0, 1], "a retry was a retry however late it is told"


def test_a_late_event_lands_in_the_second_in_which_it_happened() -> None:
    p = project()
    p.created(30, 1)
    p.failed(0.5)
    p.created(599.999, 2)
    assert p.window(10) == {"attempted": 3, "ended": 3, "failed": 1}
    p.created(600, 3)
    assert p.window(10) == {"attempted": 3, "ended": 3}


def test_late_does_not_mean_late_by_the_clock_of_alerts() -> None:
    p = project()
    p.created(0, 1)
    p.until(0)
    p.created(10, 3)
    p.until(100)  # the gap opened at 70 and moved time there
    assert p.state.now_ms == at_ms(70)
    p.failed(-50)
    assert p.state.late == 0


# --- conflicts, all in all


def test_conflicts_are_conflict_events_and_endings_with_had_conflict_whose_operation_sent_none() -> None:
    p = project()
    p.conflict(0, "a")
    p.conflict(1, "a")
    p.created(2, 1, operation_id="a", had_conflict=True)
    p.created(3, 2, operation_id="b", had_conflict=True)
    p.conflict(4, "c")
    assert p.state.conflicts_total == 2 + 1 + 1


def test_a_conflict_that_arrives_after_its_ending_told_of_it_is_not_counted_twice() -> None:
    p = project()
    p.created(10, 1, operation_id="op", had_conflict=True)
    p.conflict(9, "op")
    assert p.state.conflicts_total == 1
    p.conflict(8, "op")
    assert p.state.conflicts_total == 2


def test_a_late_ending_whose_conflict_is_known_tells_nothing_new() -> None:
    p = project()
    p.conflict(0, "op")
    p.created(100, 1)
    p.created(1, 2, operation_id="op", had_conflict=True)
    assert (p.state.late, p.state.conflicts_total) == (1, 1)
    p.created(2, 3, operation_id="another", had_conflict=True)
    assert (p.state.late, p.state.conflicts_total) == (2, 2)


def test_a_late_conflict_of_an_ending_that_told_of_it_is_not_counted_twice() -> None:
    p = project()
    p.created(50, 1, operation_id="op", had_conflict=True)
    p.created(109, 2)
    p.conflict(48, "op")
    assert (p.state.late, p.state.conflicts_total) == (1, 1)
    assert p.window(15) == {"attempted": 2, "ended": 2, "conflicted": 1}


# --- sent again


def test_an_event_sent_again_is_counted_as_a_resend_and_nothing_else() -> None:
    p = project()
    p.failed(0, event_id="ev")
    p.failed(0, event_id="ev")
    p.created(1, 1, event_id="ev")
    assert p.window(15) == FAILED
    assert (p.state.resends, p.live) == (2, [])


def test_an_event_id_is_recognised_among_the_last_256_events() -> None:
    p = project()
    p.failed(0, event_id="ev")
    for i in range(255):
        p.failed(1 + i * 0.01)
    p.failed(0, event_id="ev")
    assert p.state.resends == 1
    p.failed(5)
    p.failed(0, event_id="ev")
    assert p.state.resends == 1


def test_source_and_sequence_recognise_a_resend_without_limit() -> None:
    p = project()
    for i in range(1000):
        p.created(i * 0.01, i + 1, source="svc", sequence=i)
    p.created(0, 1, source="svc", sequence=0)
    assert p.state.resends == 1
    p.created(0, 1, source="other", sequence=0)
    p.created(0, 1, source="svc")
    assert p.state.resends == 1


# --- backfill


def test_backfill_disturbs_no_rate_no_latency_and_no_counter() -> None:
    p = project()
    p.created(0, 1, backfill=True, duration_seconds=60.0, had_conflict=True, retry_count=1,
              retry_reasons=(RetryReason.CONFLICT,))  # fmt: skip
    assert (p.window(15), counts(p.state.totals), p.state.conflicts_total) == ({}, {}, 0)
    assert (p.state.retries, p.state.late, p.live) == ([0, 0, 0], 0, [1])


def test_backfill_does_not_move_time() -> None:
    p = project()
    p.created(0, 1)
    p.created(1000, 2, backfill=True)
    p.failed(-60)
    assert (p.state.newest_ms, p.state.late) == (at_ms(0), 0)


# --- days


@pytest.mark.parametrize(
    ("zone", "seconds_to_midnight"),
    [
        ("UTC", 54_360),  # START_MS is 2025-10-09T08:54:00Z
        ("Asia/Seoul", 21_960),  # there it is 17:54
        ("America/New_York", 68_760),  # there it is 04:54, in summer time
        ("Asia/Kolkata", 34_560),  # there it is 14:24
    ],
)
def test_today_ends_at_midnight_of_the_monitoring_time_zone(zone: str, seconds_to_midnight: int) -> None:
    p = project(calendar=Calendar(zone))
    today = p.core.calendar.day(at_ms(0))
    p.failed(seconds_to_midnight - 0.001)
    p.created(seconds_to_midnight, 1)
    assert {day: counts(total) for day, total in p.state.days.items()} == {today: FAILED, today + 1: CREATED}


def test_only_today_and_the_day_before_are_kept() -> None:
    p = project()
    today = p.core.calendar.day(at_ms(0))
    p.failed(0)
    p.failed(2 * 86_400)
    assert sorted(p.state.days) == [today + 2]
    p.failed(3 * 86_400)
    assert sorted(p.state.days) == [today + 2, today + 3]


def test_an_operation_that_ends_after_midnight_counts_on_the_new_day_alone() -> None:
    p = project()
    today = p.core.calendar.day(at_ms(0))
    p.conflict(54_359, "op")
    p.created(54_361, 1, operation_id="op")
    assert {day: counts(total) for day, total in p.state.days.items()} == {
        today + 1: {"attempted": 1, "ended": 1, "conflicted": 1}
    }


# --- latency


def test_p95_means_that_more_than_5_percent_took_strictly_longer_than_the_limit() -> None:
    p = Driven(core_with(SLOW))
    for number in range(1, 96):
        p.created(number, number, duration_seconds=0.2)
    for number in range(96, 101):
        p.created(100, number, duration_seconds=9.0)
    assert p.window(15) == {"attempted": 100, "ended": 100, "timed": 100, "slow": 5}
    assert p.alerts == [], "5 of 100 is not more than 5 %"
    p.created(101, 101, duration_seconds=5.0)
    assert p.alerts == [], "5 s is not strictly longer than 5 s"
    p.created(102, 102, duration_seconds=5.000001)
    assert [(alert.alert_type, alert.status.value) for alert in p.alerts] == [("SLOW_CREATION", "firing")]
    assert p.alerts[0].sample_size == 102


def test_an_ending_without_a_duration_is_ended_and_not_slow() -> None:
    p = Driven(core_with(SLOW))
    p.created(0, 1)
    p.failed(1, duration_seconds=6.0)
    assert p.window(15) == {"attempted": 2, "ended": 2, "failed": 1, "timed": 1, "slow": 1}
    assert [alert.status.value for alert in p.alerts] == ["firing"]


def test_absurd_durations_do_no_harm() -> None:
    p = Driven(core_with(SLOW))
    p.created(0, 1, duration_seconds=1.7e308)
    p.created(0, 2, duration_seconds=0.0)
    p.created(0, 3, duration_seconds=5e-324)
    assert p.window(15) == {"attempted": 3, "ended": 3, "timed": 3, "slow": 1}


# --- rates against thresholds


def test_1_of_100_is_not_above_1_percent_and_2_of_100_is() -> None:
    p = Driven(core_with(FAILURE))
    p.endings(0, 99, apart=0.1)
    p.failed(10)
    assert p.window(15) == {"attempted": 100, "ended": 100, "failed": 1}
    assert p.alerts == []
    p = Driven(core_with(rule(rule_types.FAILURE_RATE, "1.0", min_samples=100)))
    p.endings(0, 100, failed=2, apart=0.1)
    assert p.window(15) == {"attempted": 100, "ended": 100, "failed": 2}
    assert [(alert.status.value, alert.value, alert.sample_size) for alert in p.alerts] == [("firing", 2.0, 100)]


def test_a_rate_is_compared_exactly_where_floats_would_round() -> None:
    p = Driven(core_with(rule(rule_types.FAILURE_RATE, "33.3333333333333333")))
    p.endings(0, 2)
    p.failed(1)  # a third is 33.333… % and strictly greater, though equal as a float
    assert [alert.status.value for alert in p.alerts] == ["firing"]
    p = Driven(core_with(rule(rule_types.FAILURE_RATE, "33.3333333333333334")))
    p.endings(0, 2)
    p.failed(1)
    assert p.alerts == []


def test_the_conflict_rate_is_of_attempted_and_the_failure_rate_of_ended_operations() -> None:
    p = Driven(core_with(rule(rule_types.FAILURE_RATE, "40", min_samples=2), rule(rule_types.CONFLICT_RATE, "60")))
    p.created(0, 1)
    p.conflict(1, "open")
    assert p.alerts == [], "1 of 2 attempted"
    p.conflict(2, "open too")
    assert [(alert.rule_id, alert.sample_size) for alert in p.alerts] == [("conflict_rate", 3)]
    p.failed(3)
    p.until(63)
    assert [(alert.rule_id, alert.status.value, alert.value, alert.sample_size) for alert in p.alerts[1:]] == [
        ("failure_rate", "firing", 50.0, 2),
        ("conflict_rate", "resolved", 50.0, 4),
    ]


def test_the_retry_rate_counts_operations_with_retries_not_retries() -> None:
    p = Driven(core_with(rule(rule_types.RETRY_RATE, "50")))
    p.created(0, 1)
    p.created(0, 2, retry_count=9, retry_reasons=(RetryReason.TIMEOUT,) * 9)
    assert p.window(15) == {"attempted": 2, "ended": 2, "retried": 1}
    assert (p.alerts, p.state.retries) == ([], [0, 9, 0])


def test_windows_of_different_rules_are_apart() -> None:
    p = Driven(core_with(FAILURE, CONFLICT))
    p.conflict(0, "op")
    p.created(600, 1)
    assert (p.window(10), p.window(15)) == (CREATED, {"attempted": 2, "ended": 1, "conflicted": 1})


def test_retries_of_any_number_are_counted_up_to_a_bound_and_the_episode_is_held() -> None:
    p = Driven()
    p.created(0, 1, retry_count=1001)
    p.failed(1, retry_count=1500, had_conflict=True)
    assert (p.state.retries, p.live) == ([1500, 0, 1001], [1])
    p.created(2, 2, retry_count=2**63 - 1)
    assert (p.state.retries, p.live) == ([1500, 0, 1001 + 2_147_483_647], [1, 2])
    assert p.window(15)["retried"] == 3


def test_a_conflict_within_a_grace_after_its_ending_belongs_to_it_however_late_it_arrives() -> None:
    for order in ("in order", "late"):
        p = Driven()
        p.created(0, 1, operation_id="op")
        if order == "in order":
            p.conflict(60, "op", event_id="conflict")
        p.failed(119)
        if order == "late":
            p.conflict(60, "op", event_id="conflict")
        assert counts(p.state.totals) == {"attempted": 2, "ended": 2, "failed": 1}, order
        assert p.state.late == 0


def test_a_conflict_more_than_a_grace_after_its_ending_is_another_operation_in_any_order() -> None:
    for order in ("in order", "late"):
        p = Driven()
        p.created(0, 1, operation_id="op")
        if order == "in order":
            p.conflict(61, "op", event_id="conflict")
        p.failed(119)
        if order == "late":
            p.conflict(61, "op", event_id="conflict")
        assert counts(p.state.totals) == {"attempted": 3, "ended": 2, "failed": 1, "conflicted": 1}, order
