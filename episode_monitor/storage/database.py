"""The one owner of the connections to PostgreSQL. The server may come and go; what has to be written waits for it.

A task of its own opens, writes, notices trouble and opens again; nobody else ever waits for the server to come back.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncpg
import structlog

from episode_monitor.storage import migrate
from episode_monitor.storage.address import Address
from episode_monitor.storage.lane import Connection, Lane
from episode_monitor.storage.protocols import DatabaseAway
from episode_monitor.storage.records import Stored
from episode_monitor.storage.troubles import AllBusy, Decision, ReadOnly, TablesAreNewer, Trouble, explain

Row = TypeVar("Row")
_log = structlog.get_logger(__name__)
_CLOSED = "closed"  # the trouble of a database that its owner has ended


@dataclass(frozen=True)
class DatabaseOptions:
    """Bounds of the connection. A statement that PostgreSQL does not end in its time is ended."""

    application_name: str = "episode-monitor"
    pool_min: int = 1
    pool_max: int = 5
    connect_seconds: float = 5.0
    statement_seconds: float = 5.0
    answer_seconds: float = 7.0  # longer than a statement may take: beyond it the server is frozen or the way is cut
    probe_seconds: float = 5.0  # how soon an idle monitor notices that the server is gone
    first_attempt_seconds: float = 2.0  # how long `connect` waits at most
    backoff_first_seconds: float = 0.5
    backoff_last_seconds: float = 30.0
    close_seconds: float = 5.0


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
        self._lanes: list[Lane[Any]] = []
        self._pool: Any = None
        self._trouble: Trouble | None = Trouble("new", f"PostgreSQL at {self.address} has not been asked yet")
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
            lane.abandon("the monitor stops while PostgreSQL is away")

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
        lost = sum(lane.lost for lane in self._lanes)
        return f"{self._trouble.sentence}; meanwhile {self.pending} rows wait in memory and {lost} are lost."

    def counters(self) -> dict[str, int]:
        """`{table}_pending` and `{table}_lost` for metrics."""
        counts = {f"{lane.name}_pending": lane.pending for lane in self._lanes}
        return counts | {f"{lane.name}_lost": lane.lost for lane in self._lanes}

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits until `condition` holds; looks whenever the status changes or rows were written."""
        async with self._changed:
            await self._changed.wait_for(condition)

    def add_lane(self, lane: Lane[Row]) -> Lane[Row]:
        """Takes a repository's lane under its care."""
        self._lanes.append(lane)
        return lane

    async def store(self, lane: Lane[Row], row: Row, size_bytes: int, *, key: str | None = None) -> Stored:
        """Queues a row and waits until it is written, or until it is clear that it has to wait longer."""
        waiter = self.queue(lane, row, size_bytes, key=key)
        return await waiter if self.is_ok or waiter.done() else Stored.QUEUED

    def queue(self, lane: Lane[Row], row: Row, size_bytes: int, *, key: str | None = None) -> "asyncio.Future[Stored]":
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
                self._noticed = trouble
                self._wake.set()
            if trouble.decision in (Decision.REOPEN, Decision.LATER):
                raise DatabaseAway(f"{trouble.sentence}.") from error
            raise

    @asynccontextmanager
    async def _borrowed(self, pool: Any) -> AsyncIterator[Connection]:
        """A connection of the pool. One that was left in the middle of something is cut, not given back."""
        try:
            connection = await pool.acquire(timeout=self._options.connect_seconds)
        except TimeoutError as error:
            raise AllBusy from error
        try:
            async with asyncio.timeout(2 * self._options.answer_seconds):
                yield connection
        except (TimeoutError, asyncio.CancelledError):
            connection.terminate()  # asyncpg would wait for the rest of the answer once more
            raise
        finally:
            with contextlib.suppress(asyncpg.InterfaceError):  # the pool was shut meanwhile
                await pool.release(connection, timeout=self._options.connect_seconds)

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
                    _log.exception("database trouble that may be our own fault", trouble=trouble.sentence)
            finally:
                if pool is not None:
                    pool.terminate()
            await self._shut(trouble)
            await self._sleep(self._delay_seconds())

    def _delay_seconds(self) -> float:
        """Nothing after the first failure: most are over at once. Then doubling, up to a tenth earlier than that."""
        self._failures += 1
        if self._failures == 1:
            return 0.0
        doubled = self._options.backoff_first_seconds * 2.0 ** min(self._failures - 2, 20)
        return min(doubled, self._options.backoff_last_seconds) * (1 - 0.1 * self._jitter())

    async def _open(self) -> Any:
        settings = self._connection_settings()
        connection = await asyncpg.connect(self.address.for_asyncpg, **settings)
        try:
            if await connection.fetchval("select current_setting('transaction_read_only')") == "on":
                raise ReadOnly
            tables = await migrate.standing(connection)
        finally:
            connection.terminate()
        if tables.unknown:
            raise TablesAreNewer(tables.unknown)
        if tables.pending:
            applied = await asyncio.to_thread(migrate.apply, self.address)
            _log.info("database tables brought up to date", migrations=applied)
        sizes = {"min_size": self._options.pool_min, "max_size": self._options.pool_max}
        return await asyncpg.create_pool(self.address.for_asyncpg, reset=_keep_as_is, **sizes, **settings)

    def _connection_settings(self) -> dict[str, Any]:
        return {
            "timeout": self._options.connect_seconds,
            "command_timeout": self._options.answer_seconds,
            "server_settings": {
                "application_name": self._options.application_name,
                "statement_timeout": str(int(self._options.statement_seconds * 1000)),
                "idle_in_transaction_session_timeout": str(int(self._options.answer_seconds * 2000)),
                "timezone": "UTC",
            },
        }

    async def _serve(self, pool: Any) -> Trouble:
        """Writes and probes until something breaks; returns what. Ready only when what waited is written."""
        self._noticed = None
        while self._noticed is None:
            self._wake.clear()
            while await self._write_some(pool):
                await self._say_changed()
            await self._went_well(pool)
            await self._until_woken()
        return self._noticed

    async def _write_some(self, pool: Any) -> bool:
        """Writes a batch of every lane; where there is nothing to write, asks whether the server lives."""
        async with self._borrowed(pool) as connection:
            written = [await lane.flush(connection, self.address) for lane in self._lanes]
            if not any(written):
                await connection.fetchval("select 1")
        return any(written)

    async def _went_well(self, pool: Any) -> None:
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


async def _keep_as_is(connection: Connection) -> None:
    """Nothing here changes a session, so a connection that is handed back needs no statement to clean it."""
