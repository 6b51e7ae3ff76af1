"""The project service's episodes, read and renumbered: one act is one transaction.

A service that creates episodes takes the same advisory lock, shared, from before it reads the highest number until
after the insert; then no number is lost or given twice beside a repair.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Final

import asyncpg
import msgspec

from episode_monitor.repair.errors import CannotPlan, Contended, RowsMoved
from episode_monitor.repair.plan_state import PlanAction
from episode_monitor.repair.planning import Change, EpisodeRow
from episode_monitor.service_database.episodes_table import EpisodesTable, quoted
from episode_monitor.service_database.errors import ServiceDatabaseRefused, ServiceTableMismatch
from episode_monitor.service_database.explaining import explain, explained
from episode_monitor.service_database.opening import CONNECT_SECONDS, open_service
from episode_monitor.service_database.shape import FOREIGN_TABLE, VIEW, Shape, read_shape
from episode_monitor.storage.address import Address
from episode_monitor.storage.connecting import Session

MAX_EPISODES: Final = 100_000  # of a project that can be planned; some 50 MB while it is read
LOCK_SECONDS: Final = 2  # for a lock that another session holds
STATEMENT_SECONDS: Final = 30
ANSWER_SECONDS: Final = 120.0  # for a whole act; beyond it the server is frozen or the way is cut
LOCK: Final = "select pg_advisory_xact_lock(hashtextextended('episode-numbers:' || $1, 0))"

# Other transactions were in between; this one is rolled back and worth another try.
CONTENTION: Final = (
    asyncpg.UniqueViolationError,
    asyncpg.ExclusionViolationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.LockNotAvailableError,
)
_BEGIN: Final = """
select set_config('episode_monitor.act', $1, true), set_config('episode_monitor.plan', $2, true),
    set_config('lock_timeout', $3, true), set_config('statement_timeout', $4, true),
    set_config('idle_in_transaction_session_timeout', $4, true)
