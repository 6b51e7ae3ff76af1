"""What is alerted on. Where alerts go is in the files of the sinks (alert_sinks/kinds)."""

from decimal import Decimal
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from alert_sinks.settings import ADDRESS, GROUP
from episode_monitor.settings.fields import BaseAddress, Percent, ReadableFile, Seconds, setting
from streams.alerting import rule_types
from streams.alerting.rule import RuleType

_alerts = partial(setting, GROUP)
_SHIPPED_RULES = Path(__file__).resolve().parents[2] / "rules.yaml"


class AlertSettings(BaseModel):
    """The group "Rules and alerts"."""

    rules_file: ReadableFile | None = _alerts(
        None, "A rules file to use instead of the shipped rules.yaml.", form="path"
    )
    failure_rate_threshold: Percent | None = _alerts(
        None, "Overrides the failure rate threshold of the shipped rules.", unit="%", ge=0, le=100
    )
    conflict_rate_threshold: Percent | None = _alerts(
        None, "Overrides the conflict rate threshold of the shipped rules.", unit="%", ge=0, le=100
    )
    performance_threshold_seconds: Seconds | None = _alerts(
        None, "Overrides the p95 limit of the shipped rules.", unit="seconds", gt=0, le=86_400
    )
    alert_on_issues: bool = _alerts(True, "Whether alerts are delivered. They are stored and shown in any case.")
    sink_give_up_hours: int = _alerts(
        24, "How long a delivery is retried before it becomes a dead letter.", unit="hours", ge=1, le=720
    )
    sink_queue_limit: int = _alerts(
        5000, "Alerts in delivery at the same time; more wait in Kafka.", unit="alerts", ge=10, le=100_000
    )
    sink_concurrency: int = _alerts(4, "Concurrent requests to one destination.", unit="requests", ge=1, le=100)
    escalate_after_minutes: int = _alerts(
        5, "A critical alert not acknowledged for this long is also sent to on-call.", unit="minutes", ge=1, le=1440
    )
    alerting_file: ReadableFile | None = _alerts(
        None,
        "Routes, receivers, inhibit rules and time intervals in the words of Alertmanager (docs/alerting.md). "
        "Unset: alerting.yaml in the working directory, where it exists. With a file the settings of sinks "
        "are not used; without one they make the receivers team and on-call.",
        form="path",
    )
    oncall_file: ReadableFile | None = _alerts(
        None,
        "Escalation chains and on-call schedules (docs/on-call.md). Unset: oncall.yaml in the "
        "working directory, where it exists; without a file ESCALATE_AFTER_MINUTES makes the only chain.",
        form="path",
    )
    runbook_url: BaseAddress | None = _alerts(
        None,
        "The address of the page docs/duty.md, as people read it: alerts link to their type's section "
        "there, unless their rule has a runbook_url.",
        form=ADDRESS,
    )
    dashboard_url: BaseAddress | None = _alerts(
        None,
        "The public address of the dashboard, for links in alerts, which open the page of the alert; it may have a "
        "path, which a proxy removes or keeps. Unset: WORKER_URL.",
        form=ADDRESS,
    )

    @property
    def rules_path(self) -> Path:
        """The file of rules in force."""
        return self.rules_file or _SHIPPED_RULES

    @property
    def alerting_path(self) -> Path | None:
        """The alerting file; None: there is none."""
        return self.alerting_file or _where_it_exists("alerting.yaml")

    @property
    def oncall_path(self) -> Path | None:
        """The on-call file; None: there is none."""
        return self.oncall_file or _where_it_exists("oncall.yaml")

    @property
    def threshold_overrides(self) -> dict[RuleType, Decimal]:
        """What replaces the thresholds of the rules, by measure; percent and seconds."""
        given = {
            rule_types.FAILURE_RATE: self.failure_rate_threshold,
            rule_types.CONFLICT_RATE: self.conflict_rate_threshold,
            rule_types.SLOW_CREATION: self.performance_threshold_seconds,
        }
        return {measure: threshold for measure, threshold in given.items() if threshold is not None}


def _where_it_exists(name: str) -> Path | None:
    path = Path(name)
    return path if path.exists() else None
