"""One partition of a replay: its records through the decoding and the step that the worker uses, and what came of it.

Partitions are independent, as in the worker, so each may be taken by a process of its own.
"""

from collections.abc import Iterator, Sequence

import msgspec

from agents.engine.stored_values import StoredValues
from agents.fetching.record_parsing import UnreadableBatch
from episode_monitor.replay.findings import MAX_FINDINGS, SUSPECT, FindingsOfPartition, ReplayFinding
from episode_monitor.replay.source import Line, Replayed
from models.alert import FINDINGS_ROSE, Alert, AlertStatus
from models.codec import decode_event
from models.dead_letter import Malformed
from models.event import Event
from streams.alerting import rule_types
from streams.alerting.core import Core
from streams.base import changelog_keys, packed_counts
from streams.base.numbering_rules import Trace
from streams.base.steps import finish
from streams.partition.partition import Partition
from streams.project.fingerprint import fingerprint
from streams.project.step import NO_CLOCK
from streams.rates.fleet_seconds import ClosedSeconds
from streams.rates.performance import window

UNKNOWN_TIME_MS = NO_CLOCK
MAX_ALERTS = 10_000  # transitions kept; all are counted
MAX_REFUSED = 1_000  # records kept; all are counted


class Refused(msgspec.Struct, frozen=True):
    """A record that could not be used; of an unreadable batch, the first of its records. `line`: in a file, from 1."""

    partition: int
    offset: int
    line: int | None
    reason: str
    detail: str


class FleetTally(msgspec.Struct):
    """What the partition adds to the sums of all projects, where there are rules on them: the seconds that it has
    closed, all before `closed_until`, and at the end those that are open."""

    closed: list[ClosedSeconds] = []
    closed_until: int | None = None
    open: list[tuple[int, list[int]]] = []


class Tally(msgspec.Struct):
    """What was counted of one partition, from offset `first` to before offset `next`."""

    partition: int
    first: int
    next: int
    events: int = 0
    applied: int = 0
    tombstones: int = 0
    dead_letters: dict[str, int] = {}  # by reason
    refused: list[Refused] = []  # the first 1000
    firings: dict[str, int] = {}  # by rule
    transitions: int = 0
    alerts: list[Alert] = []  # the first 10 000 transitions
    about_numbers: dict[str, dict[str, tuple[int, int]]] = {}  # project -> rule -> transitions and firings of them
    fleet: FleetTally = msgspec.field(default_factory=FleetTally)
    findings: FindingsOfPartition = msgspec.field(default_factory=lambda: FindingsOfPartition(0))


class ProjectOutcome(msgspec.Struct, frozen=True):
    """The end of one project in one partition."""

    project_id: str
    partition: int
    digest: str  # `streams.project.fingerprint`
    episodes: int
    gaps: int
    duplicates: int


class RateWindow(msgspec.Struct, frozen=True):
    """The window of a rule at the end of a partition, all projects together."""

    rule_id: str
    bad: int
    whole: int


class Outcome(msgspec.Struct, frozen=True):
    """The end of one partition. `findings`: the first 10 000 that are open or suspect, of how many by project."""

    tally: Tally
    clock_ms: int
    projects: list[ProjectOutcome]
    findings: list[ReplayFinding]
    findings_total: dict[str, int]
    suspects: dict[str, int]  # project -> numbers that are suspect or set aside
    windows: list[RateWindow]


class Saved(msgspec.Struct, frozen=True):
    """The state of one partition after a record, as `PartitionReplay` goes on from it."""

    tally: Tally
    values: dict[bytes, bytes]


