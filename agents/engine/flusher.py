"""Stores what was taken: cut under the lock, collected in slices, written when all that was emitted before is safe."""

import asyncio
import contextlib
import time

import structlog

from agents.engine.assignment import Assignment
from agents.engine.checkpoint import Collected, Records
from agents.engine.emitter import Emitter, Failpoint
from agents.engine.halt import Halt
from agents.engine.ownership import Owned
from agents.engine.progress import Progress
from agents.engine.stall_guard import StallGuard
from agents.engine.writer import Writer
from agents.kafka.refusals import RIGHTS, reason_for_log

log = structlog.get_logger(__name__)

CATCH_UP_LOOKS, CATCH_UP_LOOK_SECONDS = 100, 0.01  # of all partitions in one flush
LET_BY_SECONDS = 0.002  # between two slices of encoding
LONGEST_PAUSE_SECONDS = 3.0  # so much is done again after a crash at the worst
TIMES_HELD = 3  # what comes while others are asked is asked for once more, and then emitted
FEWEST_UNSTORED = 1_000  # projects of a partition; storing fewer at once is not worth a flush


class Flusher:
    """One flush at a time, of all partitions."""

    def __init__(
        self, assignment: Assignment, emitter: Emitter, progress: Progress, writer: Writer, stall_guard: StallGuard,
        halt: Halt, failpoint: Failpoint, most_unstored: int,
    ) -> None:  # fmt: skip
        self.failpoint = failpoint
        self.lock = asyncio.Lock()  # its holder is the only one to write
        self.flush_now = asyncio.Event()  # a partition waits until what it took is stored
        self.is_handing_over = False  # the partitions go to others: storing makes way for nothing
        self.most_unstored = most_unstored  # changed projects of a partition, each of them decoded in memory
        self.flushes = 0
        self.flush_seconds = 0.0
        self.collect_seconds = 0.0  # of the last flush: how long encoding took
        self.moved_at: float | None = None  # monotonic: when storing last made progress; None while nothing is stored
        self._assignment = assignment
        self._emitter = emitter
        self._progress = progress
        self._writer = writer
        self._stall_guard = stall_guard
        self._halt = halt
        self._made_room = asyncio.Event()
        self._short_of_room = 0  # partitions that wait for a flush

    async def run(self, interval_seconds: float) -> None:
        """Flush for ever: after each interval, at once where `flush_now` asks for it. Where events wait, storing must
        not take the time that taking them needs: a tenth of it at the most."""
        pause = 0.0
        while True:
            paused_from = time.monotonic()
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(interval_seconds):
                        await self.flush_now.wait()
                if self.flush_now.is_set() or not self._progress.is_behind or time.monotonic() - paused_from >= pause:
                    break
            self.flush_now.clear()
            began = time.monotonic()
            await self.flush()
            pause = min(9 * (time.monotonic() - began), LONGEST_PAUSE_SECONDS)

    def share_memory(self, projects: int) -> None:
        """So many projects of each partition may be decoded."""
        self.most_unstored = max(FEWEST_UNSTORED, projects)

    async def make_room(self, owned: Owned) -> None:
        """Let what was taken be stored before it fills the memory: many projects, each touched once."""
        while (
            owned.is_live and owned.partition.checkpointer.unstored >= self.most_unstored and not self._halt.is_halted
        ):
            self._made_room.clear()
            self._short_of_room += 1
            try:
                self.flush_now.set()
                await self._made_room.wait()
            finally:
                self._short_of_room -= 1

    @property
    def is_awaited(self) -> bool:
        """Whether others wait for the flush itself: to make way would only keep them longer."""
        return self.is_handing_over or self._short_of_room > 0

    async def flush(self) -> None:
        """Store everything taken so far and wait for the broker. A failure ends the process."""
        async with self.lock:
            if self._halt.is_halted:
                return
            self.moved_at = started = time.monotonic()
            try:
                await self._flush_all()
            except Exception as error:
                log.error("flush failed", exc_info=not isinstance(error, RIGHTS))
                self._halt(f"the state could not be stored: {reason_for_log(error)}")
            finally:
                self.moved_at = None
                self._made_room.set()
            self.flushes += 1
            self.flush_seconds += time.monotonic() - started

    async def _flush_all(self) -> None:
        letters_from, began = self._writer.letters_end, time.monotonic()
        collected: list[tuple[Owned, Collected]] = []
        await asyncio.gather(*(self._ask_others(owned) for owned in self._assignment.owned.values()))
        for owned in list(self._assignment.owned.values()):
            if collected:
                await self._let_catch_up()
            await self._ask_others(owned)
            if await self._cut(owned, letters_from):
                collected.append((owned, await owned.collect(self._yield_to_fetching, is_last=self.is_handing_over)))
                self.moved_at = time.monotonic()
                self._made_room.set()  # what is encoded may leave the memory before the broker has it
        self.collect_seconds = time.monotonic() - began
        await self._writer.settled()  # all that was emitted before the cuts, and so of all that is collected
        await asyncio.gather(*(self._store(owned, changes) for owned, changes in collected))

    async def store_locked(self, owned: Owned) -> None:
        """Store what was taken of one live partition. The caller has `lock` and the partition's. Raises KafkaError."""
        if owned.has_to_store(is_last=False):
            owned.cut(self._writer.letters_end)
            collected = await owned.collect()
            await self._writer.settled()
            await self._store(owned, collected)

    async def _cut(self, owned: Owned, letters_from: int) -> bool:
        """Cut what the next flush stores; False if there is nothing to store."""
        async with owned.locked() as change:
            if change is None or not owned.has_to_store(is_last=self.is_handing_over):
                return False
            await self._emitter.release(change)
            owned.cut(letters_from)
            return True

    async def _ask_others(self, owned: Owned) -> None:
        """Ask the other workers before the held alerts are emitted. If this partition is behind, others may be too."""
        for _ in range(TIMES_HELD):
            projects = owned.held.to_ask() if owned.is_live else []
            if self._assignment.compare is None or not projects:
                return
            is_at_end = not (self.is_awaited or owned.inbox or self._progress.lag(owned))
            await self._assignment.compare(owned, projects, is_at_end)
            self.moved_at = time.monotonic()

    async def _let_catch_up(self) -> None:
        """Encoding a partition delays all events. Wait for the backlog before encoding the next."""
        for _ in range(CATCH_UP_LOOKS // max(1, len(self._assignment.owned))):
            if self.is_awaited or not self._progress.is_behind:
                return
            await asyncio.sleep(CATCH_UP_LOOK_SECONDS)

    async def _yield_to_fetching(self) -> None:
        """Pause storing for a moment: the fetching thread needs the interpreter often, and gets it at once only while
        the event loop is idle."""
        await asyncio.sleep(0 if self.is_awaited else LET_BY_SECONDS)

    async def _store(self, owned: Owned, collected: Collected) -> None:
        await self.write(owned, collected.state)
        self.moved_at = time.monotonic()
        self.failpoint("after store")
        await self.write(owned, collected.closing)
        self.failpoint("after acknowledgement")
        owned.stored(collected)
        self.failpoint("before commit")

    async def write(self, owned: Owned, records: Records) -> None:
        """Write to the changelog unless the partition was revoked meanwhile. Raises KafkaError."""
        self._stall_guard.check()
        if owned.is_live and owned.log is not None and not self._halt.is_halted:
            await owned.log.write(records)
