"""One partition as this worker owns it: recovering, then live, then gone. Only a live one takes and writes."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from enum import Enum

import msgspec
import structlog
from aiokafka import TopicPartition

from agents.engine.changelog import PartitionLog
from agents.engine.holding import HeldAlerts
from agents.engine.last_record import KEY as WITNESS
from agents.engine.last_record import LastRecord, decode_witness, encode_witness, witness_of
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.time_slices import in_slices, let_others
from models.codec import Malformed, decode_event
from models.dead_letter import DeadLetter, dead_batch, dead_letter
from models.event import Event
from streams.alerting.core import Core
from streams.base import changelog_keys
from streams.base.checkpoint_types import Changes, Cursor
from streams.partition.drift_alerts import KEEPER, DriftAlerts
from streams.partition.partition import Partition
from streams.project.step import NO_CLOCK

log = structlog.get_logger(__name__)

RESTORE_SLICE_SECONDS = 0.005
MAX_KEYLESS = 10_000  # projects remembered by name for having records without a key
ENOUGH_RECORDS = 5_000  # more than one answer of a broker holds, so that the next one is asked for meanwhile
ENOUGH_BYTES = 64 * 1024 * 1024  # of all partitions together, by a guess of what they take in memory
LEAST_BYTES = 1024 * 1024  # of one of very many

Records = list[tuple[bytes, bytes | None]]


def cursor_record(cursor: Cursor) -> tuple[bytes, bytes]:
    """The changelog record that says up to where a partition is complete."""
    return changelog_keys.CURSOR, msgspec.msgpack.encode(cursor)


class PartitionPhase(Enum):
    """Where the partition stands."""

    RECOVERING = "recovering"
    LIVE = "live"
    GONE = "gone"


class StoredValues:
    """The stored values of a partition, as a `streams.partition.partition.Store`."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values
        self.get = values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """A snapshot, so that a reader may yield to the loop."""
        return iter(list(self.values.items()))

    def apply(self, changes: Changes) -> None:
        """Hold what was collected, and no longer what its heads do not name."""
        for key, value in changes.writes:
            if value is not None:
                self.values[key] = value
        for key in changes.garbage:
            self.values.pop(key, None)


class Collected(msgspec.Struct, frozen=True):
    """What one flush writes: the state first and, once the broker has it, the closing that says how far it goes."""

    state: Records
    closing: Records
    next_offset: int
    garbage: list[bytes]


class Inbox:
    """Fetched and not yet taken. Whoever puts never waits."""

    def __init__(self, enough_bytes: int = ENOUGH_BYTES) -> None:
        self.records = 0
        self.size_bytes = 0
        self._enough_bytes = enough_bytes
        self._waiting: deque[Fetched] = deque()
        self._news = asyncio.Event()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether no more should be asked for now."""
        return self.records >= ENOUGH_RECORDS or self.size_bytes >= self._enough_bytes

    def put(self, fetched: Fetched) -> None:
        """Add to the end."""
        self._waiting.append(fetched)
        self.records += len(fetched.records)
        self.size_bytes += fetched.size_bytes
        self._news.set()

    async def get(self) -> Fetched:
        """The first, waiting for one."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        fetched = self._waiting.popleft()
        self.records -= len(fetched.records)
        self.size_bytes -= fetched.size_bytes
        return fetched


class Counts:
    """What became of records, by outcome, and of dead letters, by reason."""

    def __init__(self) -> None:
        self.outcomes = {"applied": 0, "already_applied": 0, "dead_letter": 0, "tombstone": 0}
        self.dead_letters_by_reason: dict[str, int] = {}

    def add(self, other: "Counts") -> None:
        """Count what another has counted as well."""
        for sums, counts in (
            (self.outcomes, other.outcomes),
            (self.dead_letters_by_reason, other.dead_letters_by_reason),
        ):
            for name, count in counts.items():
                sums[name] = sums.get(name, 0) + count


