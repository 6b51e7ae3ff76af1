"""Check results: of this process, or in PostgreSQL. The worker that runs a check answers its own ones from memory."""

from collections import OrderedDict
from collections.abc import Sequence
from enum import Enum
from typing import Any, Protocol

import msgspec

from episode_monitor.storage.database import Database
from episode_monitor.storage.listing import PageQuery, listed
from episode_monitor.storage.paging import Page, decode, page_of, wanted
from episode_monitor.storage.rows import Conditions, insert_of, moment, new_id, packed, unpacked
from episode_monitor.storage.text import storable, storable_object
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.check_views import JobState
from models.times import epoch_ms

_COLUMNS = (
    "id", "kind", "state", "started_at", "finished_at", "updated_at", "progress_done", "progress_total", "result",
    "requested_by",
)  # fmt: skip
_SOURCE = f"{', '.join(_COLUMNS)} from episode_monitor.check_results"
_CHANGING = ("state", "finished_at", "updated_at", "progress_done", "progress_total", "result")
_UPSERT = insert_of(
    "check_results", _COLUMNS,
    f"on conflict (id) do update set {', '.join(f'{name} = excluded.{name}' for name in _CHANGING)}",
)  # fmt: skip
_ABANDON = """
update episode_monitor.check_results
set state = 'failed', finished_at = $2, updated_at = $2, result = $3
where state = 'running' and updated_at < $1
returning id
"""
_TIMES = ("started_at", "finished_at", "updated_at")
_OTHER_BYTES = 800  # about what a row without its result takes in memory
_ABANDONED = "The worker that ran the check stopped responding."


class CheckKind(Enum):
    """The two integrity checks."""

    BASIC = "basic"
    DEEP = "deep"


