"""Alert history in PostgreSQL. What is in the table up to a partition's progress is all there is: no hole before it.

When memory is full during an outage the newest transitions are left out, not the oldest: the topic has them, and the
progress in the table then still says truly where to read on.
"""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import Any, Protocol

import msgspec
import structlog

from episode_monitor.storage.database import Database
from episode_monitor.storage.database_service import Stored
from episode_monitor.storage.history_steps import StepPage, StepQuery, fetched_steps, page_of_steps
from episode_monitor.storage.listing import RangeQuery, conditions_of, listed
from episode_monitor.storage.paging import (
    Page,
    decode,
    page_of,
    wanted,
    within,
)
from episode_monitor.storage.rows import insert_of, moment, packed, unpacked
from episode_monitor.storage.text import optional_text, storable, storable_object
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.alert import Alert
from models.times import epoch_ms
from streams.views.alert_statistics import HistoryStep

_log = structlog.get_logger(__name__)

_COLUMNS = (
    "transition_id", "alert_id", "alert_key", "project_id", "rule_id", "severity", "status", "escalation_level",
    "reason", "at", "kafka_partition", "kafka_offset", "acted_by", "comment", "payload",
)  # fmt: skip
_FILTERS = ("project_id", "alert_key", "rule_id", "severity", "status")
_SOURCE = f"id, {', '.join(_COLUMNS)} from episode_monitor.alert_transitions"
_INSERT = insert_of("alert_transitions", _COLUMNS, "on conflict do nothing")
# The last offset written, not the highest: reading a partition again moves it back, which is safe, and a topic that
# was made anew begins anew.
_PROGRESS = """
insert into episode_monitor.history_progress (kafka_partition, kafka_offset) values ($1, $2)
on conflict (kafka_partition) do update set kafka_offset = excluded.kafka_offset
"""
_PARTITION, _OFFSET, _PAYLOAD = map(_COLUMNS.index, ("kafka_partition", "kafka_offset", "payload"))
_OTHER_BYTES = 1000  # about what the rest of a row takes in memory

_Row = tuple[Any, ...]


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """One transition of one alert. `alert` is the alert's JSON object; `acted_by` the person, where a person did it."""

    transition_id: str
    alert_id: str
    alert_key: str
    project_id: str
    rule_id: str
    severity: str
    status: str
    escalation_level: int
    reason: str
    at_ms: int
    kafka_partition: int | None  # None of what is no record of the alerts topic
    kafka_offset: int | None
    acted_by: str | None
    comment: str | None
    alert: dict[str, Any]


class HistoryQuery(RangeQuery, frozen=True, kw_only=True):
    """Which transitions; every condition given must hold. `since_ms` is included, `until_ms` is not."""

    project_id: str | None = None
    alert_key: str | None = None
    rule_id: str | None = None
    severity: str | None = None
    status: str | None = None


class AlertHistory(Protocol):
    """Every transition of every alert with its reason."""

    newest_only: int | None  # holds no more than these, and forgets them at the end of the process; None: keeps all

    async def append(
        self, alert: Alert, partition: int, offset: int, *, by: str | None = None, comment: str | None = None
    ) -> Stored:
        """Adds the transition read at this place of the alerts topic; a repetition changes nothing.

        A partition's transitions must come in the order of their offsets, and one process at a time appends them.
        `by` and `comment` are the person's, where a person did it.
        """

    async def append_act(self, alert: Alert, *, by: str | None, comment: str | None) -> Stored:
        """Adds what a person or the dispatcher did with an alert, in any order; known by alert, reason and time."""

    async def list(self, query: HistoryQuery) -> Page[Transition]:
        """A page, newest first. Raises `DatabaseAway`, `BadQuery`."""

    async def steps(self, query: StepQuery) -> StepPage:
        """What statistics are made of, oldest first. Raises `DatabaseAway`."""

    async def last_offsets(self) -> dict[int, int]:
        """Partition → the offset up to which the history is complete; read on from the next one to catch up.

        A partition that is not in it has no history. An offset past the partition's end means that the topic was made
        anew: catch up from its beginning. Raises `DatabaseAway`.
        """


def transition_of(
    alert: Alert, partition: int | None, offset: int | None, by: str | None, comment: str | None
) -> Transition:
    """The transition that a record of the alerts topic is, or without partition an act."""
    return _with_alert(_without_alert(alert, partition, offset, by, comment), alert)


def _without_alert(
    alert: Alert, partition: int | None, offset: int | None, by: str | None, comment: str | None
) -> Transition:
    return Transition(
        transition_id=storable(alert.transition_id),
        alert_id=storable(alert.alert_id),
        alert_key=storable(alert.alert_key),
        project_id=storable(alert.project_id),
        rule_id=storable(alert.rule_id),
        severity=alert.severity.value,
        status=alert.status.value,
        escalation_level=alert.escalation_level,
        reason=storable(alert.reason),
        at_ms=alert.updated_at_ms,
        kafka_partition=partition,
        kafka_offset=offset,
        acted_by=optional_text(by),
        comment=optional_text(comment),
        alert={},
    )


def _with_alert(transition: Transition, alert: Alert) -> Transition:
    return msgspec.structs.replace(transition, alert=storable_object(alert.to_dict()))


