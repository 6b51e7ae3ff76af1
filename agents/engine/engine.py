"""The engine: owns the events' partitions and keeps the one safe order for every record.

decode → step → emit and wait → store and wait → commit. Whatever is in doubt ends the process: the changelog's cursor
says where the next one goes on.
"""

import asyncio
import time
from collections.abc import Callable, Iterable

import structlog
from aiokafka import TopicPartition
from faust.types import TP

from agents.engine.changelog import Changelog
from agents.engine.fence import Fence
from agents.engine.ownership import Owned, Phase, cursor_record
from agents.engine.transport import Consumer, RecordBatch
from agents.engine.writer import Writer
from models.dead_letter import DeadLetter
from streams.core import Core
from streams.partition import Cursor

log = structlog.get_logger(__name__)

SLICE_RECORDS = 200  # about 3 ms of work between two looks at the rest of the loop
RECOVERIES_AT_ONCE = 4

Stop = Callable[[str], None]
Failpoint = Callable[[str], None]


class Engine:
    """Owns partitions of the events topic from assignment to revocation. Lives in one event loop."""

    def __init__(
        self,
        events_topic: str,
        core: Core,
        changelog: Changelog,
        writer: Writer,
        fence: Fence,
        stop: Stop,
        now_ms: Callable[[], int],
        cached_projects: int = 20_000,
        failpoint: Failpoint = lambda name: None,
    ) -> None:
        """`stop` ends the process at once; `now_ms` is the wall clock; `failpoint` is where faults are injected."""
        self.core = core
        self.changelog = changelog
        self.owned: dict[int, Owned] = {}
        self.consumer: Consumer | None = None
        self.flushes = 0
        self.flush_seconds = 0.0
        self.events_topic = events_topic
        self._writer = writer
        self._fence = fence
        self._stop = stop
        self._now_ms = now_ms
        self._cached_projects = cached_projects
        self._failpoint = failpoint
        self._epoch = 0  # rises at every revocation: work begun before one must not end after it
        self._recoveries: set[asyncio.Task[None]] = set()
        self._recovery_slots = asyncio.Semaphore(RECOVERIES_AT_ONCE)
        self._flushing = asyncio.Lock()

    # --- assignment

    def revoke(self) -> None:
        """Nothing is owned until the next assignment. What was not stored is dropped: it will be read again."""
        self._epoch += 1
        for owned in self.owned.values():
            owned.phase = Phase.GONE
        for task in self._recoveries:
            task.cancel()
        self.owned = {}

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions: recover each and go live with it."""
        for number in partitions:
            owned = Owned(self.events_topic, number, generation, self.core, self._cached_projects)
            self.owned[number] = owned
            task = asyncio.create_task(self._recover(owned), name=f"recover partition {number}")
            self._recoveries.add(task)
            task.add_done_callback(self._recoveries.discard)

    async def _recover(self, owned: Owned) -> None:
        started = time.monotonic()

        def progress(records: int) -> None:
            owned.recovered_records = records

        try:
            async with self._recovery_slots:
                source = TopicPartition(self.events_topic, owned.number)
                await owned.recover(*await self.changelog.read(owned.number, source, progress))
            owned.recovery_seconds = time.monotonic() - started
            if owned.phase is Phase.RECOVERING and self.consumer is not None:
                owned.phase = Phase.LIVE
                await self.consumer.begin(TP(self.events_topic, owned.number))
                log.info(
                    "partition is live", partition=owned.number, position=owned.position,
                    projects=owned.partition.projects, records_read=owned.recovered_records,
                    seconds=round(owned.recovery_seconds, 3),
                )  # fmt: skip
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("recovery failed", partition=owned.number)
            self._stop(f"partition {owned.number} could not be recovered: {error!r}")

    # --- what the transport asks

    def start_position(self, tp: TP) -> int | None:
        """Where to read from; None: the topic's beginning."""
        owned = self.owned.get(tp.partition)
        return None if owned is None else owned.position

    def commit_position(self, tp: TP) -> int | None:
        """What may be committed; it feeds lag displays only."""
        owned = self.owned.get(tp.partition)
        return owned.committed if owned is not None and owned.phase is Phase.LIVE else None

    def committed_offset(self, tp: TP) -> int | None:
        """What the group has committed for a partition, None where nothing."""
        return None if self.consumer is None else self.consumer.committed_offset(tp)

    def is_held(self, tp: TP) -> bool:
        """Whether a partition must not be read yet."""
        owned = self.owned.get(tp.partition)
        return owned is None or owned.phase is not Phase.LIVE

    # --- records

    async def take(self, batch: RecordBatch) -> None:
        """Apply a batch in slices. Batches of another generation, or fetched before a seek, are dropped."""
        owned = self.owned.get(batch.partition)
        if owned is None or owned.phase is not Phase.LIVE or batch.generation_id != owned.generation:
            return
        records = batch.records
        if not owned.is_contiguous(records[0].offset):
            log.warning("batch is ahead of the position; reading again", partition=owned.number,
                        offset=records[0].offset, position=owned.position)  # fmt: skip
            if self.consumer is not None:
                await self.consumer.begin(TP(self.events_topic, owned.number))
            return
        for start in range(0, len(records), SLICE_RECORDS):
            async with owned.turn:
                if owned.phase is not Phase.LIVE:
                    return
                letters = owned.take(records[start : start + SLICE_RECORDS], self._now_ms)
                if letters or owned.partition.emits:
                    await self._tell(owned, letters)
            await asyncio.sleep(0)

    async def _tell(self, owned: Owned, letters: list[DeadLetter] | None = None) -> None:
        alerts, owned.partition.emits = owned.partition.emits, []
        self._fence.check()
        if letters:
            await self._writer.bury(letters)
        if alerts:
            await self._writer.tell(alerts)
            self._failpoint("after emit")

    # --- storing

    async def flush(self) -> None:
        """Store everything taken so far and wait for the broker. A failure ends the process."""
        async with self._flushing:
            started = time.monotonic()
            try:
                await asyncio.gather(*(self._flush(owned) for owned in list(self.owned.values())))
            except Exception as error:
                log.exception("flush failed")
                self._stop(f"the changelog could not be written: {error!r}")
            self.flushes += 1
            self.flush_seconds += time.monotonic() - started

    async def _flush(self, owned: Owned) -> None:
        if owned.phase is not Phase.LIVE or not owned.partition.is_dirty:
            return
        epoch, changes = self._epoch, owned.collect()
        await self._writer.settled()
        await self._write(epoch, owned, [*changes.writes, *((key, None) for key in owned.take_garbage())])
        self._failpoint("after store")
        await self._write(epoch, owned, [cursor_record(changes.cursor)])
        self._failpoint("after acknowledgement")
        owned.add_garbage(changes.garbage)
        owned.committed = changes.cursor.next_offset
        self._failpoint("before commit")

    async def _write(self, epoch: int, owned: Owned, records: list[tuple[bytes, bytes | None]]) -> None:
        """Write to the changelog unless the partition was revoked meanwhile."""
        self._fence.check()
        if epoch == self._epoch:
            await self.changelog.write(owned.number, records)

    # --- time without events

    async def run_idle_clocks(self, idle_ms: int) -> None:
        """On partitions that are read to their end, let time reach the wall clock less `idle_ms` where it matters.

        The clock is stored before anything is told, so that a restart comes to the same conclusions.
        """
        for owned in list(self.owned.values()):
            now_ms = self._now_ms() - idle_ms
            due_ms = owned.partition.next_deadline_ms() if owned.phase is Phase.LIVE else None
            if due_ms is None or due_ms > now_ms or not self.is_caught_up(owned, idle_ms / 1000):
                continue
            await self.flush()
            async with owned.turn:
                if owned.phase is not Phase.LIVE or owned.partition.is_dirty:
                    continue
                await self._write(self._epoch, owned, [cursor_record(Cursor(owned.partition.next_offset, now_ms))])
                owned.partition.advance_clock(now_ms)
                await self._tell(owned)
            await self.flush()

    def is_caught_up(self, owned: Owned, quiet_seconds: float) -> bool:
        """Whether all that the log has was taken, and nothing came for a while."""
        return self.lag(owned) == 0 and time.monotonic() - owned.taken_at >= quiet_seconds

    def lag(self, owned: Owned) -> int:
        """Records of a partition not yet taken, as far as the fetcher knows."""
        if self.consumer is None:
            return 0
        end = self.consumer.highwater(TP(self.events_topic, owned.number))
        return max(0, (end or 0) - owned.position)
