"""The life cycle of an alert: all changes are in `judge` and the three acts of people below it.

A transition has the event time at which it became due, not the time of the evaluation.
"""

from enum import Enum
from hashlib import blake2b

import msgspec

from models.alert import Severity
from streams.alerting.rule import Rule
from streams.alerting.verdict import Reason, Verdict


class AlertPhase(Enum):
    """The status of a rule of a project; there is no state of a rule that is content."""

    PENDING = 1  # crossed, but not for long enough
    FIRING = 2
    HUSHED = 3  # resolved by a person although still crossed: silent until it was content once, or got worse


class AlertState(msgspec.Struct, array_like=True):
    """The state of one rule of one project. Event times in ms; 0: none."""

    phase: AlertPhase
    since_ms: int  # crossed since
    named_ms: int = 0  # its id is made of this: `since_ms`, or the next that is free if another began just then
    starts_at_ms: int = 0  # of this firing
    calm_since_ms: int = 0  # while it is kept firing
    escalation_level: int = 0
    escalates_at_ms: int = 0
    hushed_at_bad: int = 0
    acknowledged_by: str | None = None
    silenced_until_ms: int = 0
    updated_at_ms: int = 0
    trace_ids: list[str] = []
    reason: str = ""  # of the newest transition; "" in what an older version stored


def alert_id(rule_id: str, project_id: str, starts_at_ms: int) -> str:
    """Names one firing: the same wherever and whenever it is computed."""
    return blake2b(f"{rule_id}\0{project_id}\0{starts_at_ms}".encode(), digest_size=12).hexdigest()


def judge(
    rule: Rule, memory: AlertState | None, verdict: Verdict, at_ms: int, escalate_after_ms: int, trace_id: str | None,
    hold_ms: int = 0,
) -> tuple[AlertState | None, Reason | None]:  # fmt: skip
    """The next state, and the reason of the transition to emit (None: none). May change `memory` in place. `hold_ms`:
    how long a firing rule must not be crossed until it is resolved."""
    if memory is None:
        return _begin(rule, at_ms, escalate_after_ms, trace_id) if verdict.crossed else (None, None)
    match memory.phase:
        case AlertPhase.PENDING:
            return _pending(rule, memory, verdict, at_ms, escalate_after_ms)
        case AlertPhase.FIRING:
            return _firing(memory, verdict, at_ms, hold_ms)
        case AlertPhase.HUSHED:
            if not verdict.crossed:
                return None, None
            if verdict.bad > memory.hushed_at_bad and not rule.window_minutes:  # a new gap is new trouble
                return _begin(rule, at_ms, escalate_after_ms, trace_id)
            memory.hushed_at_bad = min(memory.hushed_at_bad, verdict.bad)
            return memory, None


def _begin(rule: Rule, at_ms: int, escalate_after_ms: int, trace_id: str | None) -> tuple[AlertState, Reason | None]:
    memory = AlertState(
        AlertPhase.PENDING, since_ms=at_ms, updated_at_ms=at_ms, trace_ids=[trace_id] if trace_id else []
    )
    if rule.for_seconds:
        return memory, Reason.THRESHOLD_CROSSED
    return _fire(rule, memory, at_ms, escalate_after_ms, Reason.THRESHOLD_CROSSED)


def _fire(
    rule: Rule, memory: AlertState, at_ms: int, escalate_after_ms: int, reason: Reason
) -> tuple[AlertState, Reason | None]:
    memory.phase = AlertPhase.FIRING
    memory.starts_at_ms = memory.updated_at_ms = at_ms
    if memory.silenced_until_ms <= at_ms:  # over before there was a transition to emit
        memory.silenced_until_ms = 0
    escalates = rule.severity is Severity.CRITICAL and memory.acknowledged_by is None
    memory.escalates_at_ms = at_ms + escalate_after_ms if escalates else 0
    return memory, reason


def _pending(
    rule: Rule, memory: AlertState, verdict: Verdict, at_ms: int, escalate_after_ms: int
) -> tuple[AlertState | None, Reason | None]:
    if not verdict.crossed:
        return None, Reason.CLEARED_BEFORE_FIRING
    if at_ms >= memory.since_ms + rule.for_seconds * 1000:
        return _fire(rule, memory, at_ms, escalate_after_ms, Reason.CROSSED_FOR_LONG_ENOUGH)
    return memory, None


def _firing(memory: AlertState, verdict: Verdict, at_ms: int, hold_ms: int) -> tuple[AlertState | None, Reason | None]:
    if verdict.crossed:
        memory.calm_since_ms = 0
    else:
        memory.calm_since_ms = memory.calm_since_ms or at_ms
        if at_ms >= memory.calm_since_ms + hold_ms:
            return None, verdict.calm_reason
    if memory.silenced_until_ms and at_ms >= memory.silenced_until_ms:
        memory.silenced_until_ms = 0
        if memory.escalates_at_ms:  # the team is notified first
            memory.escalates_at_ms = max(memory.escalates_at_ms, at_ms + 1)
        memory.updated_at_ms = at_ms
        return memory, Reason.SILENCE_ENDED
    if memory.escalates_at_ms and at_ms >= max(memory.escalates_at_ms, memory.silenced_until_ms):
        memory.escalates_at_ms = 0
        memory.escalation_level = 1
        memory.updated_at_ms = at_ms
        return memory, Reason.ESCALATED_UNACKNOWLEDGED
    return memory, None


def deadline_ms(rule: Rule, memory: AlertState, hold_ms: int = 0) -> int | None:
    """When the next transition is due if nothing else happens; None where only an event can move it."""
    if memory.phase is AlertPhase.PENDING:
        return memory.since_ms + rule.for_seconds * 1000
    if memory.phase is AlertPhase.HUSHED:
        return None
    due = []
    if memory.calm_since_ms:
        due.append(memory.calm_since_ms + hold_ms)
    if memory.silenced_until_ms:
        due.append(memory.silenced_until_ms)
    elif memory.escalates_at_ms:
        due.append(memory.escalates_at_ms)
    return min(due, default=None)


# --- acts of people; each returns the reason of the transition


def acknowledge(memory: AlertState, by: str, at_ms: int) -> Reason:
    """A person takes it: it no longer escalates."""
    memory.acknowledged_by = by
    memory.escalates_at_ms = 0
    memory.updated_at_ms = at_ms
    return Reason.ACKNOWLEDGED_BY_PERSON


def silence(memory: AlertState, until_ms: int, at_ms: int) -> Reason:
    """Nothing is delivered until then; it goes on firing, and if it still fires then it is emitted once more."""
    memory.silenced_until_ms = until_ms
    memory.updated_at_ms = at_ms
    return Reason.SILENCED_BY_PERSON


def resolve_manually(memory: AlertState, bad: int, at_ms: int) -> Reason:
    """Resolved by a person: silent until the measure was content once or, for numbering, until there is more.

    One that had not fired yet ends as any other pending one: its beginning was not delivered.
    """
    fired = memory.phase is AlertPhase.FIRING
    memory.phase = AlertPhase.HUSHED
    memory.hushed_at_bad = bad
    memory.updated_at_ms = at_ms
    return Reason.RESOLVED_BY_PERSON if fired else Reason.CLEARED_BEFORE_FIRING
