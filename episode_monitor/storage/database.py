"""The one owner of the connections to PostgreSQL. The server may come and go; what has to be written waits for it.

A task of its own opens, writes, notices trouble and opens again; no caller waits for the server to come back.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import structlog

from episode_monitor.storage import migrate
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Connection, DatabaseOptions, connect, session_of
from episode_monitor.storage.connections import AllBusy, Connections
from episode_monitor.storage.database_service import DatabaseAway, Stored
from episode_monitor.storage.troubles import Decision, Trouble, explain
from episode_monitor.storage.write_behind import WriteBehind

Row = TypeVar("Row")
_log = structlog.get_logger(__name__)
_LOST = "lost"  # the trouble of one connection
_CLOSED = "closed"  # the trouble of a database that its owner has ended


class Database:
    """Opens, watches and reopens one PostgreSQL database, and writes out the lanes of the repositories.

    Raises `BadDatabaseUrl` for an address that cannot be one. The server needs session-wide state: between it and the
    monitor there may be a pooler in session mode, not in transaction mode.
    """

    def __init__(
        self,
        url: str,
        options: DatabaseOptions | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.address = Address.parse(url)
        self._options = options or DatabaseOptions()
        self._sleep = sleep
        self._jitter = jitter
        self._lanes: list[WriteBehind[Any]] = []
        self._pool: Connections | None = None
        self._trouble: Trouble | None = Trouble("new", f"PostgreSQL at {self.address} has not been queried yet")
        self._noticed: Trouble | None = None  # what a reader ran into, for the supervisor
        self._failures = 0  # since the last time that something went well
        self._wake = asyncio.Event()
        self._asked = asyncio.Event()  # the first attempt has ended, well or not
        self._changed = asyncio.Condition()
        self._supervisor: asyncio.Task[None] | None = None

    async def connect(self) -> None:
        """Starts the supervisor and gives its first attempt a moment. Never raises for an absent server."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="monitor-database")
        await self._within(self._options.first_attempt_seconds, self._asked.wait())

    async def close(self) -> None:
        """Writes what still waits if the server is there, then ends. Rows that are left are lost, and said."""
        if self.is_ok:
            await self._within(self._options.close_seconds, self.until(lambda: not self.is_ok or self.pending == 0))
        if self._supervisor is not None:
            self._noticed = self._closed()
            self._wake.set()
            if self.is_ok:  # else it waits for the server, and there is nothing to end in peace
                await self._within(self._options.close_seconds, asyncio.shield(self._supervisor))
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
            self._supervisor = None
        self._pool, self._trouble = None, self._closed()
        for lane in self._lanes:
            lane.release()
            lane.abandon("the monitor stops while PostgreSQL is unavailable")

    @property
    def is_ok(self) -> bool:
        """Whether the server took the last thing it was given."""
        return self._trouble is None

    @property
    def pending(self) -> int:
        """Rows that wait to be written."""
        return sum(lane.pending for lane in self._lanes)

    def status(self) -> str:
        """`ok`, or one sentence: what is wrong, what to do, what becomes of the data."""
        if self._trouble is None:
            return "ok"
        return f"{self._trouble.sentence}; meanwhile {self.pending} rows wait in memory and {self._lost} were lost."

    @property
    def _lost(self) -> int:
        return sum(lane.lost for lane in self._lanes)

    def losses(self) -> str:
        """One sentence on rows that this process could not store, and why the newest of them was not; empty: none."""
        if not self._lost:
            return ""
        lost = [f"{lane.lost} of {lane.name}" for lane in self._lanes if lane.lost]
        why = next(lane.lost_because for lane in reversed(self._lanes) if lane.lost)
        return f"Rows were lost since this worker started: {', '.join(lost)} ({why}); see the log."

    def counters(self) -> dict[str, int]:
        """`{table}_pending` and `{table}_lost` for metrics."""
        counts = {f"{lane.name}_pending": lane.pending for lane in self._lanes}
        return counts | {f"{lane.name}_lost": lane.lost for lane in self._lanes}

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until `condition` holds; looks whenever the status changes or rows were written."""
        async with self._changed:
            await self._changed.wait_for(condition)

    def add_lane(self, lane: WriteBehind[Row]) -> WriteBehind[Row]:
        """Takes a repository's lane under its care."""
        self._lanes.append(lane)
        return lane

    async def store(self, lane: WriteBehind[Row], row: Row, size_bytes: int, *, key: str | None = None) -> Stored:
        """Queues a row and waits until it is written, or until it is clear that it has to wait longer."""
        waiter = self.queue(lane, row, size_bytes, key=key)
        return await waiter if self.is_ok or waiter.done() else Stored.QUEUED

    def queue(
        self, lane: WriteBehind[Row], row: Row, size_bytes: int, *, key: str | None = None
    ) -> "asyncio.Future[Stored]":
        """Queues a row without waiting."""
        waiter = lane.put(row, size_bytes, key)
        self._wake.set()
        return waiter

    async def fetch(self, query: str, *arguments: Any) -> Sequence[Any]:
        """The rows of a query. Raises `DatabaseAway`."""
        async with self._reading() as connection:
            rows: Sequence[Any] = await connection.fetch(query, *arguments)
            return rows

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[Connection]:
        pool = self._pool
        if pool is None:
            raise DatabaseAway(self.status())
        try:
            async with self._borrowed(pool) as connection:
                yield connection
        except Exception as error:
            trouble = explain(error, self.address)
            if trouble.decision is Decision.REOPEN and self._pool is pool:
                if trouble.code != _LOST:  # one that was cut is no word about the others: the supervisor looks
                    self._noticed = trouble
                self._wake.set()
            if trouble.decision in (Decision.REOPEN, Decision.LATER):
                raise DatabaseAway(f"{trouble.sentence}.") from error
            raise

    @asynccontextmanager
    async def _borrowed(self, pool: Connections) -> AsyncIterator[Connection]:
        """A connection of the pool. One that was left in the middle of something is cut, not given back."""
        async with pool.borrowed(self._options.connect_seconds) as connection:
            try:
                async with asyncio.timeout(2 * self._options.answer_seconds):
                    yield connection
            except (TimeoutError, asyncio.CancelledError):
                connection.terminate()  # asyncpg would wait for the rest of the answer once more
                raise

    async def _supervise(self) -> None:
        while True:
            pool = None
            try:
                pool = await self._open()
                trouble = await self._serve(pool)
                if trouble.code == _CLOSED:
                    await self._within(self._options.close_seconds, pool.close())
                    return
            except Exception as error:
                trouble = explain(error, self.address)
                if trouble.decision is Decision.OURS:
                    _log.exception("database error, possibly a defect of the monitor", trouble=trouble.sentence)
            finally:
                if pool is not None:
                    pool.shut()
            await self._shut(trouble)
            await self._sleep(self._delay_seconds())

    def _delay_seconds(self) -> float:
        """Nothing after the first failure: most are over at once. Then doubling, up to a tenth earlier than that."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        doubled = self._options.backoff_first_seconds * 2.0 ** min(self._failures - 2, 20)
        return min(doubled, self._options.backoff_last_seconds) * (1 - 0.1 * self._jitter())

    async def _open(self) -> Connections:
        connection = await self._connect()
        try:
            found = await migrate.checked_status(connection, self._connect)
            if found.pending:
                await connection.close(timeout=self._options.connect_seconds)  # the role may be granted only one
                applied = await asyncio.to_thread(migrate.apply, self.address)
                _log.info("database migrations applied", migrations=applied)
                connection = await self._connect()
        except BaseException:
            connection.terminate()
            raise
        return Connections(self._connect, connection, self._options.max_connections, self._say_shared)

    async def _connect(self) -> Connection:
        options = self._options
        return await connect(self.address, session_of(options), options.connect_seconds, options.answer_seconds)

    def _say_shared(self, error: Exception) -> None:
        _log.info("no further database connection is available; the open ones are shared",
                  reason=explain(error, self.address).sentence)  # fmt: skip

    async def _serve(self, pool: Connections) -> Trouble:
        """Writes and probes until something breaks; returns what. Ready only when what waited is written."""
        self._noticed = None
        while self._noticed is None:
            self._wake.clear()
            while await self._write_or_try_another(pool):
                await self._say_changed()
            await self._went_well(pool)
            await self._until_woken()
        return self._noticed

    async def _write_or_try_another(self, pool: Connections) -> bool:
        """A connection that was cut alone is replaced by one that is there; what was to be written still waits."""
        try:
            return await self._write_some(pool)
        except Exception as error:
            if not pool.size or explain(error, self.address).code != _LOST:
                raise
        return await self._write_some(pool)

    async def _write_some(self, pool: Connections) -> bool:
        """Writes a batch of every lane; where there is nothing to write, asks whether the server lives."""
        pool.shrink()
        try:
            async with self._borrowed(pool) as connection:
                written = [await lane.flush(connection, self.address) for lane in self._lanes]
                if not any(written):
                    await connection.fetchval("select 1")
        except AllBusy:  # readers have all that the server grants; what waits is written at the next look
            return False
        return any(written)

    async def _went_well(self, pool: Connections) -> None:
        self._failures = 0
        if self._trouble is not None:
            self._pool, self._trouble = pool, None
            _log.info("database ok", place=self.address.place)
            self._asked.set()
        await self._say_changed()

    async def _until_woken(self) -> None:
        pause = self._sleep(self._options.probe_seconds)
        waits = {asyncio.ensure_future(self._wake.wait()), asyncio.ensure_future(pause)}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    async def _shut(self, trouble: Trouble) -> None:
        known, self._trouble, self._pool = self._trouble, trouble, None
        for lane in self._lanes:
            lane.release()
        if known is None or known.code != trouble.code:
            _log.warning("database away", reason=trouble.sentence, rows_waiting=self.pending)
        self._asked.set()
        await self._say_changed()

    def _closed(self) -> Trouble:
        return Trouble(_CLOSED, f"The connection to PostgreSQL at {self.address} is closed")

    @staticmethod
    async def _within(seconds: float, work: Awaitable[object]) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await work

    async def _say_changed(self) -> None:
        async with self._changed:
            self._changed.notify_all()
