"""All settings that the core decides by, made ready once and handed down."""

from mypy_extensions import i64

from streams.alerting.cusum import CusumRule
from streams.alerting.findings_rules import FindingsRule
from streams.alerting.rate_rules import RateRule
from streams.alerting.rule import Rule
from streams.alerting.rules import RuleSet
from streams.base.calendar import Calendar
from streams.base.numbering_rules import NumberingRules, Trace
from streams.base.outcome_flags import watched

FINAL_GRACES = 2  # after so many no operation changes, and none is added


class Core:
    """Immutable by habit. Durations in milliseconds of event time."""

    __slots__ = (
        "calendar", "cusums", "dashboard_url", "detail_seconds", "drift_runbook_url", "findings", "grace_ms",
        "hold_ms", "latency_limits", "numbering", "open_conflicts_max", "packed_rules", "rates", "resend_memory",
        "rules", "watched_kinds",
    )  # fmt: skip

    def __init__(
        self,
        rules: RuleSet,
        numbering: NumberingRules | None = None,
        calendar: Calendar | None = None,
        grace_ms: int = 60_000,
        resend_memory: int = 256,
        open_conflicts_max: int = 1000,
        dashboard_url: str | None = None,
        drift_runbook_url: str | None = None,
    ) -> None:
        self.rules = rules
        self.rates: tuple[RateRule, ...] = tuple(rules.rate_of.values())
        self.findings: tuple[FindingsRule, ...] = tuple(rules.findings_of.values())
        self.cusums: tuple[CusumRule, ...] = tuple(rules.cusum_of.values())
        self.latency_limits = rules.latency_limits  # these four stand here as well for the sake of compiled code
        self.packed_rules = rules.packed
        self.watched_kinds: i64 = watched(rules.watched_anywhere)
        self.numbering = numbering or NumberingRules()
        self.calendar = calendar or Calendar()
        self.grace_ms = grace_ms
        self.resend_memory = resend_memory
        self.open_conflicts_max = open_conflicts_max
        self.dashboard_url = dashboard_url
        self.drift_runbook_url = drift_runbook_url  # the alerts of rules have their rule's
        self.hold_ms = {rule.rule_id: _hold_ms(rule, grace_ms) for rule in rules.by_id.values()}
        self.detail_seconds = rules.longest_window_seconds + grace_ms // 1000
        if self.cusums:
            self.detail_seconds = max(self.detail_seconds, FINAL_GRACES * grace_ms // 1000)

    def traced(self, trace: Trace) -> "Core":
        """The same, with a list in which all projects note what begins and ceases to be out of order."""
        rules = self.numbering
        numbering = NumberingRules(
            rules.settle_ms, rules.deleted, rules.first_number, rules.max_jump, rules.max_episodes, trace
        )
        return Core(
            self.rules, numbering, self.calendar, self.grace_ms, self.resend_memory,
            self.open_conflicts_max, self.dashboard_url, self.drift_runbook_url,
        )  # fmt: skip


def _hold_ms(rule: Rule, grace_ms: int) -> int:
    """How long a firing rule must not be crossed until it is resolved: a window is final when the grace is over."""
    return max(rule.keep_firing_seconds * 1000, grace_ms if rule.measure.has_window else 0)
