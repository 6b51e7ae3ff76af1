"""Writes dead letters beside the deliveries, so that a slow broker holds back no alert. Each is tried until safe."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type

from alert_sinks.backoff import backoff_seconds
from alert_sinks.environment import Environment
from models.alert import Alert

_log = structlog.get_logger(__name__)

_WRITERS = 16  # letters on their way to the broker at once

WriteDeadLetter = Callable[[Alert, str, str], Awaitable[None]]  # alert, name of the sink, reason


@dataclass(frozen=True)
class UndeliveredAlert:
    """A transition that a sink will not get. `written` is awaited once the letter is safe."""

    alert: Alert
    sink: str
    reason: str
    is_wanted: Callable[[], bool]  # False once another worker is responsible for the transition
    written: Callable[[], Awaitable[None]]


class DeadLetters:
    """A queue of dead letters and up to 16 writers, which exist only while there is work."""

    def __init__(self, write: WriteDeadLetter, room: int, environment: Environment) -> None:
        self._write = write
        self._room = room
        self._environment = environment
        self._letters: deque[UndeliveredAlert] = deque()
        self._writers: set[asyncio.Task[None]] = set()
        self._has_room = asyncio.Event()
        self._has_room.set()
        self.pending = 0

    def put(self, letter: UndeliveredAlert) -> None:
        """Queues a letter; never waits."""
        self._letters.append(letter)
        self._count(1)
        if len(self._writers) < _WRITERS:
            writer = asyncio.create_task(self._work(), name="dead-letter-writer")
            self._writers.add(writer)
            writer.add_done_callback(self._writers.discard)

    async def wait_for_room(self) -> None:
        """Returns at once unless more letters than there is room for wait for the broker."""
        await self._has_room.wait()

    async def aclose(self, seconds: float) -> None:
        """Writes what it can within `seconds`."""
        if self._writers:
            _, late = await asyncio.wait(self._writers, timeout=seconds)
            for writer in late:
                writer.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self.pending:
            _log.warning("dead letters could not be written; their alerts will be read again", letters=self.pending)

    async def _work(self) -> None:
        while self._letters:
            letter = self._letters.popleft()
            await self._see_through(letter)
            self._count(-1)

    async def _see_through(self, letter: UndeliveredAlert) -> None:
        async def write() -> bool:
            if letter.is_wanted():
                await self._write(letter.alert, letter.sink, letter.reason)
                return True
            return False

        def failed(state: RetryCallState) -> None:
            if state.attempt_number == 1 and state.outcome is not None:
                _log.error("a dead letter cannot be written; retrying", sink=letter.sink,
                           alert_key=letter.alert.alert_key, error=repr(state.outcome.exception()))  # fmt: skip

        environment = self._environment
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(Exception), sleep=environment.sleep, before_sleep=failed,
            wait=lambda state: backoff_seconds(state.attempt_number, environment.jitter),
        )  # fmt: skip
        try:
            is_written: bool = await retrying(write)
        finally:  # a cycle, which would keep the letter: no collection looks at what was frozen
            retrying.iter_state.reset()
        if is_written:
            await letter.written()

    def _count(self, change: int) -> None:
        self.pending += change
        if self.pending > self._room:
            self._has_room.clear()
        else:
            self._has_room.set()
