"""Reads alert transitions and hands them to the fan-out, a limited number at a time.

A transition's offset is committed when every sink is done with it. The ledger and the transition's computed id make
redelivery idempotent. What belongs to the past is held back until the events have caught up (`alert_sinks.held_past`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Protocol

import structlog
from faust.types import TP

from agents.alerts.alert_headers import Mark, Ours, read_mark
from agents.alerts.catching_up import CatchingUp
from agents.alerts.read_positions import Track, Tracks
from agents.fetching.consumer_thread import Fetched
from agents.fetching.reading import Record
from agents.fetching.record_parsing import UnreadableBatch
from agents.time_slices import Slice
from alert_sinks.held_past import LIVE_MS, HeldPast, Notice, Steps
from models.alert import Alert
from models.alert_codec import decode_alert
from streams.dispatch.outputs import Notification

log = structlog.get_logger(__name__)

Token = tuple[int, int, int]  # generation, partition, offset


class AlertFanout(Protocol):
    """The part of `alert_sinks.fanout.Fanout` that is used. Nothing here waits but `wait_for_room`."""

    def accept(self, alert: Alert, token: Token, /, *, on_call_knows: bool) -> None:
        """Take a transition; its token comes back through `AlertConsumer.done`."""

    def accept_together(self, notices: Sequence[Notice[Token]], /) -> None:
        """Take several at once; many become one message."""

    def accept_notification(self, notification: Notification, token: Token, /) -> None:
        """Take what the dispatcher has decided; its token comes back in the same way."""

    def forget(self, predicate: Callable[[Token], bool], /) -> None:
        """Drop the transitions whose token fits."""

    async def wait_for_room(self) -> None:
        """Awaited after each batch."""


class AlertConsumer:
    """Takes transitions, and holds back those of the past until the events have caught up.

    Never more than `open_limit` transitions are under way; those that come wait in the topic until half are done.
    `ours` says which records are this monitor's, `now_ms` is the wall clock, and `caught_up_at_ms` returns when a
    partition of events was last said to have caught up, None if it has not.
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
        self.tracks = Tracks(alerts_topic, now_ms)
        self._ours = ours
        self._fanout = fanout
        self._past = past
        self._open_limit = open_limit
        self._now_ms = now_ms
        self._catching_up = CatchingUp(caught_up_at_ms, self.tracks.read_up_at_ms)
        self._seen_changes = -1  # of what is held, when it was last looked at
        self._is_paused = False  # no partition's records are wanted
        self._has_room = asyncio.Event()
        self._is_stopping = False

    # --- assignment

    @property
    def partitions(self) -> frozenset[int]:
        """The partitions of the alerts topic that are this worker's."""
        return frozenset(self.tracks.by_number)

    def stop_taking(self) -> None:
        """Take nothing more, for good; what is under way may still be done and committed."""
        self._is_stopping = True
        self._has_room.set()

    def revoke(self) -> None:
        """Everything in flight belongs to another worker now."""
        self.tracks.by_number = {}
        self._past.forget()
        self._catching_up.forget()
        self._fanout.forget(lambda token: True)
        self._is_paused = False
        self._has_room.set()

    # --- what is done

    async def commit(self) -> None:
        """Commit what is done, and note what is held back. What fails is tried again by the next call."""
        if self._past.changes != self._seen_changes:
            self._seen_changes = self._past.changes
            self.tracks.note_held(self._past.held_tokens())
        await self.tracks.commit()

    def backlogs(self) -> Iterator[tuple[TP, int, int]]:
        """Partition, position and how many transitions wait, for all that should move on."""
        return iter(()) if self._is_paused else self.tracks.backlogs()

    @property
    def pending(self) -> int:
        """Transitions read and not done, and not held back either."""
        return self.tracks.open - self._past.tokens

    @property
    def held(self) -> int:
        """Alerts that are delivered, if they still fire, when their events have caught up."""
        return self._past.held

    def done(self, token: Token) -> None:
        """Every sink has finished with this transition."""
        self.tracks.done(token)
        self._signal_room()

    def _signal_room(self) -> None:
        if self.pending <= self._open_limit // 2:
            self._has_room.set()

    # --- what was held back

    async def look(self) -> None:
        """Tell what need not be held back any longer. To be called several times a second.

        That it is released is committed first: a worker that reads it again after a crash may then deliver it.
        """
        if self._past.is_empty:
            return
        now_ms = self._now_ms()
        self._catching_up.look(now_ms)
        steps = self._past.release(now_ms, self._catching_up.has)
        if steps.together:
            tracks = self.tracks.by_number
            await self.commit()
            if self.tracks.by_number is not tracks:
                return  # it belongs to others now
        self._apply(steps)

    def _apply(self, steps: Steps[Token]) -> None:
        for token in steps.done:
            self.done(token)
        for notice in steps.now:
            self._fanout.accept(notice.alert, notice.token, on_call_knows=notice.on_call_knows)
        if steps.together:
            self._fanout.accept_together(steps.together)

    # --- records

    async def accept(self, fetched: Fetched) -> None:
        """Hand every transition over, in order; if too many are under way the next ones wait.

        It is done in slices: a loop that stands still for a whole backlog would cost the worker its partitions.
        """
        number = fetched.tp.partition
        track = self.tracks.by_number.get(number)
        if track is None or not self._is_current(track, fetched):
            return
        if fetched.start != track.next_offset:
            raise RuntimeError(f"alerts from {fetched.start} on do not follow {track.next_offset}")
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
        may_be_delivered = is_past and track.may_be_delivered(record, mark)
        self._apply(
            self._past.take(
                alert, token, mark.events_partition, now_ms, is_past=is_past, may_be_delivered=may_be_delivered
            )
        )


def _is_past(mark: Mark, record: Record, now_ms: int) -> bool:
    """Whether it was caused by events of the past, or was written too long ago to be news."""
    return mark.is_behind or now_ms - record.timestamp > LIVE_MS
