"""The engine: owns the events' partitions and keeps the one safe order for every record.

decode → step → emit and wait → store and wait → commit. Whatever is in doubt ends the process: the changelog's cursor
says where the next one goes on.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from typing import Any

import structlog
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.engine.changelog import Changelog
from agents.engine.dead_letter_backoff import DeadLetterBackoff, pause
from agents.engine.letter_log import LetterLog
from agents.engine.ownership import ENOUGH_BYTES, LEAST_BYTES, Collected, Counts, Owned, PartitionPhase, Records
from agents.engine.recovery import Recovery
from agents.engine.stall_guard import StallGuard
from agents.engine.writer import Writer
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from agents.fetching.transport import Consumer
from agents.kafka.refusals import RIGHTS, told
from alert_sinks.held_past import LIVE_MS
from models.alert import Alert
from models.dead_letter import DeadLetter
from models.event import FUTURE_TOLERANCE_MS
from streams.alerting.core import Core

log = structlog.get_logger(__name__)

HEARD_LATELY_SECONDS = 3.0  # brokers answer every tenth of a second
UNHEARD_OF_AFTER_SECONDS = 5.0
CATCH_UP_LOOKS, CATCH_UP_LOOK_SECONDS = 100, 0.01  # of all partitions in one flush
LET_BY_SECONDS = 0.002  # between two slices of encoding
RECORDS_BESIDE_COLLECTING = 5  # at once, for each may be the one before which a project is encoded: 0.2 ms
TIMES_HELD = 3  # what comes while others are asked is asked for once more, and then told
FEWEST_UNSTORED = 1_000  # projects of a partition; storing fewer at once is not worth a flush

PRESENT_MS = 4_000  # so close to the wall clock a partition's clock may follow it
LATE_EVENTS_SECONDS = 6.0
END_AGAIN_SECONDS = 2.0  # a partition that gets events all the time is at the end of its log again and again
MOST_LATE_MS = FUTURE_TOLERANCE_MS  # a producer's clock may be behind as far as it may be ahead
WAIT_FOR_OTHERS_SECONDS = 30.0  # what was told of the past waits so long for partitions that are still in theirs

Stop = Callable[[str], None]
Failpoint = Callable[[str], None]
Compare = Callable[[Owned, list[str], bool], Awaitable[None]]
"""Ask all other partitions whether they have a part of these projects, and note what they say; for a limited time.
The last argument: wait until they have taken what lies in their logs now. Never raises."""


class Engine:
    """Owns partitions of the events topic from assignment to revocation. Lives in one event loop."""

    def __init__(
        self,
        events_topic: str,
        core: Core,
        changelog: Changelog,
        recovery: Recovery,
        writer: Writer,
        stall_guard: StallGuard,
        stop: Stop,
        now_ms: Callable[[], int],
        *,
        handover_seconds: float = 5.0,
        cached_projects: int = 20_000,
        backoff: Callable[[], DeadLetterBackoff] = DeadLetterBackoff,
        on_all_live: Callable[[], None] = lambda: None,
        failpoint: Failpoint = lambda name: None,
    ) -> None:
        """`stop` ends the process at once; `now_ms` is the wall clock; `failpoint` is where faults are injected.

        `handover_seconds`: how long a hand-over may take to store what was taken. `on_all_live` is called when the
        last of the owned partitions was recovered.
        """
        self.core = core
        self.changelog = changelog
        self.owned: dict[int, Owned] = {}
        self.former = Counts()  # of partitions that this worker no longer owns
        self.consumer: Consumer | None = None
        self.partitions = 0  # of the changelog; 0: not known
        self.store_now = asyncio.Event()  # a partition waits until what it took is stored
        self.flushes = 0
        self.flush_seconds = 0.0
        self.collect_seconds = 0.0  # of the last flush: how long encoding took
        self.flush_moved_at: float | None = None  # monotonic: when storing last got on; None while nothing is stored
        self.compare: Compare | None = None  # None: nobody can be asked, so nothing is held back for it
        self.events_topic = events_topic
        self._recovery = recovery
        self._letter_log = LetterLog()
        self._writer = writer
        self._stall_guard = stall_guard
        self.is_halted = False
        self._is_handing_over = False  # the partitions go to others: storing lets nobody go first
        self._stop = stop
        self._now_ms = now_ms
        self._handover_seconds = handover_seconds
        self._cached_projects = cached_projects
        self._new_backoff = backoff
        self._on_all_live = on_all_live
        self._failpoint = failpoint
        self._most_unstored = cached_projects  # changed projects of a partition, each of them decoded in memory
        self._made_room = asyncio.Event()
        self._grew = asyncio.Event()
        self._short_of_room = 0  # partitions that wait for a flush
        self._tasks: set[asyncio.Task[None]] = set()
        self.flushing = asyncio.Lock()  # whoever has it is the only one to write

    def tp(self, number: int) -> TP:
        """The partition as the consumer names it."""
        return TP(self.events_topic, number)

    def _halt(self, reason: str) -> None:
        """Nothing may be written any more, even should `stop` come back."""
        self.is_halted = True
        self._stop(reason)

    # --- assignment

    def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions: recover each, go live with it, and take what comes."""
        self._is_handing_over = False
        numbers = list(partitions)
        cached = self._cached_projects // max(1, len(numbers))
        enough_bytes = max(LEAST_BYTES, ENOUGH_BYTES // max(1, len(numbers)))
        self._most_unstored = max(FEWEST_UNSTORED, cached)
        for number in numbers:
            owned = Owned(self.events_topic, number, generation, self.core, cached, enough_bytes)
            self.owned[number] = owned
            self._spawn(self._live(owned), f"partition {number}")

    async def hand_over(self) -> None:
        """Store what was taken, if that can be done in time, so that the next owner need not take it again."""
        self._is_handing_over = True
        await asyncio.wait({asyncio.create_task(self.flush())}, timeout=self._handover_seconds)

    async def revoke(self, *, at_the_end: bool = False) -> None:
        """Own nothing. What was not stored is dropped: it will be read again.

        Nothing is written after this returns: the next owner may read the changelog and the dead letters now. Where
        that cannot be had in time, the process stops, unless it is about to end.
        """
        gone, self.owned = list(self.owned.values()), {}
        for owned in gone:
            owned.phase = PartitionPhase.GONE
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        try:
            async with asyncio.timeout(self._handover_seconds), self.flushing:
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._writer.settled()
        except (TimeoutError, KafkaError):
            if not at_the_end:
                self._halt("what was being stored or sent did not end before the partitions went to others")
        for owned in gone:
            self.former.add(owned)
            if owned.log is not None:
                await owned.log.close()

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
            log.error("work on a partition failed", work=name, exc_info=not isinstance(error, RIGHTS))
            self._halt(f"{name}: {told(error)}")

    def grow(self, partitions: int) -> None:
        """The changelog has so many partitions now."""
        self.partitions = partitions
        self._grew.set()

    async def _until_it_has_a_log(self, owned: Owned) -> None:
        """A partition that was added to the events has none in the changelog yet."""
        while self.partitions and owned.number >= self.partitions:
            owned.problem = f"Partition {owned.number} of {self.events_topic} is new; its changelog is being made."
            self._grew.clear()
            await self._grew.wait()
        owned.problem = ""

    async def _live(self, owned: Owned) -> None:
        """The life of one partition: until it is revoked."""
        await self._until_it_has_a_log(owned)
        await self._recovery.recover(owned)
        if self.consumer is None:
            raise RuntimeError("the engine has no consumer")
        async with owned.turn:
            owned.phase, owned.taken_at = PartitionPhase.LIVE, time.monotonic()
            await self.emit(owned, [])  # what the stored clock had made due
        owned.reading = await self.consumer.begin(self.tp(owned.number), owned.position)
        log.info(
            "partition is live", partition=owned.number, position=owned.position,
            projects=owned.partition.index.projects, records_read=owned.recovered_records,
            seconds=round(owned.recovery_seconds, 3),
        )  # fmt: skip
        if all(each.phase is PartitionPhase.LIVE for each in self.owned.values()):
            self._on_all_live()
        backoff = self._new_backoff()
        while True:
            fetched = await owned.inbox.get()
            await self._take(owned, fetched, backoff)
            if not owned.inbox.is_full and not self.consumer.is_wanted(self.tp(owned.number)):
                self.consumer.want(self.tp(owned.number))

    # --- records

    def accept(self, fetched: Fetched) -> None:
        """Put what was fetched where its partition's turn will come. Never waits."""
        owned = self.owned.get(fetched.tp.partition)
        if owned is None or self.consumer is None or fetched.reading != owned.reading:
            return  # of an earlier reading, which a later one repeats
        owned.inbox.put(fetched)
        if owned.inbox.is_full:
            self.consumer.do_not_want(fetched.tp)

    def out_of_range(self, fetched: Fetched) -> None:
        """The log has nothing where reading stands. The recovery of the next start finds out why."""
        owned = self.owned.get(fetched.tp.partition)
        if owned is not None and owned.reading == fetched.reading:
            self._halt(f"partition {owned.number} of {self.events_topic} no longer has offset {fetched.start}")

    async def _take(self, owned: Owned, fetched: Fetched, backoff: DeadLetterBackoff) -> None:
        if fetched.start != owned.position:
            raise RuntimeError(f"records from {fetched.start} on do not follow {owned.position}")
        records, begin = fetched.records, 0
        while begin < len(records):
            piece = records[begin : begin + self._slice_records(owned, backoff)]
            async with owned.turn:
                if owned.phase is not PartitionPhase.LIVE:
                    return
                await self.emit(owned, self._taken(owned, piece))
            begin += len(piece)
            await asyncio.sleep(0)
            await pause(backoff, owned)
            await self._make_room(owned)
        async with owned.turn:
            owned.pass_to(fetched.next_offset)

    def _slice_records(self, owned: Owned, backoff: DeadLetterBackoff) -> int:
        records = backoff.slice_records(len(self.owned))
        return min(records, RECORDS_BESIDE_COLLECTING) if owned.partition.checkpointer.waiting else records

    async def _make_room(self, owned: Owned) -> None:
        """Let what was taken be stored before it fills the memory: many projects, each touched once."""
        while (
            owned.partition.checkpointer.unstored >= self._most_unstored
            and owned.phase is PartitionPhase.LIVE
            and not self.is_halted
        ):
            self._made_room.clear()
            self._short_of_room += 1
            try:
                self.store_now.set()
                await self._made_room.wait()
            finally:
                self._short_of_room -= 1

    def _taken(self, owned: Owned, piece: list[Record]) -> list[DeadLetter]:
        try:
            return owned.take(piece, self._now_ms)
        except Exception:
            log.error("a record could not be taken", partition=owned.number, offset=owned.partition.next_offset - 1)
            raise

    async def emit(self, owned: Owned, letters: list[DeadLetter]) -> None:
        """To be called in the partition's turn: a flush must not come between a change and its telling."""
        alerts, owned.partition.emits = owned.partition.emits, []
        if self.compare is not None and alerts and self.partitions > 1:
            alerts = owned.held.hold_back(alerts)
        await self._send(owned, alerts, letters)

    async def _send(self, owned: Owned, alerts: list[Alert], letters: list[DeadLetter]) -> None:
        if self.is_halted or not (letters or alerts):
            return
        self._stall_guard.check()
        if letters:
            await self._writer.send_to_dead_letters(letters)
            self._letter_log.note(letters)
        if alerts:
            age_ms = self._now_ms() - min(alert.updated_at_ms for alert in alerts)
            if age_ms > LIVE_MS + owned.late_ms:
                owned.is_behind, owned.late_ms = True, 0
            if age_ms > LIVE_MS + MOST_LATE_MS:  # no clock is so wrong: a past is being copied
                owned.at_end_since = None
            await self._writer.emit(alerts, owned.number, is_behind=owned.is_behind)
            self._failpoint("after emit")

    # --- storing

    async def flush(self) -> None:
        """Store everything taken so far and wait for the broker. A failure ends the process."""
        async with self.flushing:
            if self.is_halted:
                return
            self.flush_moved_at = started = time.monotonic()
            try:
                await self._flush_all()
            except Exception as error:
                log.error("flush failed", exc_info=not isinstance(error, RIGHTS))
                self._halt(f"the state could not be stored: {told(error)}")
            finally:
                self.flush_moved_at = None
                self._made_room.set()
            self.flushes += 1
            self.flush_seconds += time.monotonic() - started

    async def _flush_all(self) -> None:
        letters_from, began = self._writer.letters_end, time.monotonic()
        collected: list[tuple[Owned, Collected]] = []
        await asyncio.gather(*(self._ask_others(owned) for owned in list(self.owned.values())))
        for owned in list(self.owned.values()):
            if collected:
                await self._let_catch_up()
            await self._ask_others(owned)
            async with owned.turn:
                has_news = owned.phase is PartitionPhase.LIVE and owned.partition.is_dirty
                if has_news:
                    await self._send(owned, owned.held.release(owned.partition.index.splits), [])
                    owned.cut(letters_from)
            if has_news:
                collected.append((owned, await owned.collect(self._yield_to_fetching)))
                self.flush_moved_at = time.monotonic()
                self._made_room.set()  # what is encoded may leave the memory before the broker has it
        self.collect_seconds = time.monotonic() - began
        await self._writer.settled()  # all that was told before the cuts, and so of all that is collected
        await asyncio.gather(*(self._store(owned, changes) for owned, changes in collected))

    async def _ask_others(self, owned: Owned) -> None:
        """Before the alerts that wait for it are told. Where the partition itself is behind, the others may be, too."""
        for _ in range(TIMES_HELD):
            projects = owned.held.to_ask() if owned.phase is PartitionPhase.LIVE else []
            if self.compare is None or not projects:
                return
            await self.compare(owned, projects, not (self.is_awaited or owned.inbox or self.lag(owned)))
            self.flush_moved_at = time.monotonic()

    async def _let_catch_up(self) -> None:
        """Encoding one partition puts off the events of all; those of the next are not put off on top of that."""
        for _ in range(CATCH_UP_LOOKS // max(1, len(self.owned))):
            if self.is_awaited or not self.is_behind:
                return
            await asyncio.sleep(CATCH_UP_LOOK_SECONDS)

    async def _yield_to_fetching(self) -> None:
        """Storing stands back for a moment, not only for what waits in the loop: the thread that fetches needs the
        interpreter again and again, and gets it at once only while the loop has nothing to do."""
        await asyncio.sleep(0 if self.is_awaited else LET_BY_SECONDS)

    @property
    def is_awaited(self) -> bool:
        """Whether others wait for the flush itself: to stand back would only keep them longer."""
        return self._is_handing_over or self._short_of_room > 0

    async def _store(self, owned: Owned, collected: Collected) -> None:
        await self.write(owned, collected.state)
        self.flush_moved_at = time.monotonic()
        self._failpoint("after store")
        await self.write(owned, collected.closing)
        self._failpoint("after acknowledgement")
        owned.stored(collected)
        self._failpoint("before commit")

    async def write(self, owned: Owned, records: Records) -> None:
        """Write to the changelog unless the partition was revoked meanwhile. Raises KafkaError."""
        self._stall_guard.check()
        if owned.phase is PartitionPhase.LIVE and owned.log is not None and not self.is_halted:
            await owned.log.write(records)

    def commit_position(self, tp: TP) -> int | None:
        """What may be committed; it feeds lag displays only."""
        owned = self.owned.get(tp.partition)
        return owned.committed if owned is not None and owned.phase is PartitionPhase.LIVE else None

    # --- how far it is

    def is_caught_up(self, owned: Owned, quiet_seconds: float) -> bool:
        """Whether all that the log has was taken, and nothing came for a while.

        An end of the log that was heard of some time ago says nothing: events may wait behind it.
        """
        if self.consumer is None or owned.inbox or time.monotonic() - owned.taken_at < quiet_seconds:
            return False
        answered_at, end = self.answered_at(owned), self.consumer.end(self.tp(owned.number))
        return (
            answered_at is not None
            and end is not None
            and abs(time.time() - answered_at) < HEARD_LATELY_SECONDS
            and end <= owned.position
        )

    @property
    def is_behind(self) -> bool:
        """Whether events wait to be taken, as far as the fetcher knows."""
        return any(
            owned.phase is PartitionPhase.LIVE and (owned.inbox or self.lag(owned)) for owned in self.owned.values()
        )

    async def note_caught_up(self) -> None:
        """See which partitions that were behind have taken their past; what they told of it is safe before."""
        arrived = self._together([each for each in self.owned.values() if each.is_behind and self._has_arrived(each)])
        if not arrived:
            return
        await self.flush()
        for owned in arrived:
            if self._has_arrived(owned):
                owned.late_ms = self._lateness_ms(owned)
                owned.is_behind, owned.at_end_since = False, None

    def _together(self, arrived: list[Owned]) -> list[Owned]:
        """Those that need not wait for others: a partition that is still behind may have a part of their projects."""
        now = time.monotonic()
        is_alone = all(not each.is_behind or each.problem or each in arrived for each in self.owned.values())
        for each in self.owned.values():
            each.arrived_at = (each.arrived_at or now) if each in arrived else None
        if is_alone or self.compare is None:
            return arrived
        return [each for each in arrived if now - (each.arrived_at or now) >= WAIT_FOR_OTHERS_SECONDS]

    def _has_arrived(self, owned: Owned) -> bool:
        """Whether its events have reached the present, and what was due in the past has happened.

        At the end of the log the clock follows the wall's after a while; that something is due for longer than that
        means that the events themselves come late.
        """
        if owned.phase is not PartitionPhase.LIVE or owned.held:
            return False
        present_ms = self._now_ms() - PRESENT_MS
        is_at_end = self._note_end(owned, time.monotonic())
        if self._comes_late(owned):
            return True
        if not is_at_end:
            return owned.partition.clock_ms >= present_ms
        due_ms = owned.partition.next_deadline_ms()
        return due_ms is None or due_ms >= present_ms

    def _note_end(self, owned: Owned, now: float) -> bool:
        """Whether nothing waits. Events that come all the time do not begin the wait for those that come late anew."""
        is_at_end = self.is_caught_up(owned, 0.0)
        if is_at_end:
            owned.at_end_since = now if owned.at_end_since is None else owned.at_end_since
            owned.at_end_at = now
        elif now - owned.at_end_at > END_AGAIN_SECONDS:
            owned.at_end_since = None
        return is_at_end

    def _comes_late(self, owned: Owned) -> bool:
        return owned.at_end_since is not None and time.monotonic() - owned.at_end_since > LATE_EVENTS_SECONDS

    def _lateness_ms(self, owned: Owned) -> int:
        """How old what is new is here: what no clock explains is a past that was sent late, each time anew."""
        late_ms = 0 if owned.at_end_since is None else self._now_ms() - owned.partition.clock_ms
        return late_ms if 0 < late_ms <= MOST_LATE_MS else 0

    def lag(self, owned: Owned) -> int:
        """Records of a partition that may be read and were not taken yet, as far as the fetcher knows."""
        end = None if self.consumer is None else self.consumer.end(self.tp(owned.number))
        return max(0, (end or 0) - owned.position)

    @property
    def most_unstored(self) -> int:
        """So many changed projects of a partition are decoded at most; then taking waits for a flush."""
        return self._most_unstored

    def waiting(self, owned: Owned) -> int | None:
        """Records of a partition not yet taken, those behind an open transaction too; None where nobody says where the
        log ends."""
        consumer = self.consumer
        end = None if consumer is None or self._is_unheard_of(owned) else consumer.log_end(self.tp(owned.number))
        return None if end is None else max(0, end - owned.position, self.lag(owned))

    def _is_unheard_of(self, owned: Owned) -> bool:
        answered_at = self.answered_at(owned)
        return self.is_asked_for(owned) and (
            answered_at is None or abs(time.time() - answered_at) > UNHEARD_OF_AFTER_SECONDS
        )

    def is_asked_for(self, owned: Owned) -> bool:
        """Whether a broker owes an answer for it: its records are wanted and none waits to be taken."""
        consumer = self.consumer
        is_wanted = consumer is not None and consumer.is_wanted(self.tp(owned.number))
        return is_wanted and owned.phase is PartitionPhase.LIVE and not owned.inbox

    def answered_at(self, owned: Owned) -> float | None:
        """When a broker last answered for a partition that is asked for, by the wall clock; None: never yet, or it is
        not asked for."""
        consumer = self.consumer
        if consumer is None or not self.is_asked_for(owned):
            return None
        return consumer.answered_at(self.tp(owned.number))

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many records wait, for all that should move on."""
        for owned in self.owned.values():
            if owned.phase is PartitionPhase.LIVE and not owned.problem:
                yield self.tp(owned.number), owned.position, self.lag(owned)
