"""A bounded queue in front of a thread of its own that sends. `emit` never waits, never raises, wakes no thread.

When the queue is full the oldest event goes, and is counted; what is in the queue leaves in the order in which it came.
"""

import asyncio
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass

from .encoding import Record, record_of
from .events import EpisodeEvent
from .kafka import OrderedProducer, Producer, send_or_refuse
from .late_threads import LateThreads
from .refusals import why
from .sequences import Sequences
from .settings import ClientSettings

log = logging.getLogger(__name__)

CHUNK_EVENTS = 200  # sent at once
SLICE_EVENTS = 20  # made into records at a time; then the host's threads have their turn
TURN_SECONDS = 0.00005  # as short as a sleep that lets others run can be
LOOK_SECONDS = 0.05  # between two looks at the queue; also how long a first event waits for company
IDLE_LOOK_SECONDS = 0.25  # after a second without news. To be woken would cost the caller more than all the rest
IDLE_AFTER_SECONDS = 1.0
CONNECT_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STALE_SECONDS = 5.0  # an event that has waited this long means that the broker does not take any
STOP_SECONDS = 5.0  # beyond the time for sending, for the connection to end
LOG_SECONDS = 60.0  # between two lines about dropped events
START_AGAIN_SECONDS = 1.0  # where the system gives no thread

Connect = Callable[[ClientSettings], Awaitable[Producer]]


@dataclass(frozen=True, slots=True)
class SenderStats:
    """Counts since the start. `waiting` holds those on their way too."""

    sent: int
    waiting: int
    dropped: int  # the queue was full, or the sender closed, or Kafka refused them for good
    fault: str | None  # why nothing is sent at the moment


