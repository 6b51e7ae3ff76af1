"""Evaluates the rules of one project, emits transitions, and computes the next deadline.

Between two evaluations no threshold may be crossed unnoticed: either an event comes, or the deadline is reached.
"""

import msgspec

from models.alert import Alert
from streams.alerting import alert_life as life
from streams.alerting.alert_inputs import inputs_of
from streams.alerting.alert_of import alert_of
from streams.alerting.alert_state import AlertState
from streams.alerting.core import FINAL_GRACES, Core
from streams.alerting.cusum import CusumRule
from streams.alerting.findings_rules import findings_of
from streams.alerting.rule import Rule
from streams.alerting.verdict import ENDS, Reason, Verdict
from streams.project.project_state import ProjectState


def evaluate(core: Core, state: ProjectState, at_ms: int, emits: list[Alert], trace: str | None) -> None:
    """Judge every rule at an event time; the transitions go to `emits`."""
    state.watchful = False
    check = 0
    for rate in core.rates:
        if rate.rule_id not in state.alerts and not rate.has_bad(state.series):
            continue  # content, and only an event can change that
        verdict = rate.judged(state.series)
        if verdict.crossed or rate.rule_id in state.alerts:
            _keep(core, state, core.rules.by_id[rate.rule_id], verdict, at_ms, emits, trace)
        is_active = rate.rule_id in state.alerts
        if not is_active and rate.waits_for_samples(verdict):
            state.watchful = True
        found = rate.next_check_second(state.series, verdict, is_active)
        if found is not None and (not check or found < check):
            check = found
    if core.cusums:
        check = _evaluate_scores(core, state, at_ms, emits, trace, check)
    is_calm = state.numbering.is_calm
    for counted in core.findings:
        if is_calm and counted.rule_id not in state.alerts:
            continue  # without findings
        verdict = counted.verdict(state.numbering, state.split)
        _keep(core, state, core.rules.by_id[counted.rule_id], verdict, at_ms, emits, trace)
    state.rate_check_ms = check * 1000


def is_steady(core: Core, state: ProjectState) -> bool:
    """Whether `evaluate` would change nothing now, given that no bad operation was counted since it last did, none was
    taken back, and nothing is due. Nearly always, which makes events of troubled projects as cheap as others."""
    if core.cusums:
        return False  # a score follows the clock
    for rate in core.rates:
        if rate.is_crossed(state.series) != _says_crossed(state.alerts.get(rate.rule_id)):
            return False
    if not core.findings:
        return True
    findings = findings_of(state.numbering, state.split)
    for counted in core.findings:
        memory, is_crossed = state.alerts.get(counted.rule_id), findings > counted.most
        if is_crossed != _says_crossed(memory):
            return False
        if memory is not None and not _has_told(memory, findings, is_crossed, state.deadline_ms):
            return False
    return True


def _says_crossed(memory: AlertState | None) -> bool:
    return memory is not None and not memory.calm_since_ms


def _has_told(memory: AlertState, findings: int, is_crossed: bool, deadline_ms: int | None) -> bool:
    """Whether a rule on findings has nothing to emit or to remember, or will be judged when it has."""
    if life.is_pending(memory) or findings == memory.findings:
        return True
    if findings < memory.findings:
        return False
    if not is_crossed:
        return True
    return deadline_ms is not None and deadline_ms <= life.changed_ms(memory) + life.RISE_INTERVAL_MS


def _evaluate_scores(
    core: Core, state: ProjectState, at_ms: int, emits: list[Alert], trace: str | None, check: int
) -> int:
    """Judge every CUSUM; when to look again."""
    until, now = (state.newest_ms - FINAL_GRACES * core.grace_ms) // 1000, state.now_ms // 1000
    for cusum in core.cusums:
        score = cusum.look(state.cusums, state.series.minutes, until)
        verdict = cusum.verdict(score, now)
        if cusum.key in state.cusums or score.score:
            state.watchful = True
        if verdict.crossed or cusum.rule_id in state.alerts:
            _keep(core, state, core.rules.by_id[cusum.rule_id], verdict, at_ms, emits, trace)
        if cusum.rule_id in state.alerts and verdict.crossed:
            forgotten = score.last_second + cusum.forget_seconds + 1
            check = forgotten if not check else min(check, forgotten)
    return check


