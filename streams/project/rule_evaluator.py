"""Keeps the rules of one project: judges them, tells what changed, and says when to look again.

Between two looks nothing may cross a threshold unnoticed: either an event comes, or the deadline does.
"""

from models import measures
from models.alert import Alert, AlertStatus
from streams.alerting import alert_state as life
from streams.alerting.alert_state import AlertPhase, AlertState, Reason, Verdict
from streams.alerting.core import Core
from streams.alerting.rate_rules import RateRule
from streams.alerting.rules import Measure, Rule
from streams.base import packed_counts
from streams.base.sketch import RELATIVE_ACCURACY, quantile_seconds
from streams.project.project_state import ProjectState
from streams.rates.operation_series import rate_percentage

_ENDS = frozenset(
    (
        Reason.BACK_TO_NORMAL, Reason.NO_OPERATIONS, Reason.INSUFFICIENT_DATA, Reason.CLEARED_BEFORE_FIRING,
        Reason.SPLIT, Reason.RESOLVED_BY_PERSON,
    )
)  # fmt: skip


def evaluate(core: Core, state: ProjectState, at_ms: int, emits: list[Alert], trace: str | None) -> None:
    """Judge every rule at an event time; what must be told goes to `emits`."""
    state.watchful = False
    check = 0
    for rate in core.rates:
        window = state.series.windows[rate.window_index]
        if rate.rule_id not in state.alerts and window.has_none(rate.bad_mask):
            continue  # content, and only an event can change that
        operations = window.total
        verdict = _rate_verdict(rate, operations)
        if verdict.crossed or rate.rule_id in state.alerts:
            _keep(core, state, core.rules.by_id[rate.rule_id], verdict, at_ms, emits, trace)
        found = _next_check_second(state, rate, operations, verdict)
        if found is not None and (not check or found < check):
            check = found
    for rule in core.rules.integrity:
        findings = 0 if state.split else state.numbering.findings
        if findings > rule.threshold or rule.rule_id in state.alerts:
            calm = Reason.SPLIT if state.split else Reason.BACK_TO_NORMAL
            _keep(core, state, rule, Verdict(findings > rule.threshold, findings, calm), at_ms, emits, trace)
    state.rate_check_ms = check * 1000


def _rate_verdict(rate: RateRule, operations: int) -> Verdict:
    bad, whole = packed_counts.field(operations, rate.bad_shift), packed_counts.field(operations, rate.whole_shift)
    if not operations:
        return Verdict(False, 0, Reason.NO_OPERATIONS)
    if whole < rate.min_samples:
        return Verdict(False, bad, Reason.INSUFFICIENT_DATA)
    return Verdict(rate.is_crossed(bad, whole), bad)


def _next_check_second(state: ProjectState, rate: RateRule, operations: int, verdict: Verdict) -> int | None:
    """When this rate must be looked at again although nothing comes; None: only an event can change the verdict."""
    if not operations:
        return None
    window = state.series.windows[rate.window_index]
    if verdict.crossed or rate.rule_id in state.alerts:
        return state.series.next_to_leave(window)
    if verdict.bad < rate.min_bad:
        return None
    whole = packed_counts.field(operations, rate.whole_shift)
    if whole < rate.min_samples:
        state.watchful = True
        return None
    if not rate.numerator:
        return None
    above = (verdict.bad * rate.denominator - 1) // rate.numerator  # with this many or fewer, `bad` is too many
    if above < rate.min_samples:
        return None
    return state.series.earliest_after_leaving(window, rate.whole_shift, whole - above)


def _keep(
    core: Core, state: ProjectState, rule: Rule, verdict: Verdict, at_ms: int, emits: list[Alert], trace: str | None
) -> None:
    before = state.alerts.get(rule.rule_id)
    if before is None and not verdict.crossed:
        return
    after, reason = life.judge(rule, before, verdict, at_ms, core.escalate_after_ms, _trace_id(trace))
    if after is None:
        state.alerts.pop(rule.rule_id, None)
    elif after is not before:
        # The clock may have moved on when an event that was ahead is read again; its own time has not.
        since_ms = max(after.since_ms, state.latest_ms)
        after.named_ms = state.begun[rule.rule_id] = max(since_ms, state.begun.get(rule.rule_id, 0) + 1)
        state.alerts[rule.rule_id] = after
    told = after or before
    if reason is not None and told is not None:
        told.reason = reason.value
        emits.append(describe(core, state, rule, told, reason, at_ms))


def _trace_id(traceparent: str | None) -> str | None:
    return traceparent.split("-")[1] if traceparent else None


