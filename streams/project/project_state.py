"""The state of one project. Changed by `streams.project.step` and, where a finding is waived, by
`streams.project.findings`."""

from mypy_extensions import i64, mypyc_attr

from streams.alerting.alert_state import AlertState
from streams.alerting.core import Core
from streams.alerting.cusum import Score
from streams.numbering.numbering import Numbering
from streams.rates.days import DayTotals
from streams.rates.dedup_window import RecentKeys, SequenceMemory
from streams.rates.operation_series import OperationSeries
from streams.rates.operations import Counter, Operations
from streams.rates.totals import PartitionTotals

HOURS_KEPT = 25  # a day of trend, and the hour that is open


@mypyc_attr(acyclic=True)
class ProjectState(Counter):
    """The state of one project. Times are event time in milliseconds."""

    __slots__ = (
        "alerts", "applied", "begun", "behind_ms", "chunk_versions", "conflict_events", "core", "counted", "cusums",
        "deadline_ms", "ending_conflicts", "is_dirty", "late", "latest_ms", "needs_evaluation", "newest_ms", "now_ms",
        "numbering", "operations", "project_id", "rate_check_ms", "resends", "retries", "seen", "sequences", "series",
        "shared", "split", "watchful",
    )  # fmt: skip

    def __init__(self, core: Core, project_id: str) -> None:
        self.core = core
        self.project_id = project_id
        self.applied = -1  # offset of the last record taken
        self.latest_ms = 0  # event time: no event was later, not even one that was ahead of the clock
        self.newest_ms = 0  # the same of what the events could know: one that was ahead moved it to the clock
        self.now_ms = 0  # what windows and alerts have reached; deadlines may carry it past the newest event
        self.behind_ms = 0  # so far the newest event lies behind its record's time, where that may be a clock's fault
        self.deadline_ms: int | None = None  # when something changes although no event comes
        self.rate_check_ms = 0  # until then no rate can cross its threshold by old operations leaving alone; 0: never
        self.watchful = False  # some rate waits for samples, so that even a good operation may cross its threshold
        self.needs_evaluation = False
        self.series = OperationSeries(core.rules.window_lengths, core.detail_seconds, HOURS_KEPT)
        self.operations = Operations(core.open_conflicts_max, core.resend_memory, core.grace_ms)
        self.numbering = Numbering(core.numbering)
        self.seen = RecentKeys(core.resend_memory)
        self.sequences = SequenceMemory()
        self.alerts: dict[str, AlertState] = {}  # rule -> where it stands
        self.begun: dict[str, int] = {}  # rule -> when it last began; two in one millisecond must not share an id
        self.cusums: dict[str, Score] = {}  # by `CusumRule.key`
        self.counted = DayTotals()  # since the beginning, today and the day before
        self.conflict_events = 0
        self.ending_conflicts = 0  # endings with had_conflict whose operation sent no conflict event
        self.retries = [0, 0, 0]  # conflict, timeout, error
        self.resends = 0
        self.late = 0
        self.chunk_versions: dict[int, int] = {}  # chunks stored apart -> version
        self.is_dirty = False  # changed since it was last stored; kept by the partition
        self.split: tuple[int, ...] = ()  # all partitions that have events of it, where there are several
        self.shared: PartitionTotals | None = None  # what the partition adds up to, while it takes part in that

    @property
    def conflicts_total(self) -> int:
        """Conflict events, and conflicts known from endings alone."""
        return self.conflict_events + self.ending_conflicts

    @property
    def totals(self) -> int:
        """Tally since the beginning."""
        self.counted.fold()
        return self.counted.totals

    @property
    def days(self) -> dict[int, int]:
        """Day -> tally, today and the day before."""
        self.counted.fold()
        return self.counted.days

    def count(self, at_ms: i64, kind: i64, duration_us: i64) -> None:
        """Count an operation at its event time."""
        second: i64 = at_ms // 1000
        self.series.add(second, kind, duration_us)
        self.counted.count(self.core.calendar.day(at_ms), kind, duration_us)
        if kind & self.core.watched_kinds:
            self.needs_evaluation = True
        if self.shared is not None:
            self.shared.count(second, kind, duration_us)

    def take_back(self, at_ms: i64, kind: i64, duration_us: i64) -> None:
        """Take back an operation that was counted."""
        second: i64 = at_ms // 1000
        self.series.remove(second, kind, duration_us)
        self.counted.take_back(self.core.calendar.day(at_ms), kind, duration_us)
        self.needs_evaluation = True
        if self.shared is not None:
            self.shared.take_back(second, kind, duration_us)
