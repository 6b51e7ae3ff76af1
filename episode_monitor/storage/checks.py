"""Check results in PostgreSQL. The worker that runs a check knows it best, so its own ones are answered from memory."""

from collections.abc import Sequence
from typing import Any

from episode_monitor.storage import cursors
from episode_monitor.storage.database import Database
from episode_monitor.storage.memory import MemoryCheckResults
from episode_monitor.storage.protocols import UnknownCheck
from episode_monitor.storage.records import CheckKind, CheckQuery, CheckResult, CheckState, Page
from episode_monitor.storage.rows import Conditions, moment, packed, page, unpacked
from episode_monitor.storage.shapes import abandoned_result, begun_check, ended, moved_on
from episode_monitor.storage.text import storable
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.times import epoch_ms

_COLUMNS = "id, kind, state, started_at, finished_at, updated_at, progress_done, progress_total, result, requested_by"
_UPSERT = f"""
insert into episode_monitor.check_results ({_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (id) do update
set state = excluded.state, finished_at = excluded.finished_at, updated_at = excluded.updated_at,
    progress_done = excluded.progress_done, progress_total = excluded.progress_total, result = excluded.result
"""
_ABANDON = """
update episode_monitor.check_results
set state = 'failed', finished_at = $2, updated_at = $2, result = $3
where state = 'running' and updated_at < $1
returning id
"""
_OTHER_BYTES = 800  # about what a row without its result takes in memory


class PostgresCheckResults:
    """`CheckResults` on a `Database`."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self._database = database
        self._lane = database.add_lane(WriteBehind("check_results", _write, limits))
        self._own = MemoryCheckResults()

    async def create(self, kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
        """See `CheckResults.create`."""
        return await self._store(begun_check(kind, requested_by, at_ms))

    async def progress(self, check_id: str, done: int, total: int | None, at_ms: int) -> CheckResult:
        """See `CheckResults.progress`. Does not wait for the table."""
        check = self._own.keep(moved_on(await self.get(check_id), done, total, at_ms))
        self._database.queue(self._lane, _row(check), _size_bytes(check), key=check.id)
        return check

    async def finish(self, check_id: str, state: CheckState, result: dict[str, Any], at_ms: int) -> CheckResult:
        """See `CheckResults.finish`."""
        return await self._store(ended(await self.get(check_id), state, result, at_ms))

    async def get(self, check_id: str) -> CheckResult:
        """See `CheckResults.get`."""
        try:
            return await self._own.get(check_id)
        except UnknownCheck:
            query = f"select {_COLUMNS} from episode_monitor.check_results where id = $1"
            rows = await self._database.fetch(query, storable(check_id))
            if not rows:
                raise
            return _check(rows[0])

    async def list(self, query: CheckQuery) -> Page[CheckResult]:
        """See `CheckResults.list`."""
        limit = cursors.checked_limit(query.limit)
        conditions = Conditions()
        conditions.equal("kind", query.kind and query.kind.value)
        conditions.equal("state", query.state and query.state.value)
        conditions.before("(started_at, id)", cursors.decode(query.cursor, str))
        rows = await self._database.fetch(
            f"select {_COLUMNS} from episode_monitor.check_results {conditions.where()} "
            f"order by started_at desc, id desc limit {conditions.argument(limit + 1)}",
            *conditions.arguments,
        )
        return page(rows, limit, _check, at="started_at")

    async def abandon(self, silent_since_ms: int, at_ms: int) -> int:
        """See `CheckResults.abandon`."""
        rows = await self._database.fetch(_ABANDON, moment(silent_since_ms), moment(at_ms), packed(abandoned_result()))
        for row in rows:
            self._own.forget(row["id"])
        return len(rows)

    async def _store(self, check: CheckResult) -> CheckResult:
        self._own.keep(check)
        await self._database.store(self._lane, _row(check), _size_bytes(check), key=check.id)
        return check


async def _write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.executemany(_UPSERT, rows)


def _row(check: CheckResult) -> tuple[Any, ...]:
    return (
        check.id,
        check.kind.value,
        check.state.value,
        moment(check.started_at_ms),
        None if check.finished_at_ms is None else moment(check.finished_at_ms),
        moment(check.updated_at_ms),
        check.progress_done,
        check.progress_total,
        None if check.result is None else packed(check.result),
        check.requested_by,
    )


def _size_bytes(check: CheckResult) -> int:
    return _OTHER_BYTES + (0 if check.result is None else len(packed(check.result)))


def _check(row: Any) -> CheckResult:
    return CheckResult(
        id=row["id"],
        kind=CheckKind(row["kind"]),
        state=CheckState(row["state"]),
        started_at_ms=epoch_ms(row["started_at"]),
        finished_at_ms=None if row["finished_at"] is None else epoch_ms(row["finished_at"]),
        updated_at_ms=epoch_ms(row["updated_at"]),
        progress_done=row["progress_done"],
        progress_total=row["progress_total"],
        result=unpacked(row["result"]),
        requested_by=row["requested_by"],
    )
