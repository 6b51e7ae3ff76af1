"""Reads the notifications topic, and hands each notification to the fan-out, a limited number at a time.

A notification's offset is committed when every sink is done with it. The ledger and the notification's computed id make
redelivery idempotent.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import structlog
from faust.types import TP

from agents.dispatch.codecs import decode_notification
from agents.dispatch.read_positions import Track, Tracks
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.time_slices import Slice
from streams.dispatch.outputs import Notification

log = structlog.get_logger(__name__)

Token = tuple[int, int, int]  # generation, partition, offset


class NotificationFanout(Protocol):
    """The part of `alert_sinks.fanout.Fanout` that is used. Nothing here waits but `wait_for_room`."""

    def accept(self, notification: Notification, token: Token, /) -> None:
        """Take a notification; its token comes back through `NotificationConsumer.done`."""

    def forget(self, predicate: Callable[[Token], bool], /) -> None:
        """Drop the notifications whose token fits."""

    async def wait_for_room(self) -> None:
        """Awaited after each batch."""


class NotificationConsumer:
    """Never more than `open_limit` notifications are under way; others wait in the topic until half are done."""

    def __init__(self, topic: str, fanout: NotificationFanout, open_limit: int) -> None:
        self.undecodable = 0
        self.tracks = Tracks(topic)
        self._fanout = fanout
        self._open_limit = open_limit
        self._is_paused = False  # no partition's records are wanted
        self._has_room = asyncio.Event()
        self._is_stopping = False

    # --- assignment

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions of the notifications topic that are this worker's."""
        return frozenset(self.tracks.by_number)

    def stop_taking(self) -> None:
        """Take nothing more, for good; what is under way may still be done and committed."""
        self._is_stopping = True
        self._has_room.set()

    def revoke(self) -> None:
        """Everything in flight belongs to another worker now."""
        self.tracks.by_number = {}
        self._fanout.forget(lambda token: True)
        self._is_paused = False
        self._has_room.set()

    # --- what is done

    async def commit(self) -> None:
        """Commit what is done. What fails is tried again by the next call."""
        await self.tracks.commit()

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many notifications wait, for all that should move on."""
        return iter(()) if self._is_paused else self.tracks.backlogs()

    @property
    def pending(self) -> int:
        """Notifications read and not done."""
        return self.tracks.open

    def done(self, token: Token) -> None:
        """Every sink has finished with this notification."""
        self.tracks.done(token)
        self._signal_room()

    def _signal_room(self) -> None:
        if self.pending <= self._open_limit // 2:
            self._has_room.set()

    # --- records

    async def accept(self, fetched: Fetched) -> None:
        """Hand every notification over, in order; if too many are under way the next ones wait.

        It is done in slices: a loop that stands still for a whole backlog would cost the worker its partitions.
        """
        number = fetched.tp.partition
        track = self.tracks.by_number.get(number)
        if track is None or not self._is_current(track, fetched):
            return
        if fetched.start != track.next_offset:
            raise RuntimeError(f"notifications from {fetched.start} on do not follow {track.next_offset}")
        one = Slice()
        for record in fetched.records:
            await one.step()
            if self.pending >= self._open_limit:
                await self._paused_while(self._until_half_are_done())
            if not self._is_current(track, fetched):
                return
            self._take(number, track, record)
        if self._is_current(track, fetched):
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
            self.tracks.want(False)
            await waiter
        finally:
            waiter.cancel()
            if self._is_paused:
                self._is_paused = False
                self.tracks.want(True)

    def _is_current(self, track: Track, fetched: Fetched) -> bool:
        return not self._is_stopping and self.tracks.is_current(track, fetched)

    def _take(self, number: int, track: Track, record: Record) -> None:
        track.next_offset = record.offset + 1
        if isinstance(record, UnreadableBatch):
            self.undecodable += 1
            log.error("records of the notifications topic cannot be read", partition=number, why=record.detail)
            return
        notification = decode_notification(record.value)
        if notification is None:
            self.undecodable += 1
            log.error("a record of the notifications topic is none", partition=number, offset=record.offset)
        elif not track.was_done(record.offset):
            track.open.add(record.offset)
            self._fanout.accept(notification, (track.generation, number, record.offset))
