"""One project, and `step`: the one function through which every event of it goes, live and in replay.

Same events, same state, byte for byte: order across operations and episodes does not matter while disorder stays
within the grace, and neither does repetition.
"""

from typing import Final

from models.alert import Alert
from models.event import Event, EventType, RetryReason, default_reason
from streams.alerting.core import FINAL_GRACES, Core
from streams.alerting.cusum import fold_all
from streams.base import outcome_flags
from streams.base.ids import hash_of, pack_id
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import evaluate, is_steady, next_deadline_ms
from streams.rates.operations import Operation, microseconds_of
from streams.rates.totals import PartitionTotals

# Compiled code looks up a name that is not final in a dictionary, each time.
_CREATED: Final = EventType.CREATED
_SUCCEEDED: Final = EventType.CREATION_SUCCEEDED
_FAILED: Final = EventType.CREATION_FAILED
_CONFLICT: Final = EventType.CREATION_CONFLICT
_RENUMBERED: Final = EventType.RENUMBERED
_DELETED: Final = EventType.DELETED
MAX_RETRIES_COUNTED = 2_147_483_647  # of one operation, so that what all of them add up to fits 64 bits
NO_CLOCK: Final = 2**61  # later than any event: nothing is ahead of it; compiled code compares longer numbers slowly
_RETRY_INDEX = {RetryReason.CONFLICT: 0, RetryReason.TIMEOUT: 1, RetryReason.ERROR: 2}