"""  # in the transaction itself: a pooler may have dropped what was said at connecting

# Rows of the table, its partitions and its heirs that this transaction has changed, by whatever statement or trigger.
_CHANGED_ROWS: Final = """
with recursive parts as (
    select to_regclass($1)::oid as part
    union
    select inhrelid from pg_inherits join parts on inhparent = part
)
select coalesce(sum(n_tup_upd + greatest(n_tup_ins, n_tup_del)), 0)::bigint
from pg_stat_xact_user_tables join parts on relid = part
"""

Failpoint = Callable[[str], None]


class _Statements(msgspec.Struct, frozen=True):
    """Of one table. Every one names the project: ids need be unique within their project only."""

    is_a_project: str  # whether the column's type can hold the id at all
    look: str
    change: str
    elsewhere: str  # a row of another project that this transaction has changed
    highest: int


class Episodes:
    """One connection to the project service's database. Every method may raise ServiceDatabaseError."""

    def __init__(self, connection: Any, table: EpisodesTable, address: Address, failpoint: Failpoint) -> None:
        self._connection = connection
        self._table = table
        self._address = address
        self._failpoint = failpoint
        self._made: _Statements | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls, address: Address, table: EpisodesTable, failpoint: Failpoint = lambda place: None
    ) -> AsyncIterator["Episodes"]:
        """Connects and looks at the table; closes at the end."""
        bounds = {"lock_timeout": f"{LOCK_SECONDS}s", "statement_timeout": f"{STATEMENT_SECONDS}s"}
        connection = await open_service(address, table, Session("episode-monitor repair", bounds))
        try:
            episodes = cls(connection, table, address, failpoint)
            with explained(address.place, table, address):
                async with asyncio.timeout(CONNECT_SECONDS):
                    episodes._made = _statements(await read_shape(connection, table, address.place), address.place)
            yield episodes
        finally:
            connection.terminate()

    async def rows(self, project_id: str) -> list[EpisodeRow]:
        """Every episode of the project, in no order; none for an unknown project. Raises CannotPlan and Contended."""
        try:
            with self._explained():
                async with asyncio.timeout(ANSWER_SECONDS):
                    return await self._rows(project_id, lock=False)
        except CONTENTION as error:
            raise contended(project_id, error) from error

    @asynccontextmanager
    async def transaction(self, project_id: str, plan_id: str, act: PlanAction) -> AsyncIterator[list[EpisodeRow]]:
        """Locks the project, yields its rows, commits at the end; an exception rolls back. Raises one of CONTENTION."""
        connection = self._connection
        with self._explained():
            async with asyncio.timeout(ANSWER_SECONDS), connection.transaction(isolation="read_committed"):
                await connection.execute(_BEGIN, act.value, plan_id, f"{LOCK_SECONDS}s", f"{STATEMENT_SECONDS}s")
                await connection.execute(LOCK, project_id)
                yield await self._rows(project_id, lock=True)
        self._failpoint("after_commit")

    async def transaction_id(self) -> str:
        """The number of the open transaction; `outcome` takes it."""
        found: str = await self._connection.fetchval("select pg_current_xact_id()::text")
        return found

    async def renumber(self, project_id: str, rows: Sequence[EpisodeRow], changes: Sequence[Change]) -> None:
        """Within a transaction that gave `rows`. Raises CannotPlan and RowsMoved where other rows came to change."""
        self._failpoint("before_changes")
        await self._renumber(project_id, changes)
        await self._refuse_changes_elsewhere(project_id, len(changes))
        self._check(rows, changes, await self._rows(project_id, lock=False))
        self._failpoint("before_commit")

    async def refuse_what_is_hidden(self, project_id: str, locked: Sequence[EpisodeRow]) -> None:
        """Row security shows rows to a reader that it hides from an UPDATE: those have not been moved by anyone."""
        seen = {row.episode_id for row in await self._rows(project_id, lock=False)}
        seen -= {row.episode_id for row in locked}
        if seen:
            seen -= {row.episode_id for row in await self._rows(project_id, lock=True)}
        if seen:
            raise ServiceDatabaseRefused(
                f"Row security of {self._table.table} lets the account of DATABASE_URL read {len(seen)} episodes of "
                f"{project_id} that it may not change, such as {min(seen)}: give it a policy for UPDATE on them."
            )

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
        if not await self._may_exist(project_id):
            return []
        statement = self._statements.look + (" for update" if lock else "")
        found = await self._connection.fetch(statement, project_id, MAX_EPISODES + 1)
        if len(found) > MAX_EPISODES:
            raise CannotPlan(
                f"Project {project_id} has more than {MAX_EPISODES} episodes: repair it within the project service."
            )
        is_aged = self._table.created_column is not None
        rows: dict[str, EpisodeRow] = {}
        for place, (episode_id, number, version) in enumerate(found):
            if episode_id is None:
                raise CannotPlan(f"An episode of {project_id} has no id: give it one, then make a new plan.")
            if number is None:
                raise CannotPlan(
                    f"Episode {episode_id} of {project_id} has no number: give it one, then make a new plan."
                )
            if episode_id in rows:
                raise CannotPlan(
                    f"Several episodes of {project_id} have the id {episode_id}: set EPISODES_ID_COLUMN to a column "
                    "that is unique within a project."
                )
            age = place if is_aged else 0
            rows[episode_id] = EpisodeRow(episode_id=episode_id, number=number, version=version or "", age=age)
        return list(rows.values())

    async def _may_exist(self, project_id: str) -> bool:
        """An id that the column's type or the server's encoding cannot hold is no project's. Asked by itself: the same
        error in a statement on the table can come out of any of its rows."""
        try:
            await self._connection.fetchval(self._statements.is_a_project, project_id)
        except asyncpg.DataError:
            return False
        return True

    async def _renumber(self, project_id: str, changes: Sequence[Change]) -> None:
        highest = self._statements.highest
        if any(change.new_number > highest for change in changes):
            raise CannotPlan(f"Column {self._table.number_column} holds numbers up to {highest}: choose compact.")
        wanted = [(change.episode_id, change.new_number) for change in changes]
        done = await self._connection.fetchmany(
            self._statements.change,
            [(project_id, change.episode_id, change.old_number, change.new_number) for change in changes],
            timeout=ANSWER_SECONDS,
        )
        changed = [tuple(row) for row in done]
        if changed != wanted:
            one = next((one for one, other in zip(wanted, changed, strict=False) if one != other), wanted[-1])
            raise self._interfered(f"the change of episode {one[0]} to number {one[1]} did not change that one row")

    async def _refuse_changes_elsewhere(self, project_id: str, changes: int) -> None:
        """What a trigger did to other projects. They are looked for only where more rows changed than were meant."""
        changed = await self._connection.fetchval(_CHANGED_ROWS, self._table.quoted_table)
        if changed <= changes:
            return
        for row in await self._connection.fetch(self._statements.elsewhere, project_id):
            raise self._interfered(f"it would have changed episode {row[1]} of {row[0]} as well")

    def _check(self, before: Sequence[EpisodeRow], changes: Sequence[Change], found: Sequence[EpisodeRow]) -> None:
        """What a trigger, a rule or a creator without the lock did is seen before the commit."""
        wanted = {row.episode_id: row.number for row in before}
        wanted.update((change.episode_id, change.new_number) for change in changes)
        held = {row.episode_id: row.number for row in found}
        if held == wanted:
            return
        if held.keys() - wanted.keys():
            raise RowsMoved("episodes were created during the repair, without the advisory lock")
        odd = min(name for name in wanted if held.get(name) != wanted[name])  # locked, so no other session did it
        raise self._interfered(f"episode {odd} has the number {held.get(odd)} and not {wanted[odd]}")

    def _interfered(self, what: str) -> CannotPlan:
        return CannotPlan(
            f"Nothing was changed: {what}, so a trigger, a rule or a policy of {self._table.table} interferes; make "
            "it ignore changes where current_setting('episode_monitor.act', true) is set."
        )

    @property
    def _statements(self) -> _Statements:
        if self._made is None:
            raise RuntimeError("the table was not checked")
        return self._made

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """As `explained`, but contention passes as it is: the caller tries again."""
        try:
            yield
        except CONTENTION:
            raise
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise explain(error, self._address.place, self._table, self._address) from error