def describe(core: Core, state: ProjectState, rule: Rule, memory: AlertState, reason: Reason, at_ms: int) -> Alert:
    """The alert as everybody outside sees it, at an event time."""
    value, sample_size = measured(core, state, rule)
    ended = reason in _ENDS
    if ended:
        status = AlertStatus.RESOLVED
    else:
        status = AlertStatus.PENDING if memory.phase is AlertPhase.PENDING else AlertStatus.FIRING
    return Alert(
        alert_key=f"{rule.rule_id}:{state.project_id}",
        alert_id=life.alert_id(rule.rule_id, state.project_id, memory.named_ms),
        rule_id=rule.rule_id,
        alert_type=rule.measure.value,
        severity=rule.severity,
        status=status,
        project_id=state.project_id,
        title=f"{rule.description} ({state.project_id})",
        description=_sentence(core, state, rule, value, sample_size),
        value=value,
        threshold=float(rule.threshold),
        window_minutes=rule.window_minutes or None,
        sample_size=sample_size,
        starts_at_ms=memory.starts_at_ms or memory.since_ms,
        ends_at_ms=at_ms if ended else None,
        updated_at_ms=at_ms,
        acknowledged_by=memory.acknowledged_by,
        silenced_until_ms=memory.silenced_until_ms or None,
        escalation_level=memory.escalation_level,
        reason=reason.value,
        labels=rule.labels,
        annotations=rule.annotations,
        runbook_url=rule.runbook_url,
        dashboard_url=core.dashboard_url,
        trace_ids=memory.trace_ids,
    )


def measured(core: Core, state: ProjectState, rule: Rule) -> tuple[float | None, int]:
    """The rule's value for people, and how many operations (or episodes) it speaks of."""
    if rule.measure is Measure.INTEGRITY:
        return float(0 if state.split else state.numbering.findings), len(state.numbering.episodes)
    rate = core.rules.rate_of[rule.rule_id]
    operations = state.series.windows[rate.window_index].total
    whole = packed_counts.field(operations, rate.whole_shift)
    if rule.measure is Measure.SLOW_CREATION:
        now = state.now_ms // 1000
        _, sketch = state.series.between(now - rule.window_minutes * 60, max(now, state.latest_ms // 1000))
        slower = packed_counts.field(operations, rate.bad_shift)
        return _beside_limit(
            quantile_seconds(sketch, 0.95), float(rule.threshold), rate.is_crossed(slower, whole)
        ), whole
    return rate_percentage(packed_counts.field(operations, rate.bad_shift), whole), whole


def _beside_limit(p95_seconds: float | None, limit_seconds: float, is_above: bool) -> float | None:
    """The estimate on that side of the limit on which the exact count is: it may err by 1 %."""
    if p95_seconds is None or (p95_seconds > limit_seconds) == is_above:
        return p95_seconds
    return limit_seconds * (1 + RELATIVE_ACCURACY / 2) if is_above else limit_seconds


def _sentence(core: Core, state: ProjectState, rule: Rule, value: float | None, sample_size: int) -> str:
    project, said, threshold = state.project_id, measures.alert_type(rule.measure.value), float(rule.threshold)
    if rule.measure is Measure.INTEGRITY:
        if state.split:
            where = ", ".join(map(str, state.split))
            return (
                f"Events of project {project} are in the partitions {where}: what one of them lacks may be in another, "
                f"so its numbers are not judged. The view of the project names the cause."
            )
        numbering = state.numbering
        return said.numbers_sentence(
            project, numbering.open_gaps.count, len(numbering.open_duplicates), sample_size, numbering.max_number
        )
    if rule.measure is Measure.SLOW_CREATION:
        rate = core.rules.rate_of[rule.rule_id]
        slower = packed_counts.field(state.series.windows[rate.window_index].total, rate.bad_shift)
        return said.latency_sentence(project, value, threshold, slower, sample_size, rule.window_minutes)
    return said.rate_sentence(project, value, threshold, sample_size, rule.window_minutes)


def next_deadline_ms(core: Core, state: ProjectState) -> int | None:
    """The earliest event time at which something becomes due; None where only an event can change anything."""
    due = [at for at in (state.numbering.next_settling_ms(), state.rate_check_ms or None) if at is not None]
    for rule_id, memory in state.alerts.items():
        rule = core.rules.by_id.get(rule_id)
        at = life.deadline_ms(rule, memory) if rule is not None else None
        if at is not None:
            due.append(at)
    return min(due, default=None)


def is_watchful(core: Core, state: ProjectState) -> bool:
    """Whether some rate waits for samples while bad operations are in its window; a function of the windows alone."""
    return any(
        rate.min_bad <= packed_counts.field(operations, rate.bad_shift)
        and packed_counts.field(operations, rate.whole_shift) < rate.min_samples
        for rate in core.rates
        if (operations := state.series.windows[rate.window_index].total) and rate.rule_id not in state.alerts
    )


def forget_removed_rules(core: Core, state: ProjectState) -> None:
    """Alerts of rules that no longer exist end silently with the rule."""
    for rule_id in [rule_id for rule_id in state.alerts if rule_id not in core.rules.by_id]:
        del state.alerts[rule_id]


def active_alerts(core: Core, state: ProjectState) -> list[Alert]:
    """What is pending or firing, with the values of now: `updated_at_ms` says up to when they are true, `reason` why it
    changed last."""
    return [
        describe(
            core, state, core.rules.by_id[rule_id], memory, Reason(memory.reason or Reason.THRESHOLD_CROSSED.value),
            max(memory.updated_at_ms, state.now_ms),
        )
        for rule_id, memory in state.alerts.items()
        if memory.phase is not AlertPhase.HUSHED and rule_id in core.rules.by_id
    ]  # fmt: skip
