"""An alert as consumers see it, and the transition record that carries it through Kafka."""

from enum import Enum
from typing import Any

import msgspec

from models.times import rfc3339

FINDINGS_ROSE = "findings_rose"  # the reason of a transition of an alert that fires already
_SILENCE_ENDED = "silence_ended"  # the same, of an older version
ACTED_BY = "acted_by"  # annotations of a transition that a person caused
COMMENT = "comment"


class Severity(Enum):
    """The severity of an alert, in lower case; rules files may use upper case."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class AlertStatus(Enum):
    """The status of an alert."""

    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


class ShortWindow(msgspec.Struct, frozen=True, kw_only=True):
    """The short window of a burn rate."""

    bad: int
    whole: int
    rate: float | None
    window_minutes: int


class AlertInputs(msgspec.Struct, frozen=True, kw_only=True):
    """What a rule was judged by. Rates and bounds in percent; a key that does not apply to the rule is left out."""

    state: str  # a `streams.alerting.rule_state.RuleState`
    bad: int
    whole: int
    rate: float | None  # null where there is none
    interval: tuple[float, float] | msgspec.UnsetType = msgspec.UNSET  # of Wilson; of 95 % unless the rule says other
    confidence: float | msgspec.UnsetType = msgspec.UNSET
    lower_bound: float | msgspec.UnsetType = msgspec.UNSET  # judged in place of the rate
    threshold: float | msgspec.UnsetType = msgspec.UNSET
    window_minutes: int | msgspec.UnsetType = msgspec.UNSET
    objective: float | msgspec.UnsetType = msgspec.UNSET  # percent of good ones
    factor: float | msgspec.UnsetType = msgspec.UNSET
    burn_rate: float | msgspec.UnsetType | None = msgspec.UNSET  # how many times as fast as the objective allows
    short: ShortWindow | msgspec.UnsetType = msgspec.UNSET
    score: int | msgspec.UnsetType = msgspec.UNSET  # of a CUSUM; `bad` and `whole` are since it was 0
    limit: int | msgspec.UnsetType = msgspec.UNSET
    rule_version: str | msgspec.UnsetType = msgspec.UNSET  # changes with any key of the rule


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One firing of one rule for one project. Times are epoch milliseconds; `to_dict` writes them as RFC 3339.

    `alert_key` names the rule and project; `alert_id` names this firing and is computed, never drawn.
    `alert_id`, `status` and `escalation_level` together name one transition; where more findings are reported of an
    alert that fires, its time is part of the name.
    """

    alert_key: str
    alert_id: str
    rule_id: str
    alert_type: str
    severity: Severity
    status: AlertStatus
    project_id: str
    title: str
    description: str
    value: float | None  # percentage for rates, count for integrity; null where there is no rate
    threshold: float
    window_minutes: int | None
    sample_size: int
    starts_at_ms: int
    ends_at_ms: int | None
    updated_at_ms: int
    acknowledged_by: str | None = None
    silenced_until_ms: int | None = None
    escalation_level: int = 0
    reason: str = ""  # why this transition happened: a `streams.alerting.verdict.Reason`
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    runbook_url: str | None = None
    dashboard_url: str | None = None
    trace_ids: list[str] = []
    inputs: AlertInputs | msgspec.UnsetType = msgspec.UNSET  # left out in what an older version wrote

    @property
    def transition_id(self) -> str:
        """Names this transition; the same on every repetition."""
        name = f"{self.alert_id}:{self.status.value}:{self.escalation_level}"
        return f"{name}:{self.updated_at_ms}" if self.reason in (FINDINGS_ROSE, _SILENCE_ENDED) else name

    @property
    def person(self) -> tuple[str | None, str | None]:
        """The person who caused this transition, and the comment; None for others."""
        return self.annotations.get(ACTED_BY), self.annotations.get(COMMENT)

    def to_dict(self) -> dict[str, Any]:
        """The alert as the contract's JSON object: `*_ms` fields leave as RFC 3339 strings in UTC."""
        fields: dict[str, Any] = msgspec.to_builtins(self)
        outside = {_OUTSIDE(name, name): value for name, value in fields.items()}
        for name in TIMES.values():
            if outside[name] is not None:
                outside[name] = rfc3339(outside[name])
        return outside


_SUFFIX = "_ms"
TIMES = {  # field -> its name outside
    name: name.removesuffix(_SUFFIX) for name in Alert.__struct_fields__ if name.endswith(_SUFFIX)
}
_OUTSIDE = TIMES.get