def contended(project_id: str, error: BaseException) -> Contended:
    """One of CONTENTION as a refusal."""
    return Contended(project_id, getattr(error, "constraint_name", None))


def _statements(shape: Shape, place: str) -> _Statements:
    table, project, episode, number = shape.table, shape.project, shape.episode, shape.number.sql
    if table.version_column is None and shape.relation in (VIEW, FOREIGN_TABLE):
        raise ServiceTableMismatch(
            f"{table.table} at {place} is not a plain table, and its rows have no xmin that shows changes: set "
            "EPISODES_VERSION_COLUMN to a column that changes with every update, or EPISODES_TABLE to the underlying "
            "table."
        )
    version = "xmin" if table.version_column is None else quoted(table.version_column)
    order = "" if table.created_column is None else f" order by {quoted(table.created_column)}, {episode.sql}"
    return _Statements(
        is_a_project=f"select $1::text::{project.kind} is null",
        look=(
            f"select {episode.sql}::text, {number}, {version}::text from {shape.source}"
            f"{shape.where(project.equals('$1'))}{order} limit $2"
        ),
        change=(
            f"update {shape.source} set {number} = $4"
            f"{shape.where(project.equals('$1'), episode.equals('$2'), f'{number} = $3')} "
            f"returning {episode.sql}::text, {number}"
        ),
        elsewhere=(
            f"select {project.sql}::text, {episode.sql}::text from {shape.source} where {project.text} <> $1::text and "
            "xmin::text = (pg_current_xact_id()::text::numeric % 4294967296)::text limit 1"
        ),
        highest=shape.highest,
    )
