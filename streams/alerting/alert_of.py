"""The alert that leaves the core, made of a rule, its state, and what it measures now."""

from urllib.parse import quote

from models.alert import Alert, AlertInputs, AlertStatus
from streams.alerting.alert_life import alert_id, is_pending
from streams.alerting.alert_state import AlertState
from streams.alerting.core import Core
from streams.alerting.rule import Rule
from streams.alerting.verdict import Measurement


def alert_of(
    core: Core, rule: Rule, memory: AlertState, measured: Measurement, at_ms: int, reason: str, *,
    inputs: AlertInputs, is_over: bool, project_id: str, title: str, cause: str | None = None,
) -> Alert:  # fmt: skip
    """The alert at the time of a transition, or of a question. `cause` is what its id names in place of the rule."""
    active = AlertStatus.PENDING if is_pending(memory) else AlertStatus.FIRING
    status = AlertStatus.RESOLVED if is_over else active
    return Alert(
        alert_key=f"{rule.rule_id}:{project_id}",
        alert_id=alert_id(cause or rule.rule_id, project_id, memory.named_ms),
        rule_id=rule.rule_id,
        alert_type=rule.measure.name,
        severity=rule.severity,
        status=status,
        project_id=project_id,
        title=title,
        description=measured.sentence,
        value=measured.value,
        threshold=float(rule.threshold),
        window_minutes=rule.window_minutes or None,
        sample_size=measured.sample_size,
        starts_at_ms=memory.starts_at_ms or memory.since_ms,
        ends_at_ms=at_ms if is_over else None,
        updated_at_ms=at_ms,
        reason=reason,
        labels=rule.labels,
        annotations=rule.annotations,
        runbook_url=rule.runbook_url,
        dashboard_url=_link(core.dashboard_url, f"{rule.rule_id}:{project_id}"),
        trace_ids=memory.trace_ids,
        inputs=inputs,
    )


def _link(dashboard_url: str | None, alert_key: str) -> str | None:
    """The alert's own page of the dashboard."""
    return f"{dashboard_url.rstrip('/')}/#/alert?key={quote(alert_key, safe='')}" if dashboard_url else None
