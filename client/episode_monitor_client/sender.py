"""A bounded queue in front of a thread of its own that sends. `emit` never waits, never raises and never asks the loop.

When the queue is full the oldest event goes, and is counted; what is in the queue leaves in the order in which it came.
"""

import asyncio
import logging
import os
import threading
import time
import uuid
import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from .encoding import Record, record_of
from .events import EpisodeEvent
from .kafka import OrderedProducer
from .settings import ClientSettings

log = logging.getLogger(__name__)

CHUNK_EVENTS = 200  # sent at once
LOOK_SECONDS = 0.05  # between two looks at an empty queue; also how long a first event waits for company
LOOKS = 20  # a second without news, then the thread sleeps until it is woken
CONNECT_PAUSES_SECONDS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
STALE_SECONDS = 5.0  # an event that has waited this long means that the broker does not take any
MAX_PROJECTS = 100_000  # whose sequence is remembered; beyond it all begin anew above the highest
STOP_SECONDS = 5.0  # beyond the time for sending, for the connection to end
LOG_SECONDS = 60.0  # between two lines about dropped events

_Waiting = tuple[EpisodeEvent, int, float]  # event, sequence, monotonic seconds


class Producer(Protocol):
    """What the sender needs of a connection."""

    async def send(self, records: list[Record]) -> None:
        """Returns when all have landed, in order; raises when that is not known."""

    async def stop(self) -> None:
        """Ends in bounded time."""


Connect = Callable[[ClientSettings], Awaitable[Producer]]


@dataclass(frozen=True, slots=True)
class SenderStats:
    """Counts since the start. `waiting` holds those on their way too."""

    sent: int
    waiting: int
    dropped: int  # the queue was full, or the sender closed
    fault: str | None  # why nothing is sent at the moment


