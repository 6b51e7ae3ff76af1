"""The connections of one process: opened when one more is needed, handed out to one user at a time.

A server that grants no further one is no reason to give up those that are open: callers wait for one of them.
asyncpg's pool fails instead, and opens new ones by itself in the background.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import asyncpg

from episode_monitor.storage.connecting import Connection

GROW_AGAIN_SECONDS = 5.0  # after the server refused one
IDLE_SECONDS = 300.0  # after which all but one are given back to the server


class AllBusy(Exception):
    """Every connection is at work, and none came free in time."""


class Connections:
    """At most `limit` at a time. `connect` opens one; `first` is open already. `on_refused` hears why one could not be
    added to those that are there."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[Connection]],
        first: Connection,
        limit: int,
        on_refused: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        self._connect = connect
        self._on_refused = on_refused
        self._limit = limit
        self._open = {first}
        self._idle: list[tuple[Connection, float]] = [(first, _now())]
        self._opening = 0
        self._grow_again_at = 0.0
        self._is_shut = False
        self._changed = asyncio.Event()

    @property
    def size(self) -> int:
        """How many are open."""
        return len(self._open)

    @asynccontextmanager
    async def borrowed(self, seconds: float) -> AsyncIterator[Connection]:
        """One for the caller alone. Raises AllBusy, or why none could be opened where none is left.

        One that is broken, or was left in the middle of something, is closed and not handed out again.
        """
        connection = await self._take(_now() + seconds)
        try:
            yield connection
        finally:
            if self._is_shut or connection.is_closed() or connection.is_in_transaction():
                self._drop(connection)
            else:
                self._idle.append((connection, _now()))
            self._changed.set()

    def shrink(self) -> None:
        """Closes those that were idle for long; one stays."""
        kept = [(one, since) for one, since in self._idle if since > _now() - IDLE_SECONDS]
        kept = kept or self._idle[-1:]
        for connection, _ in [entry for entry in self._idle if entry not in kept]:
            self._drop(connection)
        self._idle = kept

    def shut(self) -> None:
        """Cuts all of them at once, whatever they are at."""
        self._is_shut = True
        for connection in list(self._open):
            self._drop(connection)
        self._idle.clear()
        self._changed.set()

    async def close(self) -> None:
        """Ends all of them in peace."""
        idle, self._idle, self._is_shut = self._idle, [], True
        for connection, _ in idle:
            await connection.close()
            self._open.discard(connection)

    async def _take(self, deadline: float) -> Connection:
        while not self._is_shut:
            while self._idle:
                connection, _ = self._idle.pop()
                if not connection.is_closed():
                    return connection
                self._drop(connection)
            self._changed.clear()
            if self._may_grow():
                grown = await self._grow()
                if grown is not None:
                    return grown
                continue
            try:
                async with asyncio.timeout_at(deadline):
                    await self._changed.wait()
            except TimeoutError as error:
                raise AllBusy from error
        raise asyncpg.InterfaceError("the connections were shut")

    def _may_grow(self) -> bool:
        is_refused = bool(self._open) and _now() < self._grow_again_at
        return len(self._open) + self._opening < self._limit and not is_refused

    async def _grow(self) -> Connection | None:
        """One more, or None where the server refuses it and others are there to be waited for."""
        self._opening += 1
        try:
            connection = await self._connect()
        except Exception as error:
            if not self._open:
                raise
            if _now() >= self._grow_again_at:  # else another was refused at the same moment, and it was said
                self._on_refused(error)
            self._grow_again_at = _now() + GROW_AGAIN_SECONDS
            return None
        finally:
            self._opening -= 1
            self._changed.set()
        if self._is_shut:
            connection.terminate()
            raise asyncpg.InterfaceError("the connections were shut")
        self._open.add(connection)
        return connection

    def _drop(self, connection: Connection) -> None:
        self._open.discard(connection)
        connection.terminate()


def _now() -> float:
    return asyncio.get_running_loop().time()