class CheckResult(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a check. Progress counts projects; `progress_total` is null until it is known."""

    id: str
    kind: CheckKind
    state: JobState
    started_at_ms: int
    finished_at_ms: int | None = None
    updated_at_ms: int
    progress_done: int = 0
    progress_total: int | None = None
    result: dict[str, Any] | None = None
    requested_by: str


class CheckQuery(PageQuery, frozen=True, kw_only=True):
    """Which checks; every condition given must hold."""

    kind: CheckKind | None = None
    state: JobState | None = None


class UnknownCheck(LookupError):
    """No check of this id is known here."""


class CheckResults(Protocol):
    """Integrity checks that ran or run."""

    async def create(self, kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
        """A new running check with an id of its own."""

    async def progress(self, check_id: str, done: int, total: int | None, at_ms: int) -> CheckResult:
        """Notes how far it is. Raises `UnknownCheck`; a finished check stays as it is."""

    async def finish(self, check_id: str, state: JobState, result: dict[str, Any], at_ms: int) -> CheckResult:
        """Ends it, `state` being any but running. Raises `UnknownCheck`; a finished check stays as it is."""

    async def get(self, check_id: str) -> CheckResult:
        """Raises `UnknownCheck`, and `DatabaseAway` where another worker's check cannot be looked up."""

    async def list(self, query: CheckQuery) -> Page[CheckResult]:
        """A page, newest first. Raises `DatabaseAway`, `BadQuery`."""

    async def abandon(self, silent_since_ms: int, at_ms: int) -> int:
        """Ends as failed the running checks that were last heard of before `silent_since_ms`; returns how many."""


def begun_check(kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
    """A check that begins now."""
    return CheckResult(
        id=new_id(at_ms),
        kind=kind,
        state=JobState.RUNNING,
        started_at_ms=at_ms,
        updated_at_ms=at_ms,
        requested_by=storable(requested_by),
    )


def moved_on(check: CheckResult, done: int, total: int | None, at_ms: int) -> CheckResult:
    """The check some projects later; a finished one as it was."""
    if check.state is not JobState.RUNNING:
        return check
    return msgspec.structs.replace(check, progress_done=done, progress_total=total, updated_at_ms=at_ms)


def ended(check: CheckResult, state: JobState, result: dict[str, Any], at_ms: int) -> CheckResult:
    """The check at its end; a finished one as it was. Raises ValueError for a state that is no end."""
    if state is JobState.RUNNING:
        raise ValueError("A check ends as completed, failed or cancelled, not as running.")
    if check.state is not JobState.RUNNING:
        return check
    return msgspec.structs.replace(
        check, state=state, result=storable_object(result), finished_at_ms=at_ms, updated_at_ms=at_ms
    )


def abandoned_result() -> dict[str, Any]:
    """What stands in place of the result of a check whose worker is gone."""
    return {"status": "failed", "error": _ABANDONED}


class MemoryCheckResults:
    """`CheckResults` of the latest `limit` checks."""

    def __init__(self, limit: int = 200) -> None:
        self._limit = limit
        self._checks: OrderedDict[str, CheckResult] = OrderedDict()

    async def create(self, kind: CheckKind, requested_by: str, at_ms: int) -> CheckResult:
        """See `CheckResults.create`."""
        return self.keep(begun_check(kind, requested_by, at_ms))

    async def progress(self, check_id: str, done: int, total: int | None, at_ms: int) -> CheckResult:
        """See `CheckResults.progress`."""
        return self.keep(moved_on(await self.get(check_id), done, total, at_ms))

    async def finish(self, check_id: str, state: JobState, result: dict[str, Any], at_ms: int) -> CheckResult:
        """See `CheckResults.finish`."""
        return self.keep(ended(await self.get(check_id), state, result, at_ms))

    async def get(self, check_id: str) -> CheckResult:
        """See `CheckResults.get`."""
        if check_id not in self._checks:
            raise UnknownCheck(check_id)
        return self._checks[check_id]

    async def list(self, query: CheckQuery) -> Page[CheckResult]:
        """See `CheckResults.list`."""
        is_wanted = wanted(query, "kind", "state")
        rows = ((check.started_at_ms, check.id, check) for check in self._checks.values() if is_wanted(check))
        return page_of(rows, query.limit, decode(query.cursor, str))

    async def abandon(self, silent_since_ms: int, at_ms: int) -> int:
        """See `CheckResults.abandon`."""
        running = [check for check in self._checks.values() if check.state is JobState.RUNNING]
        silent = [check for check in running if check.updated_at_ms < silent_since_ms]
        for check in silent:
            self.keep(ended(check, JobState.FAILED, abandoned_result(), at_ms))
        return len(silent)

    def keep(self, check: CheckResult) -> CheckResult:
        """Remembers the check as it is now."""
        self._checks[check.id] = check
        if len(self._checks) > self._limit:
            self._checks.popitem(last=False)
        return check

    def forget(self, check_id: str) -> None:
        """Remembers it no more."""
        self._checks.pop(check_id, None)


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

    async def finish(self, check_id: str, state: JobState, result: dict[str, Any], at_ms: int) -> CheckResult:
        """See `CheckResults.finish`."""
        return await self._store(ended(await self.get(check_id), state, result, at_ms))

    async def get(self, check_id: str) -> CheckResult:
        """See `CheckResults.get`."""
        try:
            return await self._own.get(check_id)
        except UnknownCheck:
            query = f"select {_SOURCE} where id = $1"
            rows = await self._database.fetch(query, storable(check_id))
            if not rows:
                raise
            return _check(rows[0])

    async def list(self, query: CheckQuery) -> Page[CheckResult]:
        """See `CheckResults.list`."""
        conditions = Conditions()
        conditions.equal("kind", query.kind and query.kind.value)
        conditions.equal("state", query.state and query.state.value)
        return await listed(self._database, _SOURCE, conditions, query, str, _check, at="started_at")

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
    values = msgspec.structs.asdict(check) | {"kind": check.kind.value, "state": check.state.value}
    values |= {at: None if values[f"{at}_ms"] is None else moment(values[f"{at}_ms"]) for at in _TIMES}
    values["result"] = None if check.result is None else packed(check.result)
    return tuple(values[column] for column in _COLUMNS)


def _size_bytes(check: CheckResult) -> int:
    return _OTHER_BYTES + (0 if check.result is None else len(packed(check.result)))


def _check(row: Any) -> CheckResult:
    values = {column: row[column] for column in _COLUMNS}
    times = {at: values.pop(at) for at in _TIMES}
    values |= {f"{at}_ms": None if time is None else epoch_ms(time) for at, time in times.items()}
    values |= {"kind": CheckKind(row["kind"]), "state": JobState(row["state"]), "result": unpacked(row["result"])}
    return CheckResult(**values)
