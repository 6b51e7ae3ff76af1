"""The project service's episodes, seen and renumbered. All of one act is one transaction, or nothing of it is.

Whoever numbers episodes takes the same advisory lock, shared, from before the look at the highest number until after
the insert; then no number is lost or given twice beside a repair.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
import msgspec

from episode_monitor.repair.planning import CannotPlan, Change, EpisodeRow
from episode_monitor.repair.record import Act
from episode_monitor.service_database.episodes_table import EpisodesTable, quoted
from episode_monitor.service_database.errors import ServiceTableMismatch
from episode_monitor.service_database.explaining import explain, explained
from episode_monitor.storage.address import Address

MAX_EPISODES: Final = 100_000  # of a project that can be planned; some 50 MB while it is looked at
CONNECT_SECONDS: Final = 5.0
LOCK_SECONDS: Final = 2  # for a creator or a person who holds what we need
STATEMENT_SECONDS: Final = 30
ANSWER_SECONDS: Final = 120.0  # for a whole act; beyond it the server is frozen or the way is cut
LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('episode-numbers:' || $1, 0))"

# Others were in between; the transaction is rolled back and it is worth another try.
CONTENTION: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.ExclusionViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
_WHOLE_NUMBERS: Final = {"smallint": 2**15 - 1, "integer": 2**31 - 1, "bigint": 2**63 - 1}
_COLUMNS: Final = """
select a.attname as name, format_type(a.atttypid, -1) as kind
from pg_attribute a
where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped
"""

Failpoint = Callable[[str], None]
Guard = Callable[[Sequence[EpisodeRow]], Sequence[Change]]
Note = Callable[[str], Awaitable[None]]


class Moved(Exception):
    """The rows are not as they must be; the message says how. Nothing was changed."""


class _Shape(msgspec.Struct, frozen=True):
    """The table's statements, with its own types in them, so that its own indexes serve."""

    look: str
    change: str
    highest: int


