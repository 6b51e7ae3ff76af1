"""A rule, and what all types of rule share. The types are in `streams.alerting.rule_types`."""

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from enum import Enum
from typing import Annotated, Any, Protocol

import msgspec
from msgspec import Meta

from models.alert import Severity
from models.wording import MOST_DIGITS, apart, number
from streams.alerting.cusum import CusumRule
from streams.alerting.findings_rules import FindingsRule
from streams.alerting.rate_rules import RateRule
from streams.alerting.statistics import BurnRate, Cusum
from streams.alerting.verdict import Measurement, Verdict
from streams.numbering.numbering import Numbering
from streams.rates.operation_series import OperationSeries

STATISTICS = frozenset(("confidence", "burn_rate", "cusum"))
FLEET = "_fleet"  # the project of alerts that are about all projects
MAX_WINDOW_MINUTES = 1440  # a day of single seconds a project
_Count = Annotated[int, Meta(ge=1, le=10**9)]
_Seconds = Annotated[int, Meta(ge=0, le=86_400)]


class Scope(Enum):
    """What a rule is judged on: each project, or all of them together."""

    PROJECT = "project"
    FLEET = "fleet"


class JudgedProject(Protocol):
    """What a rule may look at. Times are event time in milliseconds."""

    project_id: str
    series: OperationSeries
    numbering: Numbering
    split: tuple[int, ...]  # its partitions, where there are several
    now_ms: int
    latest_ms: int


class RuleType:
    """One `alert_type`: how it is judged, how its numbers are written, and what it means.

    This class alone is a type that no rule can name: of the monitor's own alerts, or of a newer version.
    """

    page_unit = ("{0}", "{0}")  # on the built-in page, in English and Korean
    meaning = ""  # crossed when; {0} is the threshold with its unit, {1} the window
    wanted = ""  # what a threshold must be
    suffix = ""  # that a threshold may have
    default_threshold = ""
    max_threshold = Decimal("Infinity")
    has_window = False

    def __init__(self, name: str, unit: str = "", units: str = "") -> None:
        """`unit`, or `units` but for 1, follows a number after a space."""
        self.name, self.unit, self.units = name, unit, units or unit

    def __repr__(self) -> str:
        return f"RuleType({self.name!r})"

    # --- how it is judged

    def rate_rule(self, rule: "Rule", windows: Sequence[int], latency_limits: tuple[float, ...]) -> RateRule:
        """The counts by which a type with a window is judged. `windows`: the lengths of all windows, in seconds."""
        raise NotImplementedError

    def findings_rule(self, rule: "Rule") -> FindingsRule:
        """How many findings a type without a window allows."""
        raise NotImplementedError

    def measurement(self, rule: "Rule", project: JudgedProject, verdict: Verdict) -> Measurement:
        """What the alert reports."""
        raise NotImplementedError

    def fleet_measurement(self, rule: "Rule", verdict: Verdict) -> Measurement:
        """The same of a rule on all projects together, of a type with a window."""
        raise NotImplementedError

    def cusum_rule(self, rule: "Rule", version: str) -> CusumRule | None:
        """For a rule with a CUSUM; None where the type cannot have one."""
        return None

    # --- how it is written

    def parse_threshold(self, raw: object) -> Decimal | None:
        """A threshold of the rules file, with or without its unit; None: it cannot be one."""
        text = str(self.default_threshold if raw is None else raw).strip().removesuffix(self.suffix).strip()
        try:
            threshold = Decimal(text)
        except InvalidOperation:
            return None
        fits = not isinstance(raw, bool) and threshold.is_finite() and 0 <= threshold <= self.max_threshold
        return threshold if fits else None

    def format_value(self, value: float | None, threshold: float) -> str:
        """A value with its unit, in as many digits as distinguish it from its threshold."""
        return "no data" if value is None else self._with_unit(apart(value, threshold, self.unit == "%"))

    def format_threshold(self, threshold: float) -> str:
        """A threshold with its unit."""
        return self._with_unit(number(threshold, MOST_DIGITS))

    def _with_unit(self, text: str) -> str:
        unit = self.unit if text == "1" else self.units
        return f"{text} {unit}" if unit else text


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. The unit of `threshold` is that of its type."""

    rule_id: str
    measure: RuleType
    severity: Severity
    threshold: Decimal
    window_minutes: Annotated[int, Meta(ge=1, le=MAX_WINDOW_MINUTES)] = 0  # 0 for a type without a window
    description: str
    min_samples: _Count = 1
    min_bad: _Count = 1
    for_seconds: _Seconds = 0
    keep_firing_seconds: _Seconds = 0
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    runbook_url: str | None = None
    confidence: Decimal | None = None  # percent: the lower end of Wilson's interval is judged in place of the rate
    burn_rate: BurnRate | None = None
    cusum: Cusum | None = None
    scope: Scope = Scope.PROJECT

    @property
    def windows_minutes(self) -> tuple[int, ...]:
        """The lengths of its windows."""
        if not self.window_minutes:
            return ()
        return (self.window_minutes,) if self.burn_rate is None else (self.window_minutes, self.burn_rate.short_minutes)

    def to_dict(self) -> dict[str, Any]:
        """All fields as JSON values; `measure` by its name. Statistics that the rule does not ask for are left out, and
        the scope of a rule on each project."""
        fields: dict[str, Any] = msgspec.to_builtins(self, enc_hook=lambda rule_type: rule_type.name)
        if self.scope is Scope.PROJECT:
            del fields["scope"]
        return {name: value for name, value in fields.items() if value is not None or name not in STATISTICS}