class PartitionReplay:
    """Takes the records of one partition; offsets must rise."""

    def __init__(self, core: Core, number: int, first: int, saved: Saved | None = None) -> None:
        """From offset `first`, or where `saved` ends."""
        self._store = StoredValues({} if saved is None else dict(saved.values))
        self._trace: Trace = []
        self._core = core.traced(self._trace)
        self.partition = Partition(self._core, number, self._store, 1_000, apart=True)
        self.tally = Tally(number, first, first, findings=FindingsOfPartition(number))
        if saved is not None:
            finish(self.partition.restore())
            self.tally = saved.tally

    # --- records

    def take(self, records: Sequence[Replayed], after: int | None = None) -> None:
        """Records in order. `after`: where the next batch begins, if not after the last of them."""
        tally, partition, take, trace, applied = self.tally, self.partition, self.partition.take, self._trace, 0
        for record in records:
            timestamp = record.timestamp
            written_ms = UNKNOWN_TIME_MS if timestamp is None or timestamp < 0 else timestamp
            decoded = decode_event(record.key, record.value, record.headers, written_ms)
            if type(decoded) is Event:
                applied += take(decoded, record.offset, written_ms)
                if trace:
                    self._note_findings(decoded, record.offset)
            else:
                partition.pass_over(record.offset)
                if isinstance(decoded, Malformed):
                    self._refuse(record, decoded)
                else:
                    tally.tombstones += 1
        tally.applied += applied
        tally.events += len(records)
        tally.next = max(tally.next, partition.next_offset if after is None else after)
        self._note_emits()
        self._note_closed()

    def _note_closed(self) -> None:
        totals, tally = self.partition.totals, self.tally.fleet
        totals.close()
        fleet = totals.fleet
        if fleet is not None and fleet.closed:
            tally.closed += fleet.closed
            tally.closed_until = fleet.closed_until
            fleet.sent(fleet.closed_until)

    def _note_findings(self, event: Event, offset: int) -> None:
        state = self.partition.state(event.project_id)
        assert state is not None
        self.tally.findings.apply(self._trace, state, offset, event.occurred_at_ms)

    def _refuse(self, record: Replayed, malformed: Malformed) -> None:
        """Named as the worker's dead letter names it."""
        tally, offset, reason, detail = self.tally, record.offset, malformed.reason.value, malformed.detail
        if isinstance(record, UnreadableBatch):
            offset, reason, detail = record.first_offset, record.reason.value, record.detail
        tally.dead_letters[reason] = tally.dead_letters.get(reason, 0) + 1
        if len(tally.refused) < MAX_REFUSED:
            line = offset + 1 if isinstance(record, Line) else None
            tally.refused.append(Refused(tally.partition, offset, line, reason, detail))

    def _note_emits(self) -> None:
        emits = self.partition.emits
        if not emits:
            return
        self.partition.emits = []
        tally = self.tally
        tally.transitions += len(emits)
        for alert in emits:
            is_firing = alert.status is AlertStatus.FIRING and alert.reason != FINDINGS_ROSE
            tally.firings[alert.rule_id] = tally.firings.get(alert.rule_id, 0) + is_firing
            if alert.alert_type == rule_types.INTEGRITY.name:
                by_rule = tally.about_numbers.setdefault(alert.project_id, {})
                transitions, firings = by_rule.get(alert.rule_id, (0, 0))
                by_rule[alert.rule_id] = (transitions + 1, firings + is_firing)
        tally.alerts.extend(emits[: MAX_ALERTS - len(tally.alerts)])

    # --- memory

    @property
    def decoded(self) -> int:
        """Projects whose states are kept as objects."""
        return self.partition.checkpointer.unstored

    def pack(self) -> None:
        """Keep all states as they would be stored: very many fit the memory only so."""
        self._store.apply(self.partition.collect())

    def saved(self) -> Saved:
        """The state as it is now; what is taken afterwards leaves it alone."""
        self.pack()
        cursor = msgspec.msgpack.encode(self.partition.checkpointer.cursor)
        tally = msgspec.msgpack.decode(msgspec.msgpack.encode(self.tally), type=Tally)
        return Saved(tally, {**dict(self._store.items()), changelog_keys.CURSOR: cursor})

    # --- the end

    def finish(self, until_ms: int | None) -> None:
        """Let event time reach this moment, as the wall clock does on an idle partition; None: the newest event's."""
        self.partition.run_due()
        if until_ms is not None:
            self.partition.advance_clock(until_ms)
        # Which project comes first at one moment depends on when states were packed.
        self.partition.emits.sort(key=lambda alert: (alert.updated_at_ms, alert.project_id))
        self._note_emits()
        self._note_closed()
        fleet = self.partition.totals.fleet
        self.tally.fleet.open = [] if fleet is None else fleet.open

    def projects(self) -> Iterator[ProjectOutcome]:
        """Every project as it stands, in the order in which they were seen."""
        partition, number = self.partition, self.partition.number
        for project_id, head in partition.heads():
            state = partition.state(project_id)
            if state is not None:
                digest = fingerprint(state)
                yield ProjectOutcome(project_id, number, digest, head.episodes, head.gaps, head.duplicates)

    def outcome(self) -> Outcome:
        """What came of it."""
        found: list[ReplayFinding] = []
        totals: dict[str, int] = {}
        suspects: dict[str, int] = {}
        for project_id in sorted(self.tally.findings.watched):
            state = self.partition.state(project_id)
            assert state is not None
            for finding in self.tally.findings.now(state):
                totals[project_id] = totals.get(project_id, 0) + 1
                if len(found) < MAX_FINDINGS:
                    found.append(finding)
                if finding.state == SUSPECT:
                    numbers = 1 + finding.last_number - finding.first_number
                    suspects[project_id] = suspects.get(project_id, 0) + numbers
        return Outcome(
            self.tally, self.partition.clock_ms, list(self.projects()), found, totals, suspects, self._windows()
        )

    def _windows(self) -> list[RateWindow]:
        totals, core = self.partition.totals, self._core
        totals.fold()
        found = []
        for rate in core.rates:
            minutes = core.rules.by_id[rate.rule_id].window_minutes
            tally, _ = window(totals.series, minutes, self.partition.clock_ms)
            counts = packed_counts.field(tally, rate.bad_shift), packed_counts.field(tally, rate.whole_shift)
            found.append(RateWindow(rate.rule_id, *counts))
        return found
