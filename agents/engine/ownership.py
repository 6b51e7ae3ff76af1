"""One partition as this worker owns it: recovering, then live, then gone. Only a live one takes and writes."""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from typing import Any

import msgspec
import structlog
from aiokafka.structs import ConsumerRecord

from models.codec import Malformed, decode_event
from models.dead_letter import DeadLetter, dead_letter
from models.event import Event
from streams import keys
from streams.core import Core
from streams.partition import Changes, Cursor, Partition

log = structlog.get_logger(__name__)

RESTORE_SLICE_SECONDS = 0.005


def cursor_record(cursor: Cursor) -> tuple[bytes, bytes]:
    """The changelog record that says up to where a partition is complete."""
    return keys.CURSOR, msgspec.msgpack.encode(cursor)


class Phase(Enum):
    """Where the partition stands."""

    RECOVERING = "recovering"
    LIVE = "live"
    GONE = "gone"


class Stored:
    """The stored values of a partition, as a `streams.partition.Store`."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        self.values = values
        self.get = values.get

    def items(self) -> Iterator[tuple[bytes, bytes]]:
        """A snapshot, so that a reader may yield to the loop."""
        return iter(list(self.values.items()))


class Owned:
    """A partition in this worker's hands."""

    def __init__(self, topic: str, number: int, generation: int, core: Core, cached_projects: int) -> None:
        self.topic = topic
        self.number = number
        self.generation = generation
        self.phase = Phase.RECOVERING
        self.recovered_records = 0
        self.recovery_seconds = 0.0
        self.taken_at = time.monotonic()  # when it last made progress
        self.outcomes = {"applied": 0, "already_applied": 0, "dead_letter": 0, "tombstone": 0}
        self.dead_letters_by_reason: dict[str, int] = {}
        self.position = 0  # next offset to take
        self.committed = 0  # next offset, all before it is stored
        self.store = Stored({})
        self._core = core
        self._cached_projects = cached_projects
        self.partition = Partition(core, number, self.store, cached_projects)
        self.turn = asyncio.Lock()  # whoever changes the partition has it while it must not change under him
        self._hole_at: int | None = None
        self._garbage: list[bytes] = []

    async def recover(self, values: dict[bytes, bytes], first_offset: int) -> None:
        """Make the partition from its changelog's values, in slices that leave the loop to others.

        `first_offset` is where the events' partition begins: the position where nothing is stored, or was too long ago.
        """
        self.store = Stored(values)
        self.partition = Partition(self._core, self.number, self.store, self._cached_projects)
        pause_at = time.monotonic() + RESTORE_SLICE_SECONDS
        for _ in self.partition.restore():
            if time.monotonic() > pause_at:
                await asyncio.sleep(0)
                pause_at = time.monotonic() + RESTORE_SLICE_SECONDS
        self.partition.run_due()
        self.position = self.partition.next_offset
        if self.position < first_offset:
            if self.position:
                log.error("events are gone before they were read", partition=self.number, position=self.position,
                          first_offset=first_offset)  # fmt: skip
            self.position = first_offset
        self.committed = self.position

    def collect(self) -> Changes:
        """What to write now. The values in memory change at once: they must never be older than that."""
        changes = self.partition.collect()
        values = self.store.values
        for key, value in changes.writes:
            if value is not None:
                values[key] = value
        for key in changes.garbage:
            values.pop(key, None)
        return changes

    def take_garbage(self) -> list[bytes]:
        """Keys that a stored head no longer names; they may go with the next write."""
        garbage, self._garbage = self._garbage, []
        return garbage

    def add_garbage(self, stale: list[bytes]) -> None:
        """To be called when the head that made them stale is stored."""
        self._garbage.extend(stale)

    def is_contiguous(self, first_offset: int) -> bool:
        """Whether a batch that begins here follows what was taken.

        A hole may be the fetcher's, which was ahead of a seek, or the log's own (transaction markers, compaction). The
        caller reads again from the position; a hole that is still there is the log's.
        """
        if first_offset <= self.position or self._hole_at == first_offset:
            self._hole_at = None
            return True
        self._hole_at = first_offset
        return False

    def take(self, records: Sequence[ConsumerRecord[bytes, bytes]], now_ms: Callable[[], int]) -> list[DeadLetter]:
        """Decode and apply records in order; answers the dead letters among them."""
        letters: list[DeadLetter] = []
        partition, outcomes, position = self.partition, self.outcomes, self.position
        clock_ms = now_ms()
        for record in records:
            offset = record.offset
            if offset < position:
                continue
            decoded = decode_event(record.key, record.value, record.headers, clock_ms)
            position = offset + 1
            if type(decoded) is Event:
                if partition.take(decoded, offset):
                    outcomes["applied"] += 1
                else:
                    outcomes["already_applied"] += 1
            else:
                partition.pass_over(offset)
                if isinstance(decoded, Malformed):
                    letters.append(self._bury(record, decoded))
                else:
                    outcomes["tombstone"] += 1
        self.position = position
        self.taken_at = time.monotonic()
        return letters

    def _bury(self, record: ConsumerRecord[Any, Any], malformed: Malformed) -> DeadLetter:
        reason = malformed.reason.value
        self.outcomes["dead_letter"] += 1
        self.dead_letters_by_reason[reason] = self.dead_letters_by_reason.get(reason, 0) + 1
        return dead_letter(self.topic, self.number, record.offset, record.key, record.value, record.headers, malformed)
