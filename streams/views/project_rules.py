"""Why each rule of a project fires or does not: its state with what it was judged by, alert or none."""

import msgspec

from models.integrity_views import Applied
from models.rule_views import ProjectRule, ProjectRules
from models.times import rfc3339
from models.wording import counted
from streams.alerting.alert_inputs import inputs_of
from streams.alerting.core import Core
from streams.alerting.rule import Rule
from streams.alerting.rule_state import RuleState, state_of
from streams.alerting.verdict import Verdict
from streams.numbering.numbering import Numbering
from streams.project.project_state import ProjectState
from streams.project.rule_evaluator import verdict_of
from streams.rates.operation_series import OperationSeries
from streams.rates.past_windows import tally_between


class _AsOf(msgspec.Struct):
    """`streams.alerting.rule.JudgedProject`, at a time until which nothing has come."""

    project_id: str
    series: OperationSeries
    numbering: Numbering
    split: tuple[int, ...]
    now_ms: int
    latest_ms: int


def project_rules(core: Core, state: ProjectState, partition: int, at_ms: int) -> ProjectRules:
    """All rules on projects, as of `at_ms`. Changes nothing."""
    return ProjectRules(
        project_id=state.project_id,
        as_of=rfc3339(at_ms),
        applied=Applied(partition=partition, offset=state.applied),
        rules=[_project_rule(core, state, rule, at_ms) for rule in core.rules.of_projects.values()],
    )


def _project_rule(core: Core, state: ProjectState, rule: Rule, at_ms: int) -> ProjectRule:
    memory, verdict = state.alerts.get(rule.rule_id), _verdict(core, state, rule, at_ms)
    stands = state_of(memory, verdict)
    as_of = _AsOf(state.project_id, state.series, state.numbering, state.split, at_ms, state.latest_ms)
    version = core.rules.versions.get(rule.rule_id, "")
    return ProjectRule(
        rule_id=rule.rule_id,
        alert_type=rule.measure.name,
        severity=rule.severity.value,
        state=stands.value,
        reason=(verdict.calm_reason if memory is None else memory.reason).value,
        description=rule.measure.measurement(rule, as_of, verdict).sentence,
        missing=_missing(rule, stands, verdict),
        since=rfc3339(memory.since_ms) if memory is not None else None,
        inputs=inputs_of(rule, version, memory, verdict, is_over=False),
    )


def _verdict(core: Core, state: ProjectState, rule: Rule, at_ms: int) -> Verdict:
    """The windows of a project that is calm stay where its last event left them; here they end at `at_ms`."""
    rate, second = core.rules.rate_of.get(rule.rule_id), at_ms // 1000
    if rate is None or rule.rule_id in state.alerts or second <= state.now_ms // 1000:
        return verdict_of(core, state, rule)
    windows = [int(window.length_seconds) for window in state.series.windows]
    return rate.judged_on([tally_between(state.series, second - seconds + 1, second) for seconds in windows])


def _missing(rule: Rule, stands: RuleState, verdict: Verdict) -> str | None:
    """What a rule that does not fire waits for, where its operations alone would make it fire."""
    if stands is RuleState.PENDING:
        return f"It fires if it stays crossed for {counted(rule.for_seconds, 'second', 'seconds')}."
    if verdict.crossed or not rule.measure.has_window or rule.cusum is not None or not verdict.bad:
        return None
    if verdict.whole < rule.min_samples:
        return f"It needs {counted(rule.min_samples, 'operation', 'operations')} (min_samples)."
    if verdict.bad < rule.min_bad:
        return f"It needs {rule.min_bad} of these (min_bad)."
    if not verdict.is_above:
        return None
    return "Its short window is not crossed." if rule.burn_rate is not None else "Its lower bound is not above."
