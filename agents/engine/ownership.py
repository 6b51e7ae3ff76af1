"""One partition as this worker owns it: recovering, then live, then gone. Only a live one takes and writes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum

import structlog
from aiokafka import TopicPartition

from agents.engine.changelog import PartitionLog
from agents.engine.checkpoint import Checkpoint, Collected, cursor_record
from agents.engine.holding import HeldAlerts
from agents.engine.inbox import ENOUGH_BYTES, Inbox
from agents.engine.partition_audit import PartitionAudit
from agents.engine.record_counts import RecordCounts
from agents.engine.stored_values import StoredValues
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.time_slices import in_slices, let_others
from models.codec import decode_event
from models.dead_letter import DeadLetter, Malformed, dead_batch, dead_letter
from models.event import Event
from streams.alerting.core import Core
from streams.base.checkpoint_types import Cursor, Section
from streams.partition.drift_alerts import KEEPER, DriftAlerts
from streams.partition.fleet_judge import FleetJudge
from streams.partition.partition import Partition
from streams.partition.quick_taking import take_quick
from streams.project.step import NO_CLOCK

log = structlog.get_logger(__name__)

RESTORE_SLICE_SECONDS = 0.005
MAX_KEYLESS = 10_000  # projects remembered by name for having records without a key


class PartitionPhase(Enum):
    """Where the partition stands."""

    RECOVERING = "recovering"
    LIVE = "live"
    GONE = "gone"


@dataclass
class Recovered:
    """What reading the partition back brought, and how long it took."""

    records: int = 0
    projects: int = 0
    seconds: float = 0.0


@dataclass
class Arrival:
    """How near a partition that is behind is to the present; clocks are monotonic seconds."""

    arrived_at: float | None = None  # while it is behind for the sake of others alone
    at_end_since: float | None = None  # while nothing waits for long
    at_end_at: float = 0.0  # the last look at which nothing waited
    late_ms: int = 0  # its events come so late all the time: a producer's clock is behind


class Change:
    """A live partition under its lock: the only way to emit. `async with owned.locked() as change` gives it, or None
    where the partition is not live, and it ends with the block: nothing is stored between a change and its emission.
    """

    __slots__ = ("_is_open", "_lock", "owned")

    def __init__(self, owned: "Owned", lock: asyncio.Lock) -> None:
        self.owned = owned
        self._lock = lock
        self._is_open = False

    def check(self) -> None:
        """Raises RuntimeError if the lock is no longer held."""
        if not self._is_open:
            raise RuntimeError("emitting takes the lock under which the partition was changed")

    async def __aenter__(self) -> "Change | None":
        await self._lock.acquire()
        self._is_open = self.owned.is_live
        return self if self._is_open else None

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        self._lock.release()


class Owned:
    """A partition in this worker's hands."""

    def __init__(
        self, topic: str, number: int, generation: int, core: Core, cached_projects: int,
        enough_bytes: int = ENOUGH_BYTES, audit: PartitionAudit | None = None,
        new_store: Callable[[], StoredValues] = StoredValues,
    ) -> None:  # fmt: skip
        """`new_store` makes an empty store, to be filled with the changelog's values."""
        self.topic = topic
        self.number = number
        self.generation = generation
        self.phase = PartitionPhase.RECOVERING
        self.is_behind = True  # what it emits is of the past: more of that past is still to be taken
        self.arrival = Arrival()
        self.problem = ""  # one sentence of what keeps it from being read, and what to do
        self.recovered = Recovered()
        self.counts = RecordCounts()
        self.taken_at = time.monotonic()  # when it last made progress
        self.letters_in_a_row = 0
        self.held = HeldAlerts()  # emitted when the other partitions were asked
        self.keyless: set[str] = set()  # projects that had records without a key since this worker owns the partition
        self.position = 0  # next offset to take
        self.committed = 0  # next offset, all before it is stored
        self.reading = 0  # number of the reading whose records are taken; 0: none
        self.inbox = Inbox(enough_bytes)
        self.new_store = new_store
        self.store = new_store()
        self.log: PartitionLog | None = None
        self._core = core
        self._cached_projects = cached_projects
        self.drift_alerts = DriftAlerts(core)  # of the whole fleet; stored with partition KEEPER alone
        self.fleet_judge = self._new_judge()
        self.partition = self._new_partition(self.drift_alerts, self.fleet_judge)
        self.audit = audit
        self.checkpoint = Checkpoint(audit)
        self._lock = asyncio.Lock()

    @property
    def is_live(self) -> bool:
        """Whether it may take, emit and write."""
        return self.phase is PartitionPhase.LIVE

    def locked(self) -> Change:
        """To be entered: changes the partition, or must not see it change."""
        return Change(self, self._lock)

    @property
    def source(self) -> TopicPartition:
        """The events' partition."""
        return TopicPartition(self.topic, self.number)

    def _new_judge(self) -> FleetJudge | None:
        """Of the rules on all projects, where there are any; with partition KEEPER alone."""
        return FleetJudge(self._core) if self.number == KEEPER and self._core.rules.fleet else None

    def _new_partition(self, drift_alerts: DriftAlerts, judge: FleetJudge | None) -> Partition:
        of_fleet: list[Section] = [drift_alerts] if judge is None else [drift_alerts, judge]
        sections = of_fleet if self.number == KEEPER else ()
        return Partition(self._core, self.number, self.store, self._cached_projects, sections=sections)

    async def recover(self, values: StoredValues) -> None:
        """Make the partition from its changelog's values, in slices that leave the loop to others."""
        self.store = values
        self.partition = self._new_partition(self.drift_alerts, self.fleet_judge)
        await in_slices(self.partition.restore(), RESTORE_SLICE_SECONDS)
        self.recovered.projects = len(self.partition.index.head_keys)
        self.position = self.committed = self.partition.next_offset
        self.checkpoint.recovered(values.few)
        if self.audit is not None:
            self.audit.recover(self.partition, values)

    async def adopt(self, core: Core) -> None:
        """Read everything that is stored by other rules. To be called when all is stored, and nothing is taken."""
        self._core = core
        before = Cursor(self.partition.next_offset, self.partition.clock_ms)  # which the values in memory lack
        self.store.put(*cursor_record(before))
        drift_alerts, judge = DriftAlerts(core), self._new_judge()
        partition = self._new_partition(drift_alerts, judge)
        await in_slices(partition.restore(), RESTORE_SLICE_SECONDS)
        self.partition, self.drift_alerts, self.fleet_judge = partition, drift_alerts, judge
        if self.audit is not None:
            self.audit.adopt(core, partition, self.store)

    def begin_at(self, first_offset: int, known_letters: set[int]) -> None:
        """`first_offset`: where the events' partition begins; of the records in `known_letters` dead letters exist."""
        if self.position < first_offset:
            if self.position:
                log.error("events were deleted before they were read", partition=self.number, position=self.position,
                          first_offset=first_offset)  # fmt: skip
            self.position = self.committed = first_offset
        self.checkpoint.expect_letters(known_letters)
        if self.audit is not None:
            self.audit.begin_at(self.position)

    # --- storing

    def has_to_store(self, *, is_last: bool) -> bool:
        """Whether a flush would write anything. `is_last`: the partition goes to another owner."""
        return self.partition.is_dirty or (self.audit is not None and self.audit.is_due(is_last=is_last))

    def cut(self, letters_from: int) -> None:
        """See `Checkpoint.cut`."""
        self.checkpoint.cut(self.partition, letters_from)

    async def collect(
        self, give_way: Callable[[], Awaitable[None]] = let_others, *, is_last: bool = False
    ) -> Collected:
        """See `Checkpoint.collect`."""
        return await self.checkpoint.collect(self.partition, self.store, give_way, is_last=is_last)

    def stored(self, collected: Collected) -> None:
        """The broker has it."""
        self.checkpoint.stored(collected)
        self.partition.totals.stored()
        self.committed = collected.next_offset

    # --- taking

    def take(self, records: Sequence[Record], now_ms: Callable[[], int]) -> list[DeadLetter]:
        """Decode and apply records in order; returns the dead letters among them."""
        letters: list[DeadLetter] = []
        if records and records[0].offset < self.position:
            records = [record for record in records if record.offset >= self.position]
        clock_ms = max(now_ms(), self.partition.clock_ms)  # one that was set back must not make everything too early
        known_letters, place = self.checkpoint.known_letters, 0
        has_known = bool(known_letters) and any(record.offset in known_letters for record in records)
        while place < len(records):
            if not has_known:
                place = self._take_quick(records, place, clock_ms)
            if place < len(records):
                letters += self._take_one(records[place], clock_ms)
                place += 1
        if records:
            if type(records[-1]) is not UnreadableBatch:  # which may become readable
                self.checkpoint.last_taken = records[-1]
            if self.audit is not None:
                self.audit.take(records)
        self.taken_at = time.monotonic()
        return letters

    def _take_quick(self, records: Sequence[Record], first: int, clock_ms: int) -> int:
        place, applied = take_quick(self.partition, records, first, clock_ms)
        if place > first:
            outcomes = self.counts.outcomes
            outcomes["applied"] += applied
            outcomes["already_applied"] += place - first - applied
            self.position, self.letters_in_a_row = records[place - 1].offset + 1, 0
        return place

    def _take_one(self, record: Record, clock_ms: int) -> list[DeadLetter]:
        partition, offset, outcomes = self.partition, record.offset, self.counts.outcomes
        decoded = decode_event(record.key, record.value, record.headers, clock_ms)
        self.position = offset + 1
        if offset in self.checkpoint.known_letters:  # it may look good now: what lay in the future then no longer does
            self.checkpoint.known_letters.discard(offset)
            partition.pass_over(offset)
        elif type(decoded) is Event:
            self.letters_in_a_row = 0
            if record.key is None and len(self.keyless) < MAX_KEYLESS:
                self.keyless.add(decoded.project_id)
            written_ms = NO_CLOCK if record.timestamp is None else record.timestamp
            was_news = partition.take(decoded, offset, written_ms, clock_ms)
            outcomes["applied" if was_news else "already_applied"] += 1
        else:
            partition.pass_over(offset)
            if isinstance(decoded, Malformed):
                self.letters_in_a_row += 1
                return [self._dead_letter(record, decoded)]
            outcomes["tombstone"] += 1
        return []

    def pass_to(self, next_offset: int) -> None:
        """What lies before this offset and was not taken is no event: transaction markers and what was aborted."""
        if next_offset > self.position:
            self.position = next_offset
            self.partition.pass_over(next_offset - 1)

    def _dead_letter(self, record: Record, malformed: Malformed) -> DeadLetter:
        unreadable = record if isinstance(record, UnreadableBatch) else None
        if unreadable is not None:
            malformed = Malformed(unreadable.reason, unreadable.detail)
        self.counts.dead_letter(malformed.reason.value)
        if unreadable is not None:
            first, last = unreadable.first_offset, unreadable.offset
            return dead_batch(self.topic, self.number, first, last, unreadable.kept, malformed)
        return dead_letter(self.topic, self.number, record.offset, record.key, record.value, record.headers, malformed)
