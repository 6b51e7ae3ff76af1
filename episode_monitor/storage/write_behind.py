"""Rows of one table on their way to PostgreSQL: in order, bounded, written in batches, each row until it is in.

A row that PostgreSQL will never take must not hold back those behind it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import structlog

from episode_monitor.storage.address import Address
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.troubles import Decision, explain

Row = TypeVar("Row")
Connection = Any  # asyncpg.Connection, or a pool's stand-in for one

_log = structlog.get_logger(__name__)
_SAY_EVERY = 1000  # lost rows to a line in the log, after the first


@dataclass(frozen=True)
class LaneLimits:
    """How much may wait in memory, and how much goes in one transaction."""

    rows: int = 10_000
    bytes: int = 64 * 1024 * 1024
    batch_rows: int = 500
    batch_bytes: int = 8 * 1024 * 1024


@dataclass(eq=False)
class _Waiting(Generic[Row]):
    row: Row
    size_bytes: int
    in_flight: bool = False
    waiters: list["asyncio.Future[Stored]"] = field(default_factory=list)

    def settle(self, outcome: Stored) -> None:
        for waiter in self.waiters:
            if not waiter.done():  # its caller may have given up
                waiter.set_result(outcome)
        self.waiters.clear()


class WriteBehind(Generic[Row]):
    """`write(connection, rows)` puts rows in one transaction that the lane opens, and must not mind a row twice.

    `on_lost(row, why)` hears of every row that will not be written. `lost` counts them.
    """

    def __init__(
        self,
        name: str,
        write: Callable[[Connection, Sequence[Row]], Awaitable[None]],
        limits: LaneLimits | None = None,
        on_lost: Callable[[Row, str], None] = lambda row, why: None,
    ) -> None:
        self.name = name
        self.limits = limits or LaneLimits()
        self.lost = 0
        self.lost_because = ""  # the newest of them
        self._write = write
        self._on_lost = on_lost
        self._waiting: dict[int | str, _Waiting[Row]] = {}
        self._size_bytes = 0
        self._next_key = 0
        self._batch_rows = self.limits.batch_rows

    @property
    def pending(self) -> int:
        """Rows that are not written yet."""
        return len(self._waiting)

    def has_room(self, size_bytes: int) -> bool:
        """Whether a row of this size would push out no other. Where nothing waits there is room for any."""
        if not self.pending:
            return True
        return self.pending < self.limits.rows and self._size_bytes + size_bytes <= self.limits.bytes

    def put(self, row: Row, size_bytes: int, key: str | None = None) -> "asyncio.Future[Stored]":
        """Queues a row; the future says what becomes of it at the next flush or outage.

        A row of the same `key` that still waits is replaced. Where there is no room the oldest rows are lost.
        """
        waiter: asyncio.Future[Stored] = asyncio.get_running_loop().create_future()
        known = self._waiting.get(key) if key is not None else None
        if known is not None and not known.in_flight:
            self._size_bytes += size_bytes - known.size_bytes
            known.row, known.size_bytes = row, size_bytes
            known.waiters.append(waiter)
        else:
            self._add(row, size_bytes, key, waiter)
        self._make_room()
        return waiter

    async def flush(self, connection: Connection, address: Address) -> int:
        """Writes one batch; returns how many rows left the lane. Raises what broke the connection or the statement."""
        batch = self._next_batch()
        if not batch:
            return 0
        for waiting in batch.values():
            waiting.in_flight = True
        try:
            await self._write_batch(connection, batch, address)
        except BaseException as error:
            if explain(error, address).decision is Decision.LATER:
                self._batch_rows = max(1, self._batch_rows // 2)  # perhaps it was too much for the time limit
            raise
        finally:
            for waiting in batch.values():
                waiting.in_flight = False
        if not self._waiting:
            self._batch_rows = self.limits.batch_rows
        return len(batch)

    def release(self) -> None:
        """Lets everybody go who waits for a row: it stays queued."""
        for waiting in self._waiting.values():
            waiting.settle(Stored.QUEUED)

    def abandon(self, why: str) -> None:
        """Gives up every row that is left."""
        for key in list(self._waiting):
            self._lose(key, why)

    def _add(self, row: Row, size_bytes: int, key: str | None, waiter: "asyncio.Future[Stored]") -> None:
        place: int | str = self._next_key if key is None else key
        self._next_key += 1
        replaced = self._waiting.pop(place, None)  # in flight: its batch settles it, the newer row comes behind
        if replaced is not None:
            self._size_bytes -= replaced.size_bytes
        self._waiting[place] = _Waiting(row, size_bytes, waiters=[waiter])
        self._size_bytes += size_bytes

    def _make_room(self) -> None:
        while self.pending > self.limits.rows or (self._size_bytes > self.limits.bytes and self.pending > 1):
            oldest = next((key for key, waiting in self._waiting.items() if not waiting.in_flight), None)
            if oldest is None:
                return
            self._lose(oldest, "the queue of waiting rows is full")

    def _next_batch(self) -> dict[int | str, _Waiting[Row]]:
        batch: dict[int | str, _Waiting[Row]] = {}
        size_bytes = 0
        for key, waiting in self._waiting.items():
            size_bytes += waiting.size_bytes
            if batch and (len(batch) >= self._batch_rows or size_bytes > self.limits.batch_bytes):
                break
            batch[key] = waiting
        return batch

    async def _write_batch(
        self, connection: Connection, batch: dict[int | str, _Waiting[Row]], address: Address
    ) -> None:
        try:
            await self._write_rows(connection, batch)
        except Exception as error:
            trouble = explain(error, address)
            if trouble.decision is not Decision.BAD_ROW:
                raise
            if len(batch) > 1:  # find the row that spoils the batch
                for key, waiting in batch.items():
                    await self._write_batch(connection, {key: waiting}, address)
                return
            for key, waiting in batch.items():
                self._lose(key, trouble.sentence, waiting)

    async def _write_rows(self, connection: Connection, batch: dict[int | str, _Waiting[Row]]) -> None:
        async with connection.transaction():
            await self._write(connection, [waiting.row for waiting in batch.values()])
        for key, waiting in batch.items():
            self._remove(key, waiting)
            waiting.settle(Stored.WRITTEN)

    def _remove(self, key: int | str, waiting: _Waiting[Row]) -> None:
        if self._waiting.get(key) is waiting:  # else a newer row of this key has taken its place
            del self._waiting[key]
            self._size_bytes -= waiting.size_bytes

    def _lose(self, key: int | str, why: str, waiting: _Waiting[Row] | None = None) -> None:
        lost = waiting or self._waiting[key]
        self._remove(key, lost)
        lost.settle(Stored.REFUSED)
        self.lost += 1
        self.lost_because = why
        if self.lost == 1 or self.lost % _SAY_EVERY == 0:
            _log.error("row could not be written", table=self.name, why=why, lost_so_far=self.lost)
        self._on_lost(lost.row, why)