class Episodes:
    """One connection to the project service's database. Every method may raise ServiceDatabaseError."""

    def __init__(self, connection: Any, table: EpisodesTable, address: Address, failpoint: Failpoint) -> None:
        self._connection = connection
        self._table = table
        self._address = address
        self._failpoint = failpoint
        self._shape: _Shape | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, address: Address, table: EpisodesTable, failpoint: Failpoint = lambda place: None
    ) -> AsyncIterator["Episodes"]:
        """Connects and looks at the table; closes at the end."""
        with explained(address.place, table, address):
            connection = await asyncpg.connect(
                address.for_asyncpg,
                timeout=CONNECT_SECONDS,
                server_settings={
                    "application_name": "episode-monitor repair",
                    "timezone": "UTC",
                    "statement_timeout": str(STATEMENT_SECONDS * 1000),
                    "lock_timeout": str(LOCK_SECONDS * 1000),
                    "idle_in_transaction_session_timeout": str(STATEMENT_SECONDS * 1000),
                },
            )
        try:
            episodes = cls(connection, table, address, failpoint)
            with explained(address.place, table, address):
                async with asyncio.timeout(CONNECT_SECONDS):
                    episodes._shape = await episodes._look_at_the_table()
            yield episodes
        finally:
            connection.terminate()

    async def rows(self, project_id: str) -> list[EpisodeRow]:
        """Every episode of the project, in no order; none for one that is not there. Raises CannotPlan too."""
        with self._explained():
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._rows(project_id, lock=False)

    async def act(self, project_id: str, plan_id: str, act: Act, guard: Guard, note: Note) -> None:
        """Renumber in one transaction, and commit.

        `guard` is given the locked rows and returns the changes, or raises Moved. `note` is given the transaction's
        number before anything can be committed. Raises Moved, one of CONTENTION, and whatever `guard` and `note` raise.
        """
        connection = self._connection
        with self._explained():
            async with asyncio.timeout(ANSWER_SECONDS), connection.transaction(isolation="read_committed"):
                await connection.execute("select set_config('episode_monitor.act', $1, true)", act.value)
                await connection.execute("select set_config('episode_monitor.plan', $1, true)", plan_id)
                await connection.execute(LOCK, project_id)
                rows = await self._rows(project_id, lock=True)
                changes = guard(rows)
                await note(await connection.fetchval("select pg_current_xact_id()::text"))
                self._failpoint("before_changes")
                await self._renumber(changes)
                self._check(rows, changes, await self._rows(project_id, lock=False))
                self._failpoint("before_commit")
        self._failpoint("after_commit")

    async def outcome(self, transaction: str) -> str | None:
        """`committed`, `aborted` or `in progress`; None for a transaction that the server no longer remembers."""
        with self._explained():
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    found: str | None = await self._connection.fetchval(
                        "select pg_xact_status($1::text::xid8)", transaction
                    )
                    return found
            except asyncpg.InvalidParameterValueError:  # a server that was set up anew has not come so far yet
                return None

    async def _rows(self, project_id: str, *, lock: bool) -> list[EpisodeRow]:
        statement = self._statements.look + (" for update" if lock else "")
        try:
            found = await self._connection.fetch(statement, project_id, MAX_EPISODES + 1)
        except asyncpg.DataError:  # an id that the column's type cannot hold is no project's
            return []
        if len(found) > MAX_EPISODES:
            raise CannotPlan(
                f"Project {project_id} has more than {MAX_EPISODES} episodes: repair it within the project service."
            )
        is_aged = self._table.created_column is not None
        rows = []
        for place, (episode_id, number, version) in enumerate(found):
            if number is None:
                raise CannotPlan(f"Episode {episode_id} of {project_id} has no number: give it one, then plan anew.")
            age = place if is_aged else 0
            rows.append(EpisodeRow(episode_id=episode_id, number=number, version=version or "", age=age))
        return rows

    async def _renumber(self, changes: Sequence[Change]) -> None:
        highest = self._statements.highest
        if any(change.new_number > highest for change in changes):
            raise CannotPlan(f"Column {self._table.number_column} holds numbers up to {highest}: choose compact.")
        await self._connection.executemany(
            self._statements.change,
            [(change.episode_id, change.old_number, change.new_number) for change in changes],
            timeout=ANSWER_SECONDS,
        )

    def _check(self, before: Sequence[EpisodeRow], changes: Sequence[Change], found: Sequence[EpisodeRow]) -> None:
        """What a trigger, a rule or a creator without the lock did is seen before the commit."""
        wanted = {row.episode_id: row.number for row in before}
        wanted.update((change.episode_id, change.new_number) for change in changes)
        if {row.episode_id: row.number for row in found} != wanted:
            raise Moved("the numbers did not come out as planned, because something else changes this project as well")

    @property
    def _statements(self) -> _Shape:
        if self._shape is None:
            raise RuntimeError("the table was not looked at")
        return self._shape

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """As `explained`, but contention passes as it is: whoever acts tries again."""
        try:
            yield
        except CONTENTION:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise explain(error, self._address.place, self._table, self._address) from error

    async def _look_at_the_table(self) -> _Shape:
        table, place = self._table, self._address.place
        kinds = {row["name"]: row["kind"] for row in await self._connection.fetch(_COLUMNS, table.quoted_table)}
        if not kinds:
            raise ServiceTableMismatch(
                f"The project service's database at {place} has no table {table.table}: set EPISODES_TABLE to the one "
                "that it has."
            )
        for setting, column in _named_columns(table):
            if column not in kinds:
                raise ServiceTableMismatch(
                    f"Table {table.table} at {place} has no column {column}: set {setting} to the one that it has."
                )
        number_kind = kinds[table.number_column]
        if number_kind not in _WHOLE_NUMBERS:
            raise ServiceTableMismatch(
                f"Column {table.number_column} of {table.table} at {place} is of the type {number_kind} and not "
                "integer: set EPISODES_NUMBER_COLUMN to the column of the numbers."
            )
        return _shape(table, kinds)


def _named_columns(table: EpisodesTable) -> list[tuple[str, str]]:
    named = [
        ("EPISODES_ID_COLUMN", table.id_column),
        ("EPISODES_PROJECT_COLUMN", table.project_column),
        ("EPISODES_NUMBER_COLUMN", table.number_column),
        ("EPISODES_VERSION_COLUMN", table.version_column),
        ("EPISODES_CREATED_COLUMN", table.created_column),
    ]
    return [(setting, column) for setting, column in named if column is not None]


def _shape(table: EpisodesTable, kinds: dict[str, str]) -> _Shape:
    episode, project, number = (quoted(name) for name in (table.id_column, table.project_column, table.number_column))
    version = "xmin" if table.version_column is None else quoted(table.version_column)
    order = "" if table.created_column is None else f" order by {quoted(table.created_column)}, {episode}"
    return _Shape(
        look=(
            f"select {episode}::text, {number}, {version}::text from {table.quoted_table} "
            f"where {project} = $1::text::{kinds[table.project_column]}{order} limit $2"
        ),
        change=(
            f"update {table.quoted_table} set {number} = $3 "
            f"where {episode} = $1::text::{kinds[table.id_column]} and {number} = $2"
        ),
        highest=_WHOLE_NUMBERS[kinds[table.number_column]],
    )
