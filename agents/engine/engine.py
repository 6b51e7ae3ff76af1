"""The engine: owns the events' partitions and keeps the one safe order for every record.

decode → step → emit and wait → store and wait → commit. Whatever is in doubt ends the process: the changelog's cursor
says where the next one goes on.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.engine.arrivals import Arrivals
from agents.engine.assignment import Assignment
from agents.engine.auditor import Auditor
from agents.engine.changelog import Changelog
from agents.engine.dead_letter_backoff import DeadLetterBackoff, pause
from agents.engine.emitter import Emitter, Failpoint
from agents.engine.flusher import Flusher
from agents.engine.halt import Halt
from agents.engine.inbox import ENOUGH_BYTES, LEAST_BYTES
from agents.engine.ownership import Owned, PartitionPhase
from agents.engine.progress import Progress
from agents.engine.record_counts import RecordCounts
from agents.engine.recovery import Recovery
from agents.engine.stall_guard import StallGuard
from agents.engine.stored_values import StoredValues
from agents.engine.writer import Writer
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from agents.kafka.refusals import RIGHTS, reason_for_log
from agents.time_slices import SLICE_SECONDS, Turns, let_others
from models.dead_letter import DeadLetter
from streams.alerting.core import Core

log = structlog.get_logger(__name__)

PIECE_RECORDS = 16  # between two looks at the clock: half a millisecond


@dataclass(frozen=True, kw_only=True)
class EngineParts:
    """What the engine works with. `stop` ends the process at once; `now_ms` is the wall clock."""

    core: Core
    changelog: Changelog
    recovery: Recovery
    writer: Writer
    stall_guard: StallGuard
    stop: Callable[[str], None]
    now_ms: Callable[[], int]
    auditor: Callable[[Assignment], Auditor | None] = lambda assignment: None


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """`handover_seconds`: how long a hand-over may take to store what was taken. `on_all_live` is called when the last
    of the owned partitions was recovered; `failpoint` is where faults are injected."""

    handover_seconds: float = 5.0
    cached_projects: int = 20_000
    folder: Path | None = None  # for stored values beyond `state_memory_bytes`; None: all stay in memory
    state_memory_bytes: int = 2**32
    backoff: Callable[[], DeadLetterBackoff] = DeadLetterBackoff
    on_all_live: Callable[[], None] = lambda: None
    failpoint: Failpoint = lambda name: None


class Engine:
    """Owns partitions of the events topic from assignment to revocation. Lives in one event loop."""

    def __init__(self, events_topic: str, parts: EngineParts, options: EngineOptions) -> None:
        self.core = parts.core
        self.changelog = parts.changelog
        self.former = RecordCounts()  # of partitions that this worker no longer owns
        self.assignment = Assignment(events_topic)
        self.progress = Progress(self.assignment)
        self._halt = Halt(parts.stop)
        self.emitter = Emitter(
            self.assignment, parts.writer, parts.stall_guard, self._halt, parts.now_ms, options.failpoint
        )
        self.flusher = Flusher(
            self.assignment, self.emitter, self.progress, parts.writer, parts.stall_guard, self._halt,
            options.failpoint, options.cached_projects,
        )  # fmt: skip
        self.arrivals = Arrivals(self.assignment, self.progress, self.flusher.flush, parts.now_ms)
        self.auditor = parts.auditor(self.assignment)  # None: no audit checkpoints are written
        self._recovery = parts.recovery
        self._writer = parts.writer
        self._now_ms = parts.now_ms
        self._options = options
        self._grew = asyncio.Event()
        self._turns = Turns()  # of taking
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def owned(self) -> dict[int, Owned]:
        """This worker's partitions by number, live or recovering."""
        return self.assignment.owned

    # --- assignment

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions: recover each, go live with it, and take what comes."""
        self.flusher.is_handing_over = False
        numbers, topic = list(partitions), self.assignment.events_topic
        cached = self._options.cached_projects // max(1, len(numbers))
        enough_bytes = max(LEAST_BYTES, ENOUGH_BYTES // max(1, len(numbers)))
        memory_bytes = self._options.state_memory_bytes // max(1, len(numbers))
        new_store = partial(StoredValues, folder=self._options.folder, memory_bytes=memory_bytes)
        self.flusher.share_memory(cached)
        for number in numbers:
            audit = None if self.auditor is None else self.auditor.of(topic, number, self.core)
            owned = Owned(topic, number, generation, self.core, cached, enough_bytes, audit, new_store)
            self.owned[number] = owned
            self._spawn(self._live(owned), f"partition {number}")

    async def hand_over(self) -> None:
        """Store what was taken, if that can be done in time, so that the next owner need not take it again."""
        self.flusher.is_handing_over = True
        await asyncio.wait({asyncio.create_task(self._store_all())}, timeout=self._options.handover_seconds)

    async def _store_all(self) -> None:
        await self.flusher.flush()
        if self.auditor is not None:
            await self.auditor.send_all()
            await self.flusher.flush()  # that the last checkpoints were sent

    async def revoke(self, *, at_the_end: bool = False) -> None:
        """Own nothing. What was not stored is dropped: it will be read again.

        Nothing is written after this returns: the next owner may read the changelog and the dead letters now. Where
        that cannot be had in time, the process stops, unless it is about to end.
        """
        gone, self.assignment.owned = list(self.owned.values()), {}
        for owned in gone:
            owned.phase = PartitionPhase.GONE
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        try:
            async with asyncio.timeout(self._options.handover_seconds), self.flusher.lock:
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._writer.settled()
        except (TimeoutError, KafkaError):
            if not at_the_end:
                self._halt("what was being stored or sent did not end before the partitions went to others")
        for owned in gone:
            self.former.add(owned.counts)
            if owned.log is not None:
                await owned.log.close()

    def halt(self, reason: str) -> None:
        """End the process, and store nothing more: what was decided was not emitted."""
        self._halt(reason)

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(self._guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guarded(self, work: Coroutine[Any, Any, None], name: str) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.error("processing of a partition failed", work=name, exc_info=not isinstance(error, RIGHTS))
            self._halt(f"{name}: {reason_for_log(error)}")

    def grow(self, partitions: int) -> None:
        """The changelog has so many partitions now."""
        self.assignment.partitions = partitions
        self._grew.set()

    async def _until_it_has_a_log(self, owned: Owned) -> None:
        """A partition that was added to the events has none in the changelog yet."""
        while self.assignment.partitions and owned.number >= self.assignment.partitions:
            owned.problem = (
                f"Partition {owned.number} of {owned.topic} is new; its changelog partition is being created."
            )
            self._grew.clear()
            await self._grew.wait()
        owned.problem = ""

    async def _live(self, owned: Owned) -> None:
        """The life of one partition: until it is revoked."""
        await self._until_it_has_a_log(owned)
        await self._recovery.recover(owned)
        while owned.partition.core is not self.core:  # other rules came while it was read
            await owned.adopt(self.core)
        consumer = self.assignment.consumer
        if consumer is None:
            raise RuntimeError("the engine has no consumer")
        await self._go_live(owned)
        owned.reading = await consumer.begin(self.assignment.tp(owned.number), owned.position)
        log.info(
            "partition is live", partition=owned.number, position=owned.position,
            projects=owned.partition.index.projects, records_read=owned.recovered.records,
            seconds=round(owned.recovered.seconds, 3),
        )  # fmt: skip
        if len(self.assignment.live) == len(self.owned):
            self._options.on_all_live()
        backoff = self._options.backoff()
        while True:
            fetched = await owned.inbox.get()
            await self._take(owned, fetched, backoff)
            if not owned.inbox.is_full and not consumer.is_wanted(fetched.tp):
                consumer.want(fetched.tp)

    async def _go_live(self, owned: Owned) -> None:
        owned.phase, owned.taken_at = PartitionPhase.LIVE, time.monotonic()
        async with owned.locked() as change:
            if change is not None:
                await self.emitter.emit(change)  # what the stored clock had made due

    # --- records

    def accept(self, fetched: Fetched) -> None:
        """Queue what was fetched for its partition. Never waits."""
        owned, consumer = self.owned.get(fetched.tp.partition), self.assignment.consumer
        if owned is None or consumer is None or fetched.reading != owned.reading:
            return  # of an earlier reading, which a later one repeats
        owned.inbox.put(fetched)
        if owned.inbox.is_full:
            consumer.do_not_want(fetched.tp)

    def out_of_range(self, fetched: Fetched) -> None:
        """The log has nothing where reading stands. The recovery of the next start finds out why."""
        owned = self.owned.get(fetched.tp.partition)
        if owned is not None and owned.reading == fetched.reading:
            self._halt(f"partition {owned.number} of {owned.topic} no longer has offset {fetched.start}")

    async def _take(self, owned: Owned, fetched: Fetched, backoff: DeadLetterBackoff) -> None:
        if fetched.start != owned.position:
            raise RuntimeError(f"records from {fetched.start} on do not follow {owned.position}")
        records, begin = fetched.records, 0
        while begin < len(records):
            await self._turns.mine()
            async with owned.locked() as change:
                if change is None:
                    return
                end = min(len(records), begin + backoff.slice_records(owned.letters_in_a_row))
                letters, end = self._taken(owned, records, begin, end)
                await self.emitter.emit(change, letters, records[begin:end])
            begin = end
            await let_others()
            await pause(backoff, owned)
            await self.flusher.make_room(owned)
        async with owned.locked():
            owned.pass_to(fetched.next_offset)

    def _taken(self, owned: Owned, records: list[Record], begin: int, end: int) -> tuple[list[DeadLetter], int]:
        """Take records from `begin` on, up to `end` or until the slice is over; the dead letters among them, and the
        place behind the last one that was taken.

        A slice is of this thread's own time: by the clock, those of a busy machine would have a few records each.
        """
        letters: list[DeadLetter] = []
        ends_at = time.thread_time() + SLICE_SECONDS
        try:
            while begin < end:
                piece = records[begin : min(end, begin + PIECE_RECORDS)]
                letters += owned.take(piece, self._now_ms)
                begin += len(piece)
                if time.thread_time() >= ends_at:
                    break
        except Exception:
            log.error("a record could not be processed", partition=owned.number, offset=owned.partition.next_offset - 1)
            raise
        return letters, begin

    def commit_position(self, tp: TP) -> int | None:
        """What may be committed; it feeds lag displays only."""
        owned = self.owned.get(tp.partition)
        return owned.committed if owned is not None and owned.is_live else None
