"""The life of an alert in the core: pending, firing, over. All changes are in `judge`.

A transition has the event time at which it became due, not the time of the evaluation.
"""

from hashlib import blake2b

from streams.alerting.alert_state import AlertState
from streams.alerting.rule import Rule
from streams.alerting.verdict import Reason, Verdict

RISE_INTERVAL_MS = 60_000  # of event time between two transitions that report more findings


def alert_id(rule_id: str, project_id: str, starts_at_ms: int) -> str:
    """Names one firing: the same wherever and whenever it is computed."""
    return blake2b(f"{rule_id}\0{project_id}\0{starts_at_ms}".encode(), digest_size=12).hexdigest()


def is_pending(memory: AlertState) -> bool:
    """Whether it does not fire yet."""
    return not memory.starts_at_ms


def changed_ms(memory: AlertState) -> int:
    """When its newest transition was due."""
    return memory.rose_at_ms or memory.starts_at_ms or memory.since_ms


def judge(
    rule: Rule, memory: AlertState | None, verdict: Verdict, at_ms: int, trace_id: str | None, hold_ms: int = 0
) -> tuple[AlertState | None, Reason | None]:
    """The next state, and the reason of the transition to emit (None: none). May change `memory` in place. `hold_ms`:
    how long a firing rule must not be crossed until it is resolved."""
    if memory is None:
        return _begin(rule, verdict, at_ms, trace_id) if verdict.crossed else (None, None)
    if is_pending(memory):
        return _pending(rule, memory, verdict, at_ms)
    if verdict.crossed:
        memory.calm_since_ms = 0
    else:
        memory.calm_since_ms = memory.calm_since_ms or at_ms
        if at_ms >= memory.calm_since_ms + hold_ms:
            return None, verdict.calm_reason
    return memory, None if rule.measure.has_window else _rise(memory, verdict, at_ms)


def _begin(rule: Rule, verdict: Verdict, at_ms: int, trace_id: str | None) -> tuple[AlertState, Reason]:
    memory = AlertState(at_ms, trace_ids=[trace_id] if trace_id else [])
    if not rule.for_seconds:
        _fire(rule, memory, verdict, at_ms)
    return memory, Reason.THRESHOLD_CROSSED


def _fire(rule: Rule, memory: AlertState, verdict: Verdict, at_ms: int) -> None:
    memory.starts_at_ms = at_ms
    memory.findings = 0 if rule.measure.has_window else verdict.bad


def _pending(rule: Rule, memory: AlertState, verdict: Verdict, at_ms: int) -> tuple[AlertState | None, Reason | None]:
    if not verdict.crossed:
        return None, Reason.CLEARED_BEFORE_FIRING
    if at_ms < memory.since_ms + rule.for_seconds * 1000:
        return memory, None
    _fire(rule, memory, verdict, at_ms)
    return memory, Reason.CROSSED_FOR_LONG_ENOUGH


def _rise(memory: AlertState, verdict: Verdict, at_ms: int) -> Reason | None:
    if not _has_more(memory, verdict):
        memory.findings = min(memory.findings, verdict.bad)
    elif at_ms >= changed_ms(memory) + RISE_INTERVAL_MS:
        memory.findings, memory.rose_at_ms = verdict.bad, at_ms
        return Reason.FINDINGS_ROSE
    return None


def _has_more(memory: AlertState, verdict: Verdict) -> bool:
    return verdict.crossed and verdict.bad > memory.findings


def deadline_ms(rule: Rule, memory: AlertState, verdict: Verdict | None, hold_ms: int = 0) -> int | None:
    """When the next transition is due if nothing else happens; None where only an event can move it. `verdict` is that
    of a rule without a window."""
    if is_pending(memory):
        return memory.since_ms + rule.for_seconds * 1000
    if memory.calm_since_ms:
        return memory.calm_since_ms + hold_ms
    if verdict is not None and _has_more(memory, verdict):
        return changed_ms(memory) + RISE_INTERVAL_MS
    return None