class Sender:
    """Sends in the background until `close`; started by the first event."""

    def __init__(self, settings: ClientSettings, connect: Connect = OrderedProducer.connect) -> None:
        self._settings = settings
        self._connect = connect
        self._queue_max = settings.queue_max
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        """The state of a process that has sent nothing yet."""
        self.source = f"{self._settings.source}@{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.urandom(4).hex()}"
        # Taken by `emit` only where the queue is full. Reentrant: a garbage collection may run a finalizer that emits.
        self._lock = threading.RLock()
        self._queue: deque[tuple[EpisodeEvent, float]] = deque()  # with monotonic seconds
        self._in_flight = 0  # taken from the queue, and not landed
        self._oldest_at = 0.0  # monotonic seconds; of those in flight
        self._records: list[Record] = []  # of those in flight
        self._sequences = Sequences()
        self._sent = self._dropped = 0
        self._fault: str | None = f"waits for Kafka at {self._settings.bootstrap_servers}"
        self._connected = False  # ever
        self._is_connecting = False
        self._closed = False
        self._dropped_said_at = -LOG_SECONDS
        self._thread: threading.Thread | None = None
        self._start_at = 0.0  # monotonic seconds
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing: asyncio.Event | None = None
        self._close_at = 0.0  # monotonic seconds; known once closed

    @property
    def is_connected(self) -> bool:
        """Whether Kafka was ever reached; it may be away again."""
        return self._connected

    @property
    def is_running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def stats(self) -> SenderStats:
        """What was sent, what waits, what was lost, and what is wrong."""
        with self._lock:
            waiting = len(self._queue) + self._in_flight
            oldest = self._oldest_at if self._in_flight else self._queue[0][1] if self._queue else None
            sent, dropped, fault = self._sent, self._dropped, self._fault
        if fault is None and oldest is not None and (waited := time.monotonic() - oldest) >= STALE_SECONDS:
            fault = f"{waiting} events have waited for {waited:.0f} s"
        return SenderStats(sent, waiting, dropped, fault)

    def emit(self, event: EpisodeEvent) -> bool:
        """Queue an event; False if the sender is closed. The order of calls is the order in the partition."""
        entry = (event, time.monotonic())
        if len(self._queue) >= self._queue_max:
            self._make_room()
        self._queue.append(entry)
        if self._closed:
            return self._take_back(entry)
        if self._thread is None:
            self.start()
        return True

    def _make_room(self) -> None:
        with self._lock:
            while len(self._queue) >= self._queue_max:
                self._queue.popleft()
                self._dropped += 1

    def _take_back(self, entry: tuple[EpisodeEvent, float]) -> bool:
        """Where the sending may have ended before; True if the event was sent, or is about to be."""
        with self._lock:
            try:
                self._queue.remove(entry)
            except ValueError:
                return True
            self._dropped += 1
        return False

    def start(self) -> None:
        """Begins to look for Kafka, in a daemon thread. A second call does nothing."""
        with self._lock:
            if self._thread is not None or self._closed or time.monotonic() < self._start_at:
                return
            thread = self._thread = threading.Thread(target=self._run, name="episode-events", daemon=True)
            try:
                thread.start()
            except RuntimeError as error:  # the system gives none, or the interpreter ends
                self._thread, self._start_at = None, time.monotonic() + START_AGAIN_SECONDS
                self._fault = f"no thread can be started ({error})"

    def close(self, timeout_seconds: float | None = None) -> int:
        """Sends what waits within the limit (default: the setting's), and ends. Returns how many events were left.
        Blocks; in a loop, await `aclose`."""
        limit_seconds = self._begin_to_close(timeout_seconds)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(limit_seconds + STOP_SECONDS)
        return self._left(limit_seconds)

    async def aclose(self, timeout_seconds: float | None = None) -> int:
        """The same for a loop, which goes on meanwhile. It needs no thread of the host's, for they may all be busy."""
        limit_seconds = self._begin_to_close(timeout_seconds)
        give_up_at = time.monotonic() + limit_seconds + STOP_SECONDS
        while self.is_running and time.monotonic() < give_up_at:  # noqa: ASYNC110 - the thread's end has no event
            await asyncio.sleep(0.01)
        return self._left(limit_seconds)

    def _begin_to_close(self, timeout_seconds: float | None) -> float:
        limit_seconds = self._settings.flush_seconds if timeout_seconds is None else timeout_seconds
        with self._lock:
            self._close_at = time.monotonic() + limit_seconds
            self._closed = True
            loop, closing = self._loop, self._closing
        if loop is not None and closing is not None:  # else the thread will look by itself when it gets there
            try:
                loop.call_soon_threadsafe(closing.set)
            except RuntimeError:  # it has ended meanwhile
                log.debug("no loop is left to notify of the end")
        return limit_seconds

    def _left(self, limit_seconds: float) -> int:
        left = self.stats().waiting
        if left:
            log.error("%d episode events are lost: Kafka did not accept them within %g s", left, limit_seconds)
        return left

    # --- in the thread

    def _run(self) -> None:
        while True:
            try:
                return asyncio.run(self._main())
            except Exception as error:  # the host may have no file left for a loop, for one
                if self._closed:  # the process ends, and a loop cannot end its threads; `close` says what is lost
                    return None
                self._fault = f"nothing can be sent: {error!r}"
                log.exception("episode events wait, retrying in %g s", CONNECT_PAUSES_SECONDS[-1])
                time.sleep(CONNECT_PAUSES_SECONDS[-1])

    async def _main(self) -> None:
        closing = asyncio.Event()
        asyncio.get_running_loop().set_default_executor(LateThreads(thread_name_prefix="episode-events"))
        with self._lock:
            self._loop, self._closing = asyncio.get_running_loop(), closing
            if self._closed:  # before there was a loop to notify
                closing.set()
        work = asyncio.create_task(self._work())
        end = asyncio.create_task(closing.wait())
        await asyncio.wait({work, end}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done() and not (self._is_connecting and self._is_empty()):
            await asyncio.wait({work}, timeout=max(0.0, self._close_at - time.monotonic()))
        for task in (work, end):
            task.cancel()
        await asyncio.gather(work, end, return_exceptions=True)

    async def _work(self) -> None:
        pauses = iter(CONNECT_PAUSES_SECONDS)
        while not (self._closed and self._is_empty()):
            try:
                self._is_connecting = True
                producer = await self._connect(self._settings)
                try:
                    self._fault, self._connected, self._is_connecting = None, True, False
                    log.info("episode events go to %s as %s", self._settings.topic, self.source)
                    pauses = iter(CONNECT_PAUSES_SECONDS)
                    await self._pump(producer)
                finally:
                    await producer.stop()
            except Exception as error:  # whatever it was, the events that wait are worth another try
                self._is_connecting = True
                self._fault = (
                    f"waits for Kafka at {self._settings.bootstrap_servers}: {await why(error, self._settings)}"
                )
                pause = next(pauses, CONNECT_PAUSES_SECONDS[-1])
                log.warning("%s; %d events wait, retrying in %g s", self._fault, self.stats().waiting, pause)
                await asyncio.sleep(pause)

    def _is_empty(self) -> bool:
        with self._lock:
            return not self._queue and not self._in_flight

    async def _pump(self, producer: Producer) -> None:
        news_at = time.monotonic()
        while True:
            self._take()
            if self._records:
                refused = await send_or_refuse(producer, self._records)
                with self._lock:
                    self._sent += len(self._records) - len(refused)
                    self._dropped += len(refused)
                    self._in_flight, self._records = 0, []
                for why in refused.values():
                    log.error("an episode event can never be sent: %s", why)
                news_at = time.monotonic()
            elif self._closed:
                return
            else:
                await self._look_later(time.monotonic() - news_at >= IDLE_AFTER_SECONDS)

    def _take(self) -> None:
        """Makes records of the next events, unless there are some that did not land: those go first, as they were."""
        if self._records:
            return
        records: list[Record] = []
        while self._queue and len(records) < CHUNK_EVENTS:
            for event in self._next_slice():
                try:
                    records.append(record_of(event, self.source, self._sequences.next(event.project_id)))
                except Exception:  # one event must not keep the others from being sent
                    log.exception("an episode event cannot be written")
                    with self._lock:
                        self._in_flight -= 1
                        self._dropped += 1
            if self._queue and not self._closed:
                time.sleep(TURN_SECONDS)
        self._records = records
        now = time.monotonic()
        if self._dropped and now - self._dropped_said_at >= LOG_SECONDS:
            self._dropped_said_at = now
            log.warning("%d episode events were dropped so far, the oldest ones: the queue was full", self._dropped)

    def _next_slice(self) -> list[EpisodeEvent]:
        events: list[EpisodeEvent] = []
        with self._lock:
            while self._queue and len(events) < SLICE_EVENTS:
                event, queued_at = self._queue.popleft()
                if not self._in_flight:
                    self._oldest_at = queued_at
                self._in_flight += 1
                events.append(event)
        return events

    async def _look_later(self, is_idle: bool) -> None:
        assert self._closing is not None
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_LOOK_SECONDS if is_idle else LOOK_SECONDS):
                await self._closing.wait()


_senders: "weakref.WeakSet[Sender]" = weakref.WeakSet()


def _after_fork() -> None:
    for sender in list(_senders):  # threads do not survive a fork, and the parent sends what waited
        sender._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