def _score_verdict(core: Core, state: ProjectState, cusum: CusumRule) -> Verdict:
    until = (state.newest_ms - FINAL_GRACES * core.grace_ms) // 1000
    scores = {key: msgspec.structs.replace(at) for key, at in state.cusums.items()}
    return cusum.verdict(cusum.look(scores, state.series.minutes, until), state.now_ms // 1000)


def verdict_of(core: Core, state: ProjectState, rule: Rule) -> Verdict:
    """The verdict of one rule now."""
    cusum = core.rules.cusum_of.get(rule.rule_id)
    if cusum is not None:
        return _score_verdict(core, state, cusum)
    rate = core.rules.rate_of.get(rule.rule_id)
    if rate is None:
        return core.rules.findings_of[rule.rule_id].verdict(state.numbering, state.split)
    return rate.judged(state.series)


def _keep(
    core: Core, state: ProjectState, rule: Rule, verdict: Verdict, at_ms: int, emits: list[Alert], trace: str | None
) -> None:
    before = state.alerts.get(rule.rule_id)
    if before is None and not verdict.crossed:
        return
    hold_ms = core.hold_ms[rule.rule_id]
    if before is not None and before.calm_since_ms and not verdict.crossed and at_ms >= before.calm_since_ms + hold_ms:
        rate = core.rules.rate_of.get(rule.rule_id)
        if rate is not None and rate.was_crossed(state.series, (at_ms - core.grace_ms) // 1000):
            before.calm_since_ms = at_ms  # late events have corrected the window that is final now
    after, reason = life.judge(rule, before, verdict, at_ms, _trace_id(trace), hold_ms)
    if after is None:
        state.alerts.pop(rule.rule_id, None)
    elif after is not before:
        # The clock may have moved on when an event that was ahead is read again; its own time has not.
        since_ms = max(after.since_ms, state.latest_ms)
        after.named_ms = state.begun[rule.rule_id] = max(since_ms, state.begun.get(rule.rule_id, 0) + 1)
        state.alerts[rule.rule_id] = after
    changed = after or before
    if reason is not None and changed is not None:
        emits.append(describe(core, state, rule, changed, verdict, reason, at_ms))


def _trace_id(traceparent: str | None) -> str | None:
    return traceparent.split("-")[1] if traceparent else None


def describe(
    core: Core, state: ProjectState, rule: Rule, memory: AlertState, verdict: Verdict, reason: Reason, at_ms: int
) -> Alert:
    """The alert at an event time."""
    is_over = reason in ENDS
    inputs = inputs_of(rule, core.rules.versions.get(rule.rule_id, ""), memory, verdict, is_over=is_over)
    return alert_of(
        core, rule, memory, rule.measure.measurement(rule, state, verdict), at_ms, reason.value,
        inputs=inputs, is_over=is_over, project_id=state.project_id, title=f"{rule.description} ({state.project_id})",
    )  # fmt: skip


def next_deadline_ms(core: Core, state: ProjectState) -> int | None:
    """The earliest event time at which something becomes due; None where only an event can change anything."""
    due = state.numbering.next_settling_ms()
    if state.rate_check_ms and (due is None or state.rate_check_ms < due):
        due = state.rate_check_ms
    for rule_id, memory in state.alerts.items():
        rule = core.rules.by_id.get(rule_id)
        if rule is None:
            continue
        counted = core.rules.findings_of.get(rule_id)
        verdict = None if counted is None else counted.verdict(state.numbering, state.split)
        at = life.deadline_ms(rule, memory, verdict, core.hold_ms[rule_id])
        if at is not None and (due is None or at < due):
            due = at
    return due


def is_watchful(core: Core, state: ProjectState) -> bool:
    """Whether a rate waits for samples while bad operations are in its window; a function of the windows alone."""
    return bool(state.cusums) or any(
        rate.waits_for_samples(rate.judged(state.series)) for rate in core.rates if rate.rule_id not in state.alerts
    )


def forget_removed_rules(core: Core, state: ProjectState) -> None:
    """Alerts of rules that no longer exist end silently with the rule."""
    for rule_id in [rule_id for rule_id in state.alerts if rule_id not in core.rules.of_projects]:
        del state.alerts[rule_id]
    known = {cusum.key for cusum in core.cusums}
    for key in [key for key in state.cusums if key not in known]:
        del state.cusums[key]


def active_alerts(core: Core, state: ProjectState) -> list[Alert]:
    """What is pending or firing, with the values of now: `updated_at_ms` says up to when they are true, `reason` why it
    changed last."""
    return [
        describe(
            core, state, rule, memory, verdict_of(core, state, rule),
            memory.reason, max(life.changed_ms(memory), state.now_ms),
        )
        for rule_id, memory in state.alerts.items()
        if (rule := core.rules.by_id.get(rule_id)) is not None
    ]  # fmt: skip