class Sender:
    """Sends in the background until `close`; started by the first event."""

    def __init__(self, settings: ClientSettings, connect: Connect = OrderedProducer.connect) -> None:
        self._settings = settings
        self._connect = connect
        self._begin()
        _senders.add(self)

    def _begin(self) -> None:
        """The state of a process that has sent nothing yet."""
        self.source = f"{self._settings.source}@{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid.uuid4().hex[:8]}"
        self._lock = threading.Lock()  # held for a microsecond, and never while anything is awaited
        self._queue: deque[_Waiting] = deque()
        self._sequences: dict[str, int] = {}
        self._highest_forgotten = 0
        self._in_flight: list[_Waiting] = []
        self._sent = self._dropped = 0
        self._fault: str | None = f"waits for Kafka at {self._settings.bootstrap_servers}"
        self._connected = False
        self._asleep = False
        self._closed = False
        self._dropped_said_at = -LOG_SECONDS
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._closing: asyncio.Event | None = None
        self._close_at = 0.0  # monotonic seconds; known once closed

    @property
    def is_connected(self) -> bool:
        """Whether Kafka was ever reached; it may be away again."""
        return self._connected

    def stats(self) -> SenderStats:
        """What was sent, what waits, what was lost, and what is wrong."""
        with self._lock:
            waiting = len(self._queue) + len(self._in_flight)
            oldest = self._in_flight[0][2] if self._in_flight else self._queue[0][2] if self._queue else None
            sent, dropped, fault = self._sent, self._dropped, self._fault
        if fault is None and oldest is not None and (waited := time.monotonic() - oldest) >= STALE_SECONDS:
            fault = f"{waiting} events have waited for {waited:.0f} s"
        return SenderStats(sent, waiting, dropped, fault)

    def emit(self, event: EpisodeEvent) -> bool:
        """Queues an event; False if the sender is closed. The order of calls is the order in the partition."""
        with self._lock:
            if self._closed:
                self._dropped += 1
                return False
            sequence = self._next_sequence(event.project_id)
            if len(self._queue) >= self._settings.queue_max:
                self._queue.popleft()
                self._dropped += 1
            self._queue.append((event, sequence, time.monotonic()))
            wake, self._asleep = self._asleep, False
            start = self._thread is None
        if wake:
            self._wake()
        elif start:
            self.start()
        return True

    def start(self) -> None:
        """Begins to look for Kafka, in a daemon thread. A second call does nothing."""
        with self._lock:
            if self._thread is not None or self._closed:
                return
            self._thread = threading.Thread(target=self._run, name="episode-events", daemon=True)
            self._thread.start()

    def close(self, timeout_seconds: float | None = None) -> int:
        """Sends what waits, at most so long (default: the setting's), and ends. Answers how many events were left.

        Blocks; in a loop, call it by `asyncio.to_thread`.
        """
        limit_seconds = self._settings.flush_seconds if timeout_seconds is None else timeout_seconds
        with self._lock:
            self._close_at = time.monotonic() + limit_seconds
            self._closed, self._asleep = True, False
            thread = self._thread
        if thread is not None:
            self._wake(closing=True)
            thread.join(limit_seconds + STOP_SECONDS)
        left = self.stats().waiting
        if left:
            log.error("%d episode events are lost: Kafka did not take them within %g s", left, limit_seconds)
        return left

    def _next_sequence(self, project_id: str) -> int:
        known = self._sequences
        sequence = known.get(project_id, self._highest_forgotten) + 1
        if len(known) >= MAX_PROJECTS and project_id not in known:
            self._highest_forgotten = max(known.values())
            sequence = self._highest_forgotten + 1
            known.clear()
        known[project_id] = sequence
        return sequence

    def _wake(self, *, closing: bool = False) -> None:
        loop, news, end = self._loop, self._news, self._closing
        if loop is None or news is None or end is None:  # the thread will look by itself when it gets there
            return
        try:
            loop.call_soon_threadsafe(news.set)
            if closing:
                loop.call_soon_threadsafe(end.set)
        except RuntimeError:  # the thread has ended meanwhile
            log.debug("nobody is there to be woken")

    # --- in the thread

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception:  # it is the host's process: a fault of ours ends the sending and nothing else
            log.exception("episode events are no longer sent")
            self._fault = "the sending thread ended; see the log"

    async def _main(self) -> None:
        self._news, self._closing = asyncio.Event(), asyncio.Event()
        self._loop = asyncio.get_running_loop()
        if self._closed:  # before there was anybody to be told
            self._closing.set()
        work = asyncio.create_task(self._work())
        closing = asyncio.create_task(self._closing.wait())
        await asyncio.wait({work, closing}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            await asyncio.wait({work}, timeout=max(0.0, self._close_at - time.monotonic()))
        for task in (work, closing):
            task.cancel()
        await asyncio.gather(work, closing, return_exceptions=True)

    async def _work(self) -> None:
        pauses = iter(CONNECT_PAUSES_SECONDS)
        while not (self._closed and self._is_empty()):
            try:
                producer = await self._connect(self._settings)
                try:
                    self._fault, self._connected = None, True
                    log.info("episode events go to %s as %s", self._settings.topic, self.source)
                    pauses = iter(CONNECT_PAUSES_SECONDS)
                    await self._pump(producer)
                finally:
                    await producer.stop()
            except Exception as error:  # whatever it was, the events that wait are worth another try
                self._fault = f"waits for Kafka at {self._settings.bootstrap_servers}: {error!r}"
                pause = next(pauses, CONNECT_PAUSES_SECONDS[-1])
                log.warning("%s; %d events wait, again in %g s", self._fault, self.stats().waiting, pause)
                await asyncio.sleep(pause)

    def _is_empty(self) -> bool:
        with self._lock:
            return not self._queue and not self._in_flight

    async def _pump(self, producer: Producer) -> None:
        while True:
            chunk = self._take()
            if chunk:
                await producer.send(self._records(chunk))
                with self._lock:
                    self._sent += len(self._in_flight)
                    self._in_flight = []
            elif self._closed:
                return
            else:
                await self._sleep()

    def _take(self) -> list[_Waiting]:
        """The next events; those that were taken and did not land come first, and again."""
        with self._lock:
            if not self._in_flight:
                self._in_flight = [self._queue.popleft() for _ in range(min(CHUNK_EVENTS, len(self._queue)))]
            dropped = self._dropped
        now = time.monotonic()
        if dropped and now - self._dropped_said_at >= LOG_SECONDS:
            self._dropped_said_at = now
            log.warning("%d episode events were dropped so far, the oldest ones: the queue was full", dropped)
        return self._in_flight

    def _records(self, chunk: list[_Waiting]) -> list[Record]:
        return [record_of(event, self.source, sequence) for event, sequence, _ in chunk]

    async def _sleep(self) -> None:
        """Until there is something to send or it is the end.

        For a second it looks by itself now and then, for to be woken costs the caller more than all the rest.
        """
        assert self._news is not None
        for _ in range(LOOKS):
            await asyncio.sleep(LOOK_SECONDS)
            if self._queue or self._closed:
                return
        self._news.clear()
        with self._lock:
            if self._queue or self._closed:
                return
            self._asleep = True
        await self._news.wait()
        if not self._closed:
            await asyncio.sleep(LOOK_SECONDS)


_senders: "weakref.WeakSet[Sender]" = weakref.WeakSet()


def _after_fork() -> None:
    """Threads do not survive a fork, and what waited is the parent's to send."""
    for sender in list(_senders):
        sender._begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
