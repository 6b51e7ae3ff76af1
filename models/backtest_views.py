"""What a backtest answers: two sets of rules over the same events. Times are RFC 3339 in UTC, durations seconds."""

import msgspec


class ProjectFirings(msgspec.Struct, frozen=True, kw_only=True):
    """How often and how long alerts of one project fired."""

    project_id: str
    firings: int
    seconds: float


class FiringStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """How alerts fired. What still fires at the end of the range counts up to there."""

    firings: int
    seconds: float  # of all together
    median_seconds: float | None  # null without firings
    longest_seconds: float | None
    at_night: int  # that began at night
    still_firing: int
    projects: int
    worst_projects: list[ProjectFirings]  # the ten that fired longest


class RuleStatistics(msgspec.Struct, frozen=True, kw_only=True):
    """One rule over the range."""

    rule_id: str
    severity: str
    statistics: FiringStatistics


class RulesOverRange(msgspec.Struct, frozen=True, kw_only=True):
    """One set of rules over the range. `left_out`: firings beyond the bound of memory, which are only counted."""

    source: str  # the file, or "in force"
    digest: str  # the version of the rules
    rules: list[RuleStatistics]
    total: FiringStatistics
    never_fired: list[str]
    left_out: int = 0


class FiringSpan(msgspec.Struct, frozen=True, kw_only=True):
    """One firing. `ended_at` is null where it still fires at the end of the range."""

    started_at: str
    ended_at: str | None
    severity: str


class ChangedFiring(msgspec.Struct, frozen=True, kw_only=True):
    """A firing that is not the same under both sets of rules: null where it is missing.

    `what`: `only_old`, `only_new`, or one or more of `earlier`, `later`, `longer`, `shorter`, `severity`.
    """

    project_id: str
    what: list[str]
    old: FiringSpan | None
    new: FiringSpan | None


class RuleChange(msgspec.Struct, frozen=True, kw_only=True):
    """One rule, old and new: how many firings are the same, and how many differ in which way. A firing that begins
    earlier and lasts longer counts in both."""

    rule_id: str
    kind: str  # "added" | "removed" | "changed" | "same"
    same: int = 0
    only_old: int = 0
    only_new: int = 0
    earlier: int = 0
    later: int = 0
    longer: int = 0
    shorter: int = 0
    severity: int = 0
    firings: list[ChangedFiring] = []  # the first 100 that differ


class PartitionOffset(msgspec.Struct, frozen=True, kw_only=True):
    """A place in a partition."""

    partition: int
    offset: int


class BacktestResult(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="backtest"):
    """The firings of old and new rules over the same records, and what changes from old to new."""

    events: int
    dead_letters: dict[str, int]  # by reason
    begin: list[PartitionOffset] = msgspec.field(name="from")
    end: list[PartitionOffset] = msgspec.field(name="to")
    warnings: list[str]
    split_projects: int  # in several partitions: without alerts about their numbers
    night: str  # "22-07 Asia/Seoul"
    equal: bool  # no firing differs
    old: RulesOverRange
    new: RulesOverRange
    changes: list[RuleChange]
