"""The delivering side: reads alert transitions, keeps their history, hands them to the courier, never waits for either.

A transition's offset is committed when every sink is done with it. What was not done at a crash is read again; the
ledger and the transition's computed id keep that from being news to anybody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import Protocol

import structlog
from faust.types import TP

from agents.engine.fetching import Fetched
from agents.engine.reading import Record
from models.alert import Alert
from models.alert_codec import decode_alert

log = structlog.get_logger(__name__)

OPEN_LIMIT = 5_000  # transitions under way in all; a partition that has more is not read until half of them are done
HISTORY_RETRY_SECONDS = (1.0, 5.0, 30.0)

Token = tuple[int, int, int]  # generation, partition, offset
AppendHistory = Callable[[Alert, int, int], Awaitable[object]]


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
        self.deliver_from = 0  # what lies before was handed to the courier, and is read for the history alone
        self.open: set[int] = set()

    @property
    def done_up_to(self) -> int | None:
        """Every transition before this offset is done."""
        if self.next_offset is None:
            return None
        return min(self.open, default=max(self.next_offset, self.deliver_from))


class Delivery:
    """Positions of the alerts' partitions. `send(alert, token)` must not wait; it answers through `done(token)`."""

    def __init__(
        self,
        alerts_topic: str,
        send: Callable[[Alert, Token], None],
        forget: Callable[[Callable[[Token], bool]], None],
        append_history: AppendHistory,
        open_limit: int = OPEN_LIMIT,
    ) -> None:
        self.undecodable = 0
        self.reader: Reader | None = None
        self._topic = alerts_topic
        self._send = send
        self._forget = forget
        self._append_history = append_history
        self._open_limit = open_limit
        self._tracks: dict[int, _Track] = {}
        self._held: set[int] = set()  # partitions whose records wait
        self._known: dict[int, int] = {}  # partition -> up to where the history is complete
        self._history: deque[tuple[Alert, int, int]] = deque()
        self._history_waits = asyncio.Event()

    # --- assignment

    def revoke(self) -> None:
        """Everything under way belongs to somebody else now."""
        self._tracks = {}
        self._held = set()
        self._forget(lambda token: True)

    async def assign(self, partitions: Iterable[int], generation: int) -> None:
        """Own these partitions of the alerts topic and read on where the group has committed. Raises KafkaError."""
        tracks = self._tracks = {number: _Track(generation) for number in partitions}
        if not tracks:
            return
        reader, tps = self._reader(), [self._tp(number) for number in tracks]
        committed = await reader.committed(tps)
        beginnings, ends = await reader.earliest_offsets(*tps), await reader.highwaters(*tps)
        for (number, track), tp in zip(tracks.items(), tps, strict=True):
            beginning = beginnings.get(tp, 0)
            track.deliver_from = max(committed.get(tp, 0), beginning)
            if self._known.get(number, -1) >= max(ends.get(tp, 0), 1):  # of a topic that was made anew since
                self._known[number] = beginning - 1
            await self._begin(number, track, beginning)

    async def out_of_range(self, fetched: Fetched) -> None:
        """The topic has nothing there: it was made anew, or what was not read yet has expired. Raises KafkaError."""
        number = fetched.tp.partition
        track = self._tracks.get(number)
        if track is None or track.reading != fetched.reading:
            return
        beginning = (await self._reader().earliest_offsets(fetched.tp)).get(fetched.tp, 0)
        log.error("alerts are gone before they were read; going on at the beginning", partition=number,
                  offset=fetched.start, beginning=beginning)  # fmt: skip
        track.deliver_from = beginning
        track.open.clear()
        self._known.pop(number, None)
        await self._begin(number, track, beginning)

    def catch_up_from(self, last_offsets: dict[int, int]) -> None:
        """The history is complete up to these offsets; what is after them is read again when assigned next."""
        self._known = dict(last_offsets)

    async def _begin(self, number: int, track: _Track, beginning: int) -> None:
        """From where delivery goes on, or from before it where the history lacks something."""
        start, known = track.deliver_from, self._known.get(number)
        if known is not None:
            start = max(beginning, min(start, known + 1))
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
            if track.next_offset is not None and end is not None and number not in self._held:
                yield self._tp(number), track.next_offset, max(0, end - track.next_offset)

    def done(self, token: Token) -> None:
        """Every sink has finished with this transition."""
        generation, partition, offset = token
        track = self._tracks.get(partition)
        if track is not None and track.generation == generation:
            track.open.discard(offset)
        self._release()

    def _release(self) -> None:
        if self._held and self._under_way < self._open_limit // 2:
            held, self._held = self._held, set()
            for number in held & self._tracks.keys():
                self._reader().want(self._tp(number))

    @property
    def _under_way(self) -> int:
        return max(self.pending, len(self._history))

    # --- records

    def accept(self, fetched: Fetched) -> None:
        """Hand every transition over, in order. Never waits; where too many are under way the next ones wait."""
        number = fetched.tp.partition
        track = self._tracks.get(number)
        if track is None or fetched.reading != track.reading:
            return
        for record in fetched.records:
            self._take(number, track, record)
        track.next_offset = fetched.next_offset
        if self._under_way >= self._open_limit:
            self._held.add(number)
            self._reader().do_not_want(fetched.tp)

    def _take(self, number: int, track: _Track, record: Record) -> None:
        track.next_offset = record.offset + 1
        alert = decode_alert(record.value) if record.value else None
        if alert is None:
            self.undecodable += 1
            log.error("a record of the alerts topic is no alert", partition=number, offset=record.offset)
            return
        if record.offset > self._known.get(number, -1):
            self._history.append((alert, number, record.offset))
            self._history_waits.set()
        if record.offset >= track.deliver_from:
            track.open.add(record.offset)
            self._send(alert, (track.generation, number, record.offset))

    # --- history

    async def write_history(self) -> None:
        """Append to the history for ever, in order, at whatever speed it takes them."""
        while True:
            while self._history:
                await self._append(*self._history[0])
                self._history.popleft()
                self._release()
            self._history_waits.clear()
            await self._history_waits.wait()

    async def _append(self, alert: Alert, partition: int, offset: int) -> None:
        """Its failures are its own: they must not end deliveries."""
        for attempt in range(1_000_000_000):
            try:
                await self._append_history(alert, partition, offset)
                return
            except Exception:
                if attempt == 0:
                    log.exception("the alert history takes nothing; trying on", partition=partition, offset=offset)
                await asyncio.sleep(HISTORY_RETRY_SECONDS[min(attempt, len(HISTORY_RETRY_SECONDS) - 1)])
