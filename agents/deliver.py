"""The delivering side: reads alert transitions and hands them to the courier, so many at a time and no more.

A transition's offset is committed when every sink is done with it. What was not done at a crash is read again; the
ledger and the transition's computed id keep that from being news to anybody.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

import structlog
from faust.types import TP

from agents.engine.fetching import Fetched
from agents.engine.reading import Record
from agents.slices import Slice
from models.alert import Alert
from models.alert_codec import decode_alert

log = structlog.get_logger(__name__)

Token = tuple[int, int, int]  # generation, partition, offset


class Reader(Protocol):
    """The part of the consumer that is used."""

    async def begin(self, tp: TP, offset: int) -> int:
        """Read from this offset on; answers what the records will bear."""

    def want(self, tp: TP) -> None:
        """Let its records come."""

    def do_not_want(self, tp: TP) -> None:
        """Let its records wait."""

    def end(self, tp: TP) -> int | None:
        """The end of what may be read, as far as the fetcher has heard."""

    async def committed(self, tps: Iterable[TP]) -> dict[TP, int]:
        """What the group has committed. Raises KafkaError."""

    async def earliest_offsets(self, *tps: TP) -> Mapping[TP, int]:
        """Where the partitions begin. Raises KafkaError."""

    async def highwaters(self, *tps: TP) -> Mapping[TP, int]:
        """Where the partitions end. Raises KafkaError."""


class _Track:
    """Which offsets of one partition are still open."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.reading = 0
        self.next_offset: int | None = None  # next offset to take; None before reading has begun
        self.open: set[int] = set()

    @property
    def done_up_to(self) -> int | None:
        """Every transition before this offset is done."""
        if self.next_offset is None:
            return None
        return min(self.open, default=self.next_offset)


class Delivery:
    """Positions of the alerts' partitions. `send(alert, token)` must not wait; it answers through `done(token)`.

    Never more than `open_limit` transitions are under way; those that come wait in the topic until half are done.
    `wait_for_room` is awaited after each batch.
    """

    def __init__(
        self,
        alerts_topic: str,
        send: Callable[[Alert, Token], None],
        forget: Callable[[Callable[[Token], bool]], None],
        wait_for_room: Callable[[], Awaitable[None]],
        open_limit: int,
    ) -> None:
        self.undecodable = 0
        self.reader: Reader | None = None
        self._topic = alerts_topic
        self._send = send
        self._forget = forget
        self._wait_for_room = wait_for_room
        self._open_limit = open_limit
        self._tracks: dict[int, _Track] = {}
        self._holds = False  # no partition's records are wanted
        self._has_room = asyncio.Event()
        self._rests = False

    # --- assignment

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions of the alerts topic that are this worker's."""
        return frozenset(self._tracks)

    def rest(self) -> None:
        """Take nothing more, for good; what is under way may still be done and committed."""
        self._rests = True
        self._has_room.set()

    def revoke(self) -> None:
        """Everything under way belongs to somebody else now."""
        self._tracks = {}
        self._forget(lambda token: True)
        self._holds = False
        self._has_room.set()

    async def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions of the alerts topic and read on where the group has committed. Raises KafkaError."""
        tracks = self._tracks = {number: _Track(generation) for number in partitions}
        if not tracks:
            return
        reader, tps = self._reader(), [self._tp(number) for number in tracks]
        committed, beginnings = await reader.committed(tps), await reader.earliest_offsets(*tps)
        for (number, track), tp in zip(tracks.items(), tps, strict=True):
            await self._begin(number, track, max(committed.get(tp, 0), beginnings.get(tp, 0)))

    async def out_of_range(self, fetched: Fetched) -> None:
        """The topic has nothing there: it was made anew, or what was not read yet has expired. Raises KafkaError."""
        number = fetched.tp.partition
        track = self._tracks.get(number)
        if track is None or track.reading != fetched.reading:
            return
        beginning = (await self._reader().earliest_offsets(fetched.tp)).get(fetched.tp, 0)
        log.error("alerts are gone before they were read; going on at the beginning", partition=number,
                  offset=fetched.start, beginning=beginning)  # fmt: skip
        track.open.clear()
        await self._begin(number, track, beginning)

    async def _begin(self, number: int, track: _Track, start: int) -> None:
        track.next_offset = start
        track.reading = await self._reader().begin(self._tp(number), start)

    def _reader(self) -> Reader:
        if self.reader is None:
            raise RuntimeError("the delivery has no reader")
        return self.reader

    def _tp(self, number: int) -> TP:
        return TP(self._topic, number)

    # --- what is done

    def commit_position(self, tp: TP) -> int | None:
        """The offset before which everything is done."""
        track = self._tracks.get(tp.partition)
        return None if track is None else track.done_up_to

    @property
    def pending(self) -> int:
        """Transitions read and not done."""
        return sum(len(track.open) for track in self._tracks.values())

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many transitions wait, for all that should move on."""
        for number, track in self._tracks.items():
            end = None if self.reader is None else self.reader.end(self._tp(number))
            if track.next_offset is not None and end is not None and not self._holds:
                yield self._tp(number), track.next_offset, max(0, end - track.next_offset)

    def done(self, token: Token) -> None:
        """Every sink has finished with this transition."""
        generation, partition, offset = token
        track = self._tracks.get(partition)
        if track is not None and track.generation == generation:
            track.open.discard(offset)
        if self.pending <= self._open_limit // 2:
            self._has_room.set()

    # --- records

    async def accept(self, fetched: Fetched) -> None:
        """Hand every transition over, in order; where too many are under way the next ones wait.

        It is done in slices: a loop that stands still for a whole backlog would cost the worker its partitions.
        """
        number = fetched.tp.partition
        track = self._tracks.get(number)
        if track is None:
            return
        one = Slice()
        for record in fetched.records:
            await one.step()
            if self.pending >= self._open_limit:
                await self._hold(self._until_half_are_done())
            if self._rests or not self._is_read_by(track, fetched):
                return
            self._take(number, track, record)
        if not self._rests and self._is_read_by(track, fetched):
            track.next_offset = fetched.next_offset
        await self._hold(self._wait_for_room())

    async def _until_half_are_done(self) -> None:
        while self.pending > self._open_limit // 2 and not self._rests:
            self._has_room.clear()
            await self._has_room.wait()

    async def _hold(self, waiting: Awaitable[None]) -> None:
        """Let no records come while something is waited for."""
        waiter = asyncio.ensure_future(waiting)
        try:
            await asyncio.sleep(0)
            if waiter.done():
                return
            self._holds = True
            for number in self._tracks:
                self._reader().do_not_want(self._tp(number))
            await waiter
        finally:
            waiter.cancel()
            if self._holds:
                self._holds = False
                for number in self._tracks:
                    self._reader().want(self._tp(number))

    def _is_read_by(self, track: _Track, fetched: Fetched) -> bool:
        return self._tracks.get(fetched.tp.partition) is track and fetched.reading == track.reading

    def _take(self, number: int, track: _Track, record: Record) -> None:
        track.next_offset = record.offset + 1
        alert = decode_alert(record.value) if record.value else None
        if alert is None:
            self.undecodable += 1
            log.error("a record of the alerts topic is no alert", partition=number, offset=record.offset)
            return
        track.open.add(record.offset)
        self._send(alert, (track.generation, number, record.offset))