def step(
    core: Core, state: ProjectState, event: Event, shared: PartitionTotals | None = None, clock_ms: int = NO_CLOCK
) -> list[Alert]:
    """Apply one event to `state`: the transitions to emit. `state.deadline_ms` says when it must `advance`.

    `shared`, where given, counts the operation as well. `clock_ms`: what the wall clock showed then. An event that is
    ahead of it counts at its own time, but the project's time, holes and alerts get no further than the clock.
    """
    emits: list[Alert] = []
    state.shared = shared
    at_ms = event.occurred_at_ms
    seen_ms = at_ms if at_ms < clock_ms else clock_ms
    if _is_resend(state, event, at_ms, core):
        state.resends += 1
        if shared is not None:
            shared.resends += 1
        return emits
    backfill = event.backfill
    if not backfill:
        if seen_ms > state.newest_ms:
            if state.deadline_ms is not None and state.deadline_ms <= seen_ms:
                _run_deadlines(core, state, seen_ms, emits)
            state.newest_ms = seen_ms
            series = state.series
            if seen_ms > state.now_ms:
                state.now_ms = seen_ms
                series.slide(seen_ms // 1000)
            if seen_ms >= (series.minute + 1) * 60_000:
                if state.cusums:
                    until = (seen_ms - FINAL_GRACES * core.grace_ms) // 1000
                    fold_all(core.cusums, state.cusums, series.minutes, until)
                series.roll_up(seen_ms // 60_000)
        if at_ms > state.latest_ms:
            state.latest_ms = at_ms
        _take_operation(core, state, event, at_ms)
    if event.episode_id:
        _take_number(core, state, event, at_ms, seen_ms)
    _conclude(core, state, emits, event.traceparent)
    return emits


def advance(core: Core, state: ProjectState, now_ms: int) -> list[Alert]:
    """Let event time reach `now_ms` without an event: what became due until then happens, each at its own time."""
    emits: list[Alert] = []
    _run_deadlines(core, state, now_ms, emits)
    return emits


def _is_resend(state: ProjectState, event: Event, at_ms: int, core: Core) -> bool:
    key, seen = hash_of(event.event_id), state.seen
    if seen.has(key):
        return True
    horizon_ms = state.newest_ms - core.grace_ms
    source, sequence = event.source, event.sequence
    if (
        source is not None
        and sequence is not None
        and not state.sequences.is_news(source, sequence, at_ms, 0 if event.backfill else horizon_ms)
    ):
        return True
    seen.put(key, max(at_ms, horizon_ms))
    return False


def _take_operation(core: Core, state: ProjectState, event: Event, at_ms: int) -> None:
    kind = event.type
    if kind is _CREATED or kind is _FAILED or kind is _SUCCEEDED:
        _take_ending(core, state, event, at_ms)
    elif kind is _CONFLICT:
        state.conflict_events += 1
        if state.shared is not None:
            state.shared.conflicts += 1
        horizon_ms, key = state.newest_ms - core.grace_ms, hash_of(event.operation_id)
        if at_ms < horizon_ms:
            _count_late(state)
            _add_conflicts(state, state.operations.late_conflict(key, at_ms, horizon_ms))
        else:
            _add_conflicts(state, state.operations.conflict(key, at_ms, horizon_ms, state))


def _take_ending(core: Core, state: ProjectState, event: Event, at_ms: int) -> None:
    flags, duration_us, had_conflict = outcome_flags.FAILED if event.type is _FAILED else 0, 0, event.had_conflict
    if had_conflict:
        flags |= outcome_flags.SAID_CONFLICT
    if event.retry_count:
        flags |= outcome_flags.RETRIED
        _count_retries(state, event)
    duration_seconds = event.duration_seconds
    if duration_seconds is not None:
        flags |= outcome_flags.TIMED
        duration_us = microseconds_of(duration_seconds)
        for index, limit in enumerate(core.latency_limits):
            if duration_seconds > limit:
                flags |= outcome_flags.SLOW[index]
    horizon_ms, operation_id = state.newest_ms - core.grace_ms, event.operation_id
    if at_ms < horizon_ms:
        _count_late(state)
        if had_conflict:
            _add_conflicts(state, state.operations.late_ending(hash_of(operation_id), horizon_ms))
    elif operation_id == event.event_id and not had_conflict:  # its own operation: nothing can join it
        state.count(at_ms, flags, duration_us)
    else:
        key = hash_of(operation_id)
        _add_conflicts(state, state.operations.end(key, Operation(at_ms, flags, duration_us), horizon_ms, state))


def _count_retries(state: ProjectState, event: Event) -> None:
    for reason in event.retry_reasons:
        _count_retry(state, reason, 1)
    if not event.retry_reasons:  # there are very many
        _count_retry(state, default_reason(event.had_conflict), min(event.retry_count, MAX_RETRIES_COUNTED))


def _count_retry(state: ProjectState, reason: RetryReason, times: int) -> None:
    state.retries[_RETRY_INDEX[reason]] += times
    if state.shared is not None:
        state.shared.retries[_RETRY_INDEX[reason]] += times


def _count_late(state: ProjectState) -> None:
    state.late += 1
    if state.shared is not None:
        state.shared.late += 1


def _add_conflicts(state: ProjectState, change: int) -> None:
    if change:
        state.ending_conflicts += change
        if state.shared is not None:
            state.shared.conflicts += change


def _take_number(core: Core, state: ProjectState, event: Event, at_ms: int, seen_ms: int) -> None:
    numbering, episode, kind = state.numbering, pack_id(event.episode_id), event.type
    horizon_ms = state.newest_ms - core.grace_ms
    if kind is _CREATED:
        numbering.hold(episode, event.episode_number, at_ms, seen_ms, horizon_ms)
    elif kind is _RENUMBERED:
        numbering.renumber(episode, event.episode_number, at_ms, seen_ms, horizon_ms)
    elif kind is _DELETED:
        numbering.delete(episode, at_ms, seen_ms, horizon_ms)


def _conclude(core: Core, state: ProjectState, emits: list[Alert], trace: str | None) -> None:
    """Settle what is due, judge the rules where something may have changed, and find the next deadline."""
    numbering = state.numbering
    settling_ms = None
    is_calm = numbering.is_calm
    if not is_calm:
        settling_ms = numbering.next_settling_ms()
        if settling_ms is not None and settling_ms <= state.now_ms:
            numbering.settle(state.now_ms)
            settling_ms = numbering.next_settling_ms()
    if state.needs_evaluation:
        _judge(core, state, emits, trace)
    elif state.watchful or state.alerts or (not is_calm and numbering.anomalies.findings):
        if not is_steady(core, state):
            _judge(core, state, emits, trace)
        elif settling_ms is not None and (state.deadline_ms is None or settling_ms < state.deadline_ms):
            state.deadline_ms = settling_ms
    elif settling_ms is None or 0 < state.rate_check_ms < settling_ms:
        state.deadline_ms = state.rate_check_ms or None
    else:
        state.deadline_ms = settling_ms


def _judge(core: Core, state: ProjectState, emits: list[Alert], trace: str | None) -> None:
    state.needs_evaluation = False
    evaluate(core, state, state.now_ms, emits, trace)
    state.deadline_ms = next_deadline_ms(core, state)


def _run_deadlines(core: Core, state: ProjectState, until_ms: int, emits: list[Alert]) -> None:
    due_ms = state.deadline_ms
    while due_ms is not None and due_ms <= until_ms:
        if due_ms > state.now_ms:
            state.now_ms = due_ms
            state.series.slide(due_ms // 1000)
        state.needs_evaluation = True
        _conclude(core, state, emits, None)
        following_ms = state.deadline_ms
        if following_ms is not None and following_ms <= due_ms:
            raise AssertionError(f"project {state.project_id!r} does not get past its deadline at {due_ms} ms")
        due_ms = following_ms
