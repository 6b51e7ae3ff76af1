"""The delivering side: reads alert transitions and hands them to the fan-out, so many at a time and no more.

A transition's offset is committed when every sink is done with it. What was not done at a crash is read again; the
ledger and the transition's computed id keep that from being news to anybody. What belongs to the past is held back
until the events have caught up (`alert_sinks.held_past`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.types import TP

from agents.alerts.catching_up import CatchingUp
from agents.alerts.marks import Mark, Ours, read_mark
from agents.alerts.positions import Note, note_of, read_note
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.retrying import Pauses, retry
from agents.time_slices import Slice
from alert_sinks.held_past import LIVE_MS, HeldPast, Steps, Telling
from models.alert import Alert
from models.alert_codec import decode_alert

log = structlog.get_logger(__name__)

T = TypeVar("T")
Token = tuple[int, int, int]  # generation, partition, offset
TOGETHER_SECONDS = 5.0  # for the beginnings of all partitions in one answer; then each is asked for alone
ASK_AGAIN_SECONDS = 1.0
COMMIT_PATIENCE_SECONDS = 10.0
SILENT_MS = 30_000  # brokers answer every tenth of a second
LOOK_BACK_RECORDS = 1000  # before the committed position: who was told when


class AlertReader(Protocol):
    """The part of the consumer that is used."""

    async def begin(self, tp: TP, offset: int) -> int:
        """Read from this offset on; answers what the records will bear."""

    def want(self, tp: TP) -> None:
        """Let its records come."""

    def do_not_want(self, tp: TP) -> None:
        """Let its records wait."""

    def end(self, tp: TP) -> int | None:
        """The end of what may be read, as far as the fetcher has heard."""

    def answered_at(self, tp: TP) -> float | None:
        """When a broker last answered for this partition, in seconds of the wall clock."""

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """What the group has committed, and what was noted beside it. Raises KafkaError."""

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        """Commit positions and notes. Raises KafkaError."""

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        """Where the partitions begin. Raises KafkaError."""


class AlertFanout(Protocol):
    """The part of `alert_sinks.fanout.Fanout` that is used. Nothing here waits but `wait_for_room`."""

    def accept(self, alert: Alert, token: Token, /, *, on_call_knows: bool) -> None:
        """Take a transition; its token comes back through `AlertConsumer.done`."""

    def accept_together(self, tellings: Sequence[Telling[Token]], /) -> None:
        """Take several at once, which are one message where they are many."""

    def forget(self, predicate: Callable[[Token], bool], /) -> None:
        """Drop the transitions whose token fits."""

    async def wait_for_room(self) -> None:
        """Awaited after each batch."""


class _Track:
    """Which offsets of one partition are still open."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.reading = 0
        self.committed = 0  # what lies before was done by whoever read it
        self.next_offset: int | None = None  # next offset to take; None before reading has begun
        self.open: set[int] = set()
        self.note = Note()  # what the owner before had said
        self.held: set[int] = set()
        self.assigned_ms = 0
        self.said: tuple[int, str] | None = None  # position and note that were committed last

    def was_done(self, offset: int) -> bool:
        """Whether it was done before this worker had the partition."""
        return offset < self.committed or self.note.is_done(offset)

    def may_be_told(self, record: Record, mark: Mark) -> bool:
        """Whether the owner before may have told it: what is of the past is told only after a note that says so."""
        if self.note.may_be_told(record.offset):
            return True
        return not mark.is_behind and record.timestamp < self.assigned_ms and record.offset >= self.note.read_to

    def to_commit(self) -> tuple[int, str] | None:
        """Position and note; None before reading has begun, or where what the group knows says more."""
        position = self.done_up_to
        if position is None or self.next_offset is None or self.next_offset < self.committed:
            return None
        if self.next_offset < self.note.read_to:
            return None
        return position, note_of(position, self.next_offset, self.open, self.held)

    @property
    def done_up_to(self) -> int | None:
        """Every transition before this offset is done."""
        if self.next_offset is None:
            return None
        return min(self.open, default=max(self.next_offset, self.committed))


