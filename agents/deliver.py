"""The delivering side: reads alert transitions, keeps their history, hands them to the courier, never waits for either.

A transition's offset is committed when every sink is done with it. What was not done at a crash is read again; the
ledger and the transition's computed id keep that from being news to anybody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from faust.types import TP

from agents.engine.transport import RecordBatch
from models.alert import Alert
from models.alert_codec import decode_alert

log = structlog.get_logger(__name__)

HISTORY_QUEUE_LIMIT = 10_000

Token = tuple[int, int, int]  # generation, partition, offset
AppendHistory = Callable[[Alert, int, int], Awaitable[object]]


class _Track:
    """Which offsets of one partition are still open."""

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.next_offset: int | None = None  # next offset to take
        self.open: set[int] = set()

    @property
    def done_up_to(self) -> int | None:
        """Every transition before this offset is done."""
        return min(self.open, default=self.next_offset)


class Delivery:
    """Positions of the alerts' partitions. `send(alert, token)` must not wait; it answers through `done(token)`."""

    def __init__(
        self,
        alerts_topic: str,
        send: Callable[[Alert, Token], None],
        forget: Callable[[Callable[[Token], bool]], None],
        append_history: AppendHistory,
    ) -> None:
        self.undecodable = 0
        self.history_left_out = 0
        self._topic = alerts_topic
        self._send = send
        self._forget = forget
        self._append_history = append_history
        self._tracks: dict[int, _Track] = {}
        self._known: dict[int, int] = {}  # partition -> up to where the history is complete
        self._history: deque[tuple[Alert, int, int]] = deque()
        self._history_waits = asyncio.Event()

    # --- assignment

    def revoke(self) -> None:
        """Everything under way belongs to somebody else now."""
        self._tracks = {}
        self._forget(lambda token: True)

    def assign(self, partitions: list[int], generation: int) -> None:
        """Own these partitions of the alerts topic."""
        self._tracks = {number: _Track(generation) for number in partitions}

    def catch_up_from(self, last_offsets: dict[int, int]) -> None:
        """The history is complete up to these offsets; what is after them is read again when assigned next."""
        self._known = last_offsets

    def start_position(self, tp: TP, committed: int | None) -> int | None:
        """Where delivery goes on: after what was taken, else where the group has committed, or before it if the history
        lacks something. None: the topic's beginning."""
        track = self._tracks.get(tp.partition)
        if track is not None and track.next_offset is not None:
            return track.next_offset
        known = self._known.get(tp.partition)
        return committed if committed is None or known is None else min(committed, known + 1)

    def commit_position(self, tp: TP) -> int | None:
        """The offset before which everything is done."""
        track = self._tracks.get(tp.partition)
        return None if track is None else track.done_up_to

    @property
    def pending(self) -> int:
        """Transitions read and not done."""
        return sum(len(track.open) for track in self._tracks.values())

    # --- records

    def take(self, batch: RecordBatch) -> None:
        """Hand every transition of a batch over, in order."""
        track = self._tracks.get(batch.partition)
        if track is None or batch.generation_id != track.generation:
            return
        for record in batch.records:
            if track.next_offset is not None and record.offset < track.next_offset:
                continue
            track.next_offset = record.offset + 1
            alert = decode_alert(record.value) if record.value else None
            if alert is None:
                self.undecodable += 1
                log.error("a record of the alerts topic is no alert", partition=batch.partition, offset=record.offset)
                continue
            self._remember(alert, batch.partition, record.offset)
            track.open.add(record.offset)
            self._send(alert, (track.generation, batch.partition, record.offset))

    def done(self, token: Token) -> None:
        """Every sink has finished with this transition."""
        generation, partition, offset = token
        track = self._tracks.get(partition)
        if track is not None and track.generation == generation:
            track.open.discard(offset)

    # --- history

    def _remember(self, alert: Alert, partition: int, offset: int) -> None:
        if offset <= self._known.get(partition, -1):
            return
        if len(self._history) >= HISTORY_QUEUE_LIMIT:
            self._history.popleft()
            self.history_left_out += 1
        self._history.append((alert, partition, offset))
        self._history_waits.set()

    async def write_history(self) -> None:
        """Append to the history for ever, in order, at whatever speed the database has."""
        while True:
            while self._history:
                await self._append_history(*self._history.popleft())
            self._history_waits.clear()
            await self._history_waits.wait()
