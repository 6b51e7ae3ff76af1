"""What was delivered to which sink. An unavailable ledger never delays an alert: it is delivered, perhaps twice."""

import asyncio
import contextlib
from collections import OrderedDict, deque
from enum import StrEnum
from typing import Protocol, runtime_checkable

import msgspec
import structlog

from alert_sinks.environment import Environment

_log = structlog.get_logger(__name__)


class Ending(StrEnum):
    """How a transition ended at a sink. All but the first are dead letters."""

    DELIVERED = "delivered"
    REJECTED = "rejected"
    GIVEN_UP = "given_up"  # tried again and again, for as long as is allowed
    OVERFLOWED = "overflowed"  # too many were waiting
    DISABLED = "disabled"  # the sink had switched off


class Ledger(Protocol):
    """Keeps one entry a transition and sink. Both methods may raise when what is behind them is away."""

    async def already_delivered(self, transition_id: str, sink: str) -> bool:
        """Whether an entry with the outcome `delivered` exists."""
        ...

    async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
        """Writes how it ended; a later entry replaces an earlier one, but nothing replaces `delivered`.

        `outcome` is a value of `Ending`, `at_ms` the wall clock in epoch milliseconds.
        """
        ...


class LedgerEntry(msgspec.Struct, frozen=True):
    """How one transition ended at one sink; the arguments of `Ledger.record`."""

    transition_id: str
    sink: str
    outcome: str
    attempts: int
    at_ms: int
    receiver: str = ""
    last_error: str = ""
    alert_keys: tuple[str, ...] = ()  # of all alerts in the message


@runtime_checkable
class NotesDeliveries(Protocol):
    """A ledger that also keeps, for people, what each alert's messages came to."""

    def note(self, entry: LedgerEntry) -> None:
        """Keep it. Never waits and never raises."""
        ...


class MemoryLedger:
    """Remembers the latest `limit` entries of this process."""

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._entries: OrderedDict[tuple[str, str], LedgerEntry] = OrderedDict()

    async def already_delivered(self, transition_id: str, sink: str) -> bool:
        """Whether this process delivered it and still remembers."""
        return self.holds(transition_id, sink)

    async def record(self, transition_id: str, sink: str, outcome: str, attempts: int, at_ms: int) -> None:
        """Keeps the entry."""
        self.keep(LedgerEntry(transition_id, sink, outcome, attempts, at_ms))

    def holds(self, transition_id: str, sink: str) -> bool:
        """`already_delivered` without waiting."""
        key = (transition_id, sink)
        entry = self._entries.get(key)
        if entry is None or entry.outcome != Ending.DELIVERED:
            return False
        self._entries.move_to_end(key)
        return True

    def keep(self, entry: LedgerEntry) -> None:
        """`record` without waiting."""
        if not self.holds(entry.transition_id, entry.sink):
            self._entries[entry.transition_id, entry.sink] = entry
        while len(self._entries) > self._limit:
            self._entries.popitem(last=False)


class GuardedLedger:
    """A ledger that never raises and never makes its caller wait long.

    What it records is remembered here first, so this process does not repeat itself while the real ledger is away.
    After a failure the real one is left alone for `rest_seconds`; entries it missed (the latest `backlog_limit`) are
    written when it is back. Its going and coming are each said once.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        timeout_seconds: float = 1.0,
        rest_seconds: float = 5.0,
        backlog_limit: int = 10_000,
        environment: Environment | None = None,
    ) -> None:
        self._ledger = ledger
        self._memory = MemoryLedger()
        self._timeout_seconds = timeout_seconds
        self._rest_seconds = rest_seconds
        self._backlog: deque[LedgerEntry] = deque(maxlen=backlog_limit)
        self._environment = environment or Environment()
        self._rests_until: float | None = None  # None while the ledger answers
        self._catching_up: asyncio.Task[None] | None = None

    @property
    def is_away(self) -> bool:
        """Whether the last call to the real ledger failed."""
        return self._rests_until is not None

    @property
    def backlog(self) -> int:
        """Entries that still have to be written."""
        return len(self._backlog)

    async def already_delivered(self, transition_id: str, sink: str) -> bool:
        """What is known; False when the real ledger cannot be asked."""
        if self._memory.holds(transition_id, sink):
            return True
        if self._rests_until is not None and self._environment.monotonic() < self._rests_until:
            return False
        try:
            async with asyncio.timeout(self._timeout_seconds):
                known = await self._ledger.already_delivered(transition_id, sink)
        except Exception as error:
            self._failed(error)
            return False
        self._answered()
        return known

    async def record(self, entry: LedgerEntry) -> None:
        """Remembers the entry, and writes it now or later."""
        self._memory.keep(entry)
        if isinstance(self._ledger, NotesDeliveries):
            self._ledger.note(entry)
        if self._backlog or self.is_away or not await self._write(entry):
            self._backlog.append(entry)
            self._start_catching_up()

    async def aclose(self, seconds: float) -> None:
        """Stops catching up and tries the backlog once more, up to the first failure and within `seconds`."""
        if self._catching_up is not None:
            self._catching_up.cancel()
            await asyncio.wait({self._catching_up})
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._write_backlog()
        if self._backlog:
            _log.warning("delivery ledger entries could not be written", entries=len(self._backlog))

    def _start_catching_up(self) -> None:
        if self._catching_up is None or self._catching_up.done():
            self._catching_up = asyncio.create_task(self._catch_up(), name="delivery-ledger-catch-up")

    async def _catch_up(self) -> None:
        while self._backlog:
            await self._environment.sleep(self._rest_seconds)
            await self._write_backlog()

    async def _write_backlog(self) -> None:
        while self._backlog:
            entry = self._backlog[0]
            if not await self._write(entry):
                return
            # A full backlog may have lost its oldest entry meanwhile: take out what was written, not what is first now.
            with contextlib.suppress(ValueError):
                self._backlog.remove(entry)

    async def _write(self, entry: LedgerEntry) -> bool:
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._ledger.record(entry.transition_id, entry.sink, entry.outcome, entry.attempts, entry.at_ms)
        except Exception as error:
            self._failed(error)
            return False
        self._answered()
        return True

    def _failed(self, error: Exception) -> None:
        if self._rests_until is None:
            _log.warning(
                "the delivery ledger is unavailable; alerts are still sent, but some may be sent twice",
                error=f"{type(error).__name__}: {error}",
            )
        self._rests_until = self._environment.monotonic() + self._rest_seconds

    def _answered(self) -> None:
        if self._rests_until is not None:
            _log.info("the delivery ledger answers again", entries_to_write=len(self._backlog))
        self._rests_until = None