class AlertConsumer:
    """Positions of the alerts' partitions, and what of them waits until the events have caught up.

    Never more than `open_limit` transitions are under way; those that come wait in the topic until half are done.
    `ours` says which records are this monitor's, `now_ms` is the wall clock, and `caught_up_at_ms` answers when a
    partition of events was last said to have caught up, None where it has not.
    """

    def __init__(
        self,
        alerts_topic: str,
        ours: Ours,
        fanout: AlertFanout,
        past: HeldPast[Token],
        open_limit: int,
        now_ms: Callable[[], int],
        caught_up_at_ms: Callable[[int], int | None],
    ) -> None:
        self.undecodable = 0
        self.reader: AlertReader | None = None
        self._topic = alerts_topic
        self._ours = ours
        self._fanout = fanout
        self._past = past
        self._open_limit = open_limit
        self._now_ms = now_ms
        self._catching_up = CatchingUp(caught_up_at_ms, self._read_up_at_ms)
        self._tracks: dict[int, _Track] = {}
        self._seen_changes = -1  # of what is held, when it was last looked at
        self._is_paused = False  # no partition's records are wanted
        self._has_room = asyncio.Event()
        self._is_stopping = False

    # --- assignment

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions of the alerts topic that are this worker's."""
        return frozenset(self._tracks)

    def stop_taking(self) -> None:
        """Take nothing more, for good; what is under way may still be done and committed."""
        self._is_stopping = True
        self._has_room.set()

    def revoke(self) -> None:
        """Everything under way belongs to somebody else now."""
        self._tracks = {}
        self._past.forget()
        self._catching_up.forget()
        self._fanout.forget(lambda token: True)
        self._is_paused = False
        self._has_room.set()

    async def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions of the alerts topic and read on where the group has committed.

        What Kafka does not answer is asked again; a partition that nobody leads keeps none of the others.
        """
        tracks = self._tracks = {number: _Track(generation) for number in partitions}
        if not tracks:
            return
        for track in tracks.values():
            track.assigned_ms = self._now_ms()
        reader, tps = self._reader(), [self._tp(number) for number in tracks]
        committed = await self._retry(lambda: reader.committed(tps))
        try:
            async with asyncio.timeout(TOGETHER_SECONDS):
                beginnings = await reader.earliest_offsets(*tps)
        except (KafkaError, TimeoutError):
            await asyncio.gather(*(self._begin_alone(number, track, committed) for number, track in tracks.items()))
            return
        for number, track in tracks.items():
            await self._begin_assigned(number, track, committed, beginnings)

    async def _begin_alone(self, number: int, track: _Track, committed: Mapping[TP, tuple[int, str]]) -> None:
        tp = self._tp(number)
        beginnings = await self._retry(lambda: self._reader().earliest_offsets(tp))
        await self._begin_assigned(number, track, committed, beginnings)

    async def _begin_assigned(
        self, number: int, track: _Track, committed: Mapping[TP, tuple[int, str]], beginnings: Mapping[TP, int]
    ) -> None:
        beginning = beginnings.get(self._tp(number), 0)
        position, note = committed.get(self._tp(number), (0, ""))
        track.committed, track.note = max(position, beginning), read_note(position, note)
        await self._begin(number, track, max(beginning, track.committed - LOOK_BACK_RECORDS))

    async def _retry(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until Kafka answers; cancelled where the partitions are lost. Raises KafkaError that is not transient."""
        pauses = Pauses((ASK_AGAIN_SECONDS,))

        def failed(error: BaseException) -> None:
            if pauses.failures == 1:
                log.warning("the positions of the alerts cannot be read; retrying", reason=str(error) or repr(error))

        return await retry(ask, failed, pauses, is_retried=_is_transient)

    async def out_of_range(self, fetched: Fetched) -> None:
        """The topic has nothing there: it was made anew, or what was not read yet has expired."""
        number = fetched.tp.partition
        track = self._tracks.get(number)
        if track is None or track.reading != fetched.reading:
            return
        beginnings = await self._retry(lambda: self._reader().earliest_offsets(fetched.tp))
        if self._tracks.get(number) is not track:
            return
        beginning = beginnings.get(fetched.tp, 0)
        log.error("alerts were deleted before they were read; continuing at the first one", partition=number,
                  offset=fetched.start, beginning=beginning)  # fmt: skip
        track.open.clear()
        track.committed, track.note = beginning, Note()
        await self._begin(number, track, beginning)

    async def _begin(self, number: int, track: _Track, start: int) -> None:
        track.next_offset = start
        track.reading = await self._reader().begin(self._tp(number), start)

    def _reader(self) -> AlertReader:
        if self.reader is None:
            raise RuntimeError("the alerts consumer was not started")
        return self.reader

    def _tp(self, number: int) -> TP:
        return TP(self._topic, number)

    # --- what is done

    def commit_position(self, tp: TP) -> int | None:
        """The offset before which everything is done."""
        track = self._tracks.get(tp.partition)
        return None if track is None else track.done_up_to

    async def commit(self) -> None:
        """Commit what is done. To be called now and then; what fails is tried again by the next call."""
        self._note_held()
        news = {
            number: said
            for number, track in self._tracks.items()
            if (said := track.to_commit()) is not None and said != track.said
        }
        if not news:
            return
        tracks = self._tracks
        try:
            async with asyncio.timeout(
                COMMIT_PATIENCE_SECONDS
            ):  # while nobody coordinates the group, it waits for ever
                await self._reader().commit_with_notes({self._tp(number): said for number, said in news.items()})
        except (KafkaError, TimeoutError) as error:
            log.debug(
                "the offsets of the alerts topic cannot be committed; retrying",
                error=str(error) or type(error).__name__,
            )
            return
        for number, said in news.items():
            tracks[number].said = said

    @property
    def pending(self) -> int:
        """Transitions read and not done, and not held back either."""
        return sum(len(track.open) for track in self._tracks.values()) - self._past.tokens

    @property
    def held(self) -> int:
        """Alerts that are told, if they are still on, when their events have caught up."""
        return self._past.held

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many transitions wait, for all that should move on."""
        for number, track in self._tracks.items():
            end = None if self.reader is None else self.reader.end(self._tp(number))
            if track.next_offset is not None and end is not None and not self._is_paused:
                yield self._tp(number), track.next_offset, max(0, end - track.next_offset)

    def done(self, token: Token) -> None:
        """Every sink has finished with this transition."""
        generation, partition, offset = token
        track = self._tracks.get(partition)
        if track is not None and track.generation == generation:
            track.open.discard(offset)
        self._signal_room()

    def _signal_room(self) -> None:
        if self.pending <= self._open_limit // 2:
            self._has_room.set()

    # --- what was held back

    async def look(self) -> None:
        """Tell what need not be held back any longer. To be called several times a second.

        That it is held no longer is committed first: whoever reads it again after a crash knows that it may be told.
        """
        if self._past.is_empty:
            return
        now_ms = self._now_ms()
        self._catching_up.look(now_ms)
        steps = self._past.release(now_ms, self._catching_up.has)
        if steps.together:
            tracks = self._tracks
            await self.commit()
            if self._tracks is not tracks:
                return  # it belongs to others now
        self._apply(steps)

    def _note_held(self) -> None:
        if self._past.changes == self._seen_changes:
            return
        self._seen_changes = self._past.changes
        held: dict[int, set[int]] = {}
        for _, number, offset in self._past.held_tokens():
            held.setdefault(number, set()).add(offset)
        for number, track in self._tracks.items():
            track.held = held.get(number, set())

    def _read_up_at_ms(self) -> int:
        """Up to when everything in this worker's partitions of the topic was read; 0: it was not.

        A partition whose broker has been silent for long is left out: the alerts of the others do not wait for it.
        """
        now_ms, earliest_ms = self._now_ms(), 0
        for number, track in self._tracks.items():
            tp, reader = self._tp(number), self._reader()
            end, answered_at = reader.end(tp), reader.answered_at(tp)
            answered_ms = 0 if answered_at is None else int(answered_at * 1000)
            if now_ms - max(answered_ms, track.assigned_ms) > SILENT_MS:
                continue
            if end is None or answered_at is None or track.next_offset is None or end > track.next_offset:
                return 0
            earliest_ms = min(earliest_ms or now_ms, answered_ms)
        return earliest_ms

    def _apply(self, steps: Steps[Token]) -> None:
        for token in steps.done:
            self.done(token)
        for telling in steps.now:
            self._fanout.accept(telling.alert, telling.token, on_call_knows=telling.on_call_knows)
        if steps.together:
            self._fanout.accept_together(steps.together)

    # --- records

    async def accept(self, fetched: Fetched) -> None:
        """Hand every transition over, in order; where too many are under way the next ones wait.

        It is done in slices: a loop that stands still for a whole backlog would cost the worker its partitions.
        """
        number = fetched.tp.partition
        track = self._tracks.get(number)
        if track is None or not self._is_taken(track, fetched):
            return
        if fetched.start != track.next_offset:
            raise RuntimeError(f"alerts from {fetched.start} on do not follow {track.next_offset}")
        one = Slice()
        for record in fetched.records:
            await one.step()
            if self.pending >= self._open_limit:
                await self._paused_while(self._until_half_are_done())
            if not self._is_taken(track, fetched):
                return
            self._take(number, track, record)
        if self._is_taken(track, fetched):
            track.next_offset = fetched.next_offset
        await self._paused_while(self._fanout.wait_for_room())

    async def _until_half_are_done(self) -> None:
        while self.pending > self._open_limit // 2 and not self._is_stopping:
            self._has_room.clear()
            await self._has_room.wait()

    async def _paused_while(self, waiting: Awaitable[None]) -> None:
        """Let no records come while something is waited for."""
        waiter = asyncio.ensure_future(waiting)
        try:
            await asyncio.sleep(0)
            if waiter.done():
                return
            self._is_paused = True
            for number in self._tracks:
                self._reader().do_not_want(self._tp(number))
            await waiter
        finally:
            waiter.cancel()
            if self._is_paused:
                self._is_paused = False
                for number in self._tracks:
                    self._reader().want(self._tp(number))

    def _is_taken(self, track: _Track, fetched: Fetched) -> bool:
        return (
            not self._is_stopping
            and self._tracks.get(fetched.tp.partition) is track
            and fetched.reading == track.reading
        )

    def _take(self, number: int, track: _Track, record: Record) -> None:
        track.next_offset = record.offset + 1
        if isinstance(record, UnreadableBatch):
            self.undecodable += 1
            log.error("records of the alerts topic cannot be read", partition=number, why=record.detail)
            return
        mark = read_mark(record.headers)
        if not self._ours.has(mark, record.timestamp):
            self._ours.pass_over(mark)
            return
        alert = decode_alert(record.value) if record.value else None
        if alert is None:
            self.undecodable += 1
            log.error("a record of the alerts topic is not an alert", partition=number, offset=record.offset)
            return
        now_ms = self._now_ms()
        if track.was_done(record.offset):
            self._past.note_done(alert, now_ms if mark.is_behind else record.timestamp)
            return
        track.open.add(record.offset)
        self._catching_up.watch(mark)
        token = (track.generation, number, record.offset)
        is_past = _is_past(mark, record, now_ms)
        may_be_told = is_past and track.may_be_told(record, mark)
        self._apply(
            self._past.take(alert, token, mark.events_partition, now_ms, is_past=is_past, may_be_told=may_be_told)
        )


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, KafkaError) and (error.retriable or isinstance(error, KafkaTimeoutError))


def _is_past(mark: Mark, record: Record, now_ms: int) -> bool:
    """Whether it was caused by events of the past, or was written too long ago to be news."""
    return mark.is_behind or now_ms - record.timestamp > LIVE_MS
