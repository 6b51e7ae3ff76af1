"""Where each partition of the notifications topic is read and what of it is done, up to the commit.

What was not done at a crash is read again; the note beside the committed position says what was done behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol, TypeVar

import structlog
from aiokafka.errors import KafkaError, KafkaTimeoutError
from faust.types import TP

from agents.dispatch.committed_notes import Note, note_of, read_note
from agents.fetching.consumer_thread import Fetched
from agents.retrying import Pauses, retry

log = structlog.get_logger(__name__)

T = TypeVar("T")
TOGETHER_SECONDS = 5.0  # for the beginnings of all partitions in one answer; then each is asked for alone
ASK_AGAIN_SECONDS = 1.0
COMMIT_PATIENCE_SECONDS = 10.0


class NotificationReader(Protocol):
    """The part of the consumer that is used."""

    async def begin(self, tp: TP, offset: int) -> int:
        """Read from this offset on; returns the number of this reading, which its records have."""

    def want(self, tp: TP) -> None:
        """Let its records come."""

    def do_not_want(self, tp: TP) -> None:
        """Let its records wait."""

    def end(self, tp: TP) -> int | None:
        """The end of what may be read, as far as the fetcher has heard."""

    async def committed(self, tps: Iterable[TP]) -> dict[TP, tuple[int, str]]:
        """What the group has committed, and what was noted beside it. Raises KafkaError."""

    async def commit_with_notes(self, positions: Mapping[TP, tuple[int, str]]) -> None:
        """Commit positions and notes. Raises KafkaError."""

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        """Where the partitions begin. Raises KafkaError."""


class Track:
    """Which offsets of one partition are still open."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.reading = 0
        self.committed = 0  # what lies before was done by a former owner
        self.next_offset: int | None = None  # next offset to take; None before reading has begun
        self.open: set[int] = set()
        self.note = Note()  # what the owner before had said
        self.said: tuple[int, str] | None = None  # position and note that were committed last

    def was_done(self, offset: int) -> bool:
        """Whether it was done before this worker had the partition."""
        return offset < self.committed or self.note.is_done(offset)

    def to_commit(self) -> tuple[int, str] | None:
        """Position and note; None before reading has begun, or if the group knows more."""
        position = self.done_up_to
        if position is None or self.next_offset is None or self.next_offset < self.committed:
            return None
        if self.next_offset < self.note.read_to:
            return None
        return position, note_of(position, self.next_offset, self.open)

    @property
    def done_up_to(self) -> int | None:
        """Every notification before this offset is done."""
        if self.next_offset is None:
            return None
        return min(self.open, default=max(self.next_offset, self.committed))


class Tracks:
    """The read positions of this worker's partitions."""

    def __init__(self, topic: str) -> None:
        self.by_number: dict[int, Track] = {}
        self.reader: NotificationReader | None = None
        self._topic = topic

    @property
    def open(self) -> int:
        """Notifications read and not done."""
        return sum(len(track.open) for track in self.by_number.values())

    def is_current(self, track: Track, fetched: Fetched) -> bool:
        """Whether this was fetched for the reading that goes on."""
        return self.by_number.get(fetched.tp.partition) is track and fetched.reading == track.reading

    def done(self, token: tuple[int, int, int]) -> None:
        """Every sink has finished with this generation, partition, offset."""
        generation, partition, offset = token
        track = self.by_number.get(partition)
        if track is not None and track.generation == generation:
            track.open.discard(offset)

    def want(self, is_wanted: bool) -> None:
        """Let the records of all partitions come, or wait."""
        for number in self.by_number:
            reader = self._reader()
            (reader.want if is_wanted else reader.do_not_want)(self._tp(number))

    async def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions of the topic and read on where the group has committed.

        What Kafka does not answer is asked again; a partition without a leader does not keep the others waiting.
        """
        tracks = self.by_number = {number: Track(generation) for number in partitions}
        if not tracks:
            return
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

    async def _begin_alone(self, number: int, track: Track, committed: Mapping[TP, tuple[int, str]]) -> None:
        tp = self._tp(number)
        beginnings = await self._retry(lambda: self._reader().earliest_offsets(tp))
        await self._begin_assigned(number, track, committed, beginnings)

    async def _begin_assigned(
        self, number: int, track: Track, committed: Mapping[TP, tuple[int, str]], beginnings: Mapping[TP, int]
    ) -> None:
        beginning = beginnings.get(self._tp(number), 0)
        position, note = committed.get(self._tp(number), (0, ""))
        track.committed, track.note = max(position, beginning), read_note(position, note)
        await self._begin(number, track, track.committed)

    async def _retry(self, ask: Callable[[], Awaitable[T]]) -> T:
        """Ask until Kafka answers; cancelled if the partitions are lost. Raises KafkaError that is not transient."""
        pauses = Pauses((ASK_AGAIN_SECONDS,))

        def failed(error: BaseException) -> None:
            if pauses.failures == 1:
                log.warning(
                    "the positions of the notifications cannot be read; retrying", reason=str(error) or repr(error)
                )

        return await retry(ask, failed, pauses, is_retried=_is_transient)

    async def out_of_range(self, fetched: Fetched) -> None:
        """The topic has nothing there: it was made anew, or what was not read yet has expired."""
        number = fetched.tp.partition
        track = self.by_number.get(number)
        if track is None or track.reading != fetched.reading:
            return
        beginnings = await self._retry(lambda: self._reader().earliest_offsets(fetched.tp))
        if self.by_number.get(number) is not track:
            return
        beginning = beginnings.get(fetched.tp, 0)
        log.error("notifications were deleted before they were read; continuing at the first one", partition=number,
                  offset=fetched.start, beginning=beginning)  # fmt: skip
        track.open.clear()
        track.committed, track.note = beginning, Note()
        await self._begin(number, track, beginning)

    async def _begin(self, number: int, track: Track, start: int) -> None:
        track.next_offset = start
        track.reading = await self._reader().begin(self._tp(number), start)

    def _reader(self) -> NotificationReader:
        if self.reader is None:
            raise RuntimeError("the consumer of notifications was not started")
        return self.reader

    def _tp(self, number: int) -> TP:
        return TP(self._topic, number)

    def commit_position(self, tp: TP) -> int | None:
        """The offset before which everything is done."""
        track = self.by_number.get(tp.partition)
        return None if track is None else track.done_up_to

    async def commit(self) -> None:
        """Commit what is done. To be called now and then; what fails is tried again by the next call."""
        news = {
            number: said
            for number, track in self.by_number.items()
            if (said := track.to_commit()) is not None and said != track.said
        }
        if not news:
            return
        tracks = self.by_number
        try:
            async with asyncio.timeout(
                COMMIT_PATIENCE_SECONDS
            ):  # while the group has no coordinator, it waits for ever
                await self._reader().commit_with_notes({self._tp(number): said for number, said in news.items()})
        except (KafkaError, TimeoutError) as error:
            log.debug(
                "the offsets of the notifications topic cannot be committed; retrying",
                error=str(error) or type(error).__name__,
            )
            return
        for number, said in news.items():
            tracks[number].said = said

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many notifications wait, for all that should move on."""
        for number, track in self.by_number.items():
            end = None if self.reader is None else self.reader.end(self._tp(number))
            if track.next_offset is not None and end is not None:
                yield self._tp(number), track.next_offset, max(0, end - track.next_offset)


def _is_transient(error: BaseException) -> bool:
    return isinstance(error, KafkaError) and (error.retriable or isinstance(error, KafkaTimeoutError))