class MemoryAlertHistory:
    """`AlertHistory` of the `limit` newest transitions. It begins empty: every worker fills it from the topic.

    An alert becomes a JSON object when a page shows it: of many that come, people see few.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self.newest_only: int | None = limit
        self._limit = limit
        self._kept: dict[tuple[str, str, int], tuple[int, Transition, Alert]] = {}  # the transition without its alert
        self._oldest_first: list[tuple[int, int, tuple[str, str, int]]] = []  # a heap; partitions come one by one
        self._drawn = 0
        self._offsets: dict[int, int] = {}

    async def append(
        self, alert: Alert, partition: int, offset: int, *, by: str | None = None, comment: str | None = None
    ) -> Stored:
        """See `AlertHistory.append`."""
        self._offsets[partition] = offset
        return self._keep(_without_alert(alert, partition, offset, by, comment), alert)

    async def append_act(self, alert: Alert, *, by: str | None, comment: str | None) -> Stored:
        """See `AlertHistory.append_act`."""
        return self._keep(_without_alert(alert, None, None, by, comment), alert)

    def _keep(self, transition: Transition, alert: Alert) -> Stored:
        identity = (transition.transition_id, transition.reason, transition.at_ms)
        if identity not in self._kept:
            self._drawn += 1
            self._kept[identity] = (self._drawn, transition, alert)
            heappush(self._oldest_first, (transition.at_ms, self._drawn, identity))
            if len(self._kept) > self._limit:
                del self._kept[heappop(self._oldest_first)[2]]
        return Stored.WRITTEN

    async def list(self, query: HistoryQuery) -> Page[Transition]:
        """See `AlertHistory.list`."""
        is_wanted = wanted(query, *_FILTERS)
        rows = (
            (row.at_ms, drawn, (row, alert))
            for drawn, row, alert in self._kept.values()
            if is_wanted(row) and within(query, row)
        )
        page = page_of(rows, query.limit, decode(query.cursor, int))
        return Page(items=[_with_alert(row, alert) for row, alert in page.items], next_cursor=page.next_cursor)

    async def steps(self, query: StepQuery) -> StepPage:
        """See `AlertHistory.steps`."""
        return page_of_steps(query, ((drawn, _step(row)) for drawn, row, _ in self._kept.values()))

    async def last_offsets(self) -> dict[int, int]:
        """See `AlertHistory.last_offsets`."""
        return dict(self._offsets)


class PostgresAlertHistory:
    """`AlertHistory` on a `Database`."""

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self.newest_only: int | None = None
        self._database = database
        self._lane = database.add_lane(WriteBehind("alert_transitions", _write, limits))
        self._left_out: dict[int, int] = {}

    async def append(
        self, alert: Alert, partition: int, offset: int, *, by: str | None = None, comment: str | None = None
    ) -> Stored:
        """See `AlertHistory.append`."""
        row = _row(transition_of(alert, partition, offset, by, comment))
        size_bytes = _OTHER_BYTES + len(row[_PAYLOAD])
        left_out, has_room = self._left_out.get(partition), self._lane.has_room(size_bytes)
        if left_out is None and not has_room:
            self._left_out[partition] = left_out = offset
            _log.error(
                "history queue is full; the rows are written later by reading the topic again",
                partition=partition,
                first_offset=offset,
            )
        elif left_out is not None and offset <= left_out and has_room:
            del self._left_out[partition]  # the partition is read again from a place that is in
            left_out = None
        if left_out is not None:
            return Stored.LEFT_TO_CATCH_UP
        return await self._database.store(self._lane, row, size_bytes)

    async def append_act(self, alert: Alert, *, by: str | None, comment: str | None) -> Stored:
        """See `AlertHistory.append_act`."""
        row = _row(transition_of(alert, None, None, by, comment))
        size_bytes = _OTHER_BYTES + len(row[_PAYLOAD])
        if not self._lane.has_room(size_bytes):
            return Stored.LEFT_TO_CATCH_UP
        return await self._database.store(self._lane, row, size_bytes)

    async def list(self, query: HistoryQuery) -> Page[Transition]:
        """See `AlertHistory.list`."""
        return await listed(self._database, _SOURCE, conditions_of(query, _FILTERS), query, int, _transition)

    async def steps(self, query: StepQuery) -> StepPage:
        """See `AlertHistory.steps`."""
        return await fetched_steps(self._database, query)

    async def last_offsets(self) -> dict[int, int]:
        """See `AlertHistory.last_offsets`."""
        rows = await self._database.fetch("select kafka_partition, kafka_offset from episode_monitor.history_progress")
        offsets: dict[int, int] = {row["kafka_partition"]: row["kafka_offset"] for row in rows}
        for partition in [p for p, first in self._left_out.items() if offsets.get(p, -1) >= first]:
            del self._left_out[partition]  # another worker had the partition meanwhile and caught up
        return offsets


async def _write(connection: Connection, rows: Sequence[_Row]) -> None:
    await connection.executemany(_INSERT, rows)
    progress = {row[_PARTITION]: row[_OFFSET] for row in rows if row[_PARTITION] is not None}
    # In one order for all writers, so that two never wait for each other.
    await connection.executemany(_PROGRESS, sorted(progress.items()))


def _row(transition: Transition) -> _Row:
    values = msgspec.structs.asdict(transition)
    values |= {"at": moment(transition.at_ms), "payload": packed(transition.alert)}
    return tuple(values[column] for column in _COLUMNS)


def _transition(row: Any) -> Transition:
    values = {column: row[column] for column in _COLUMNS}
    return Transition(at_ms=epoch_ms(values.pop("at")), alert=unpacked(values.pop("payload")), **values)


def _step(row: Transition) -> HistoryStep:
    return HistoryStep(
        row.at_ms, row.alert_id, row.alert_key, row.rule_id, row.project_id, row.status, row.reason, row.acted_by
    )