class Owned(Counts):
    """A partition in this worker's hands, and what it has counted there."""

    def __init__(
        self, topic: str, number: int, generation: int, core: Core, cached_projects: int,
        enough_bytes: int = ENOUGH_BYTES,
    ) -> None:  # fmt: skip
        super().__init__()
        self.topic = topic
        self.number = number
        self.generation = generation
        self.phase = PartitionPhase.RECOVERING
        self.is_behind = True  # what it tells is of the past: more of that past is still to be taken
        self.arrived_at: float | None = None  # monotonic; while it is behind for the sake of others alone
        self.at_end_since: float | None = None  # monotonic; while it is behind and nothing waits for long
        self.at_end_at = 0.0  # monotonic; the last look at which nothing waited
        self.late_ms = 0  # its events come so late all the time: a producer's clock is behind
        self.problem = ""  # one sentence of what keeps it from being read, and what to do
        self.recovered_records = 0
        self.recovered_projects = 0
        self.recovery_seconds = 0.0
        self.taken_at = time.monotonic()  # when it last made progress
        self.letters_in_a_row = 0
        self.held = HeldAlerts()  # told when the other partitions were asked
        self.keyless: set[str] = set()  # projects that had records without a key since this worker owns the partition
        self.position = 0  # next offset to take
        self.committed = 0  # next offset, all before it is stored
        self.reading = 0  # number of the reading whose records are taken; 0: none
        self.inbox = Inbox(enough_bytes)
        self.store = StoredValues({})
        self.log: PartitionLog | None = None
        self._core = core
        self._cached_projects = cached_projects
        self.drift_alerts = DriftAlerts(core)  # of the whole fleet; stored with partition KEEPER alone
        self.partition = self._new_partition()
        self.turn = asyncio.Lock()  # of whoever changes the partition, or must not see it change
        self.storing = asyncio.Lock()  # one writes to its log at a time
        self.witness: LastRecord | None = None
        self._last: Record | None = None  # last record taken, until the next flush
        self._buried: set[int] = set()  # offsets whose dead letters were written before the last crash
        self._buried_from = -1  # and from where on those letters lie in their topic
        self._garbage: list[bytes] = []
        self._closing: Records = []  # of what is being collected

    @property
    def source(self) -> TopicPartition:
        """The events' partition."""
        return TopicPartition(self.topic, self.number)

    def _new_partition(self) -> Partition:
        sections = (self.drift_alerts,) if self.number == KEEPER else ()
        return Partition(self._core, self.number, self.store, self._cached_projects, sections=sections)

    async def recover(self, values: dict[bytes, bytes]) -> None:
        """Make the partition from its changelog's values, in slices that leave the loop to others."""
        self.store = StoredValues(values)
        self.partition = self._new_partition()
        await in_slices(self.partition.restore(), RESTORE_SLICE_SECONDS)
        self.recovered_projects = len(self.partition.index.head_keys)
        self.position = self.committed = self.partition.next_offset
        self.witness = decode_witness(values.get(WITNESS))

    def begin_at(self, first_offset: int, buried: set[int]) -> None:
        """`first_offset` is where the events' partition begins; of the records in `buried` dead letters exist."""
        if self.position < first_offset:
            if self.position:
                log.error("events are gone before they were read", partition=self.number, position=self.position,
                          first_offset=first_offset)  # fmt: skip
            self.position = self.committed = first_offset
        self._buried = buried
        self._buried_from = -1 if self.witness is None else self.witness.letters_from

    # --- storing

    def cut(self, letters_from: int) -> None:
        """From now on `collect` gives the partition as it is now. To be called in its turn, so that all that was taken
        has been told; then records may be taken again."""
        self.partition.cut()
        self._closing = []
        if self._last is not None:
            self.witness = witness_of(self._last, self._buried_from if self._buried else letters_from)
            self._last = None
            self._closing.append(encode_witness(self.witness))

    async def collect(self, give_way: Callable[[], Awaitable[None]] = let_others) -> Collected:
        """What to write after a `cut`. The values in memory change together with it: they must never be older."""
        changes = await in_slices(self.partition.checkpointer.collecting(), give_way=give_way)
        self.store.apply(changes)
        garbage, self._garbage = self._garbage, []
        state = [*changes.writes, *((key, None) for key in garbage)]
        closing = [*self._closing, cursor_record(changes.cursor)]
        return Collected(state, closing, changes.cursor.next_offset, changes.garbage)

    def stored(self, collected: Collected) -> None:
        """The broker has it. Keys that the stored heads no longer name may go with the next flush."""
        self._garbage.extend(collected.garbage)
        self.committed = collected.next_offset

    # --- taking

    def take(self, records: Sequence[Record], now_ms: Callable[[], int]) -> list[DeadLetter]:
        """Decode and apply records in order; answers the dead letters among them."""
        letters: list[DeadLetter] = []
        partition, outcomes, position, in_a_row = self.partition, self.outcomes, self.position, self.letters_in_a_row
        clock_ms = max(now_ms(), partition.clock_ms)  # one that was set back must not make everything come too early
        for record in records:
            offset = record.offset
            if offset < position:
                continue
            decoded = decode_event(record.key, record.value, record.headers, clock_ms)
            position = offset + 1
            if offset in self._buried:  # it may look good now: what lay in the future then no longer does
                self._buried.discard(offset)
                partition.pass_over(offset)
            elif type(decoded) is Event:
                in_a_row = 0
                if record.key is None and len(self.keyless) < MAX_KEYLESS:
                    self.keyless.add(decoded.project_id)
                written_ms = record.timestamp
                if partition.take(decoded, offset, NO_CLOCK if written_ms is None else written_ms, clock_ms):
                    outcomes["applied"] += 1
                else:
                    outcomes["already_applied"] += 1
            else:
                partition.pass_over(offset)
                if isinstance(decoded, Malformed):
                    in_a_row += 1
                    letters.append(self._dead_letter(record, decoded))
                else:
                    outcomes["tombstone"] += 1
        if records and type(records[-1]) is not UnreadableBatch:  # which may become readable
            self._last = records[-1]
        self.position, self.letters_in_a_row = position, in_a_row
        self.taken_at = time.monotonic()
        return letters

    def pass_to(self, next_offset: int) -> None:
        """Nobody is shown what lies before this offset and was not taken: transaction markers and what was aborted."""
        if next_offset > self.position:
            self.position = next_offset
            self.partition.pass_over(next_offset - 1)

    def _dead_letter(self, record: Record, malformed: Malformed) -> DeadLetter:
        unreadable = record if isinstance(record, UnreadableBatch) else None
        if unreadable is not None:
            malformed = Malformed(unreadable.reason, unreadable.detail)
        reason = malformed.reason.value
        self.outcomes["dead_letter"] += 1
        self.dead_letters_by_reason[reason] = self.dead_letters_by_reason.get(reason, 0) + 1
        if unreadable is not None:
            first, last = unreadable.first_offset, unreadable.offset
            return dead_batch(self.topic, self.number, first, last, unreadable.kept, malformed)
        return dead_letter(self.topic, self.number, record.offset, record.key, record.value, record.headers, malformed)
