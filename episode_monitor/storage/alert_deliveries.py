"""What the messages about an alert came to, for people: in PostgreSQL, or the newest of this process in memory."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import msgspec

from alert_sinks.ledger import Ending, Ledger, LedgerEntry
from episode_monitor.storage.database import Database
from episode_monitor.storage.rows import Conditions, moment
from episode_monitor.storage.text import storable
from episode_monitor.storage.write_behind import Connection, LaneLimits, WriteBehind
from models.times import epoch_ms

_COLUMNS = ("alert_key", "message_id", "sink", "receiver", "outcome", "attempts", "last_error", "at")
_UPSERT = f"""
insert into episode_monitor.alert_deliveries ({", ".join(_COLUMNS)}) values ($1, $2, $3, $4, $5, $6, $7, $8)
on conflict (alert_key, message_id, sink) do update
set outcome = excluded.outcome, attempts = excluded.attempts, last_error = excluded.last_error, at = excluded.at
"""
_OF_ALERT = f"""
select {", ".join(_COLUMNS)} from episode_monitor.alert_deliveries where alert_key = $1 order by at desc limit $2
"""
_RULE = "split_part(alert_key, ':', 1)"  # the id of a rule has no colon
_DELIVERED, _FAILED = (
    f"count(distinct (message_id, sink)) filter (where outcome {comparison} '{Ending.DELIVERED.value}') as {name}"
    for comparison, name in (("=", "delivered"), ("<>", "failed"))
)
_ROW_BYTES = 700  # about what such a row takes in memory


_Message = tuple[str, str]  # id and sink


class AlertDelivery(msgspec.Struct, frozen=True):
    """How one message about an alert ended at one sink. `last_error` is of the last attempt that failed."""

    alert_key: str
    message_id: str
    sink: str
    receiver: str
    outcome: str
    attempts: int
    last_error: str | None
    at_ms: int


class CountQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that ended from `since_ms` to before `until_ms`."""

    since_ms: int
    until_ms: int
    rule_id: str | None = None
    project_id: str | None = None


class DeliveryCount(msgspec.Struct, frozen=True):
    """Messages about alerts of a rule; `rule_id` None: of all of them, a message for several rules once."""

    rule_id: str | None
    delivered: int
    failed: int


class AlertDeliveries(Protocol):
    """What each alert's messages came to."""

    is_shared: bool  # by all workers

    def note(self, entry: LedgerEntry) -> None:
        """Keep it, without waiting."""

    async def of_alert(self, alert_key: str, limit: int) -> list[AlertDelivery]:
        """Newest first. Raises `DatabaseAway`."""

    async def counts(self, query: CountQuery) -> list[DeliveryCount]:
        """By rule, and of all; a message counts once for each sink. Raises `DatabaseAway`."""


class MemoryAlertDeliveries:
    """`AlertDeliveries` of the latest `limit` rows of this process."""

    is_shared = False

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._kept: dict[tuple[str, str, str], AlertDelivery] = {}

    def note(self, entry: LedgerEntry) -> None:
        """See `AlertDeliveries`."""
        for one in _deliveries_of(entry):
            key = (one.alert_key, one.message_id, one.sink)
            self._kept.pop(key, None)
            self._kept[key] = one
            if len(self._kept) > self._limit:
                del self._kept[next(iter(self._kept))]

    async def of_alert(self, alert_key: str, limit: int) -> list[AlertDelivery]:
        """See `AlertDeliveries`."""
        return [one for one in reversed(self._kept.values()) if one.alert_key == alert_key][:limit]

    async def counts(self, query: CountQuery) -> list[DeliveryCount]:
        """See `AlertDeliveries`."""
        found: defaultdict[str | None, tuple[set[_Message], set[_Message]]] = defaultdict(lambda: (set(), set()))
        for (_, message_id, sink), one in self._kept.items():
            rule_id, _, project_id = one.alert_key.partition(":")
            if (
                query.since_ms <= one.at_ms < query.until_ms
                and query.rule_id in (None, rule_id)
                and query.project_id in (None, project_id)
            ):
                for name in (rule_id, None):
                    found[name][one.outcome != Ending.DELIVERED].add((message_id, sink))
        return [DeliveryCount(name, *map(len, ends)) for name, ends in found.items()]


class PostgresAlertDeliveries:
    """`AlertDeliveries` on a `Database`."""

    is_shared = True

    def __init__(self, database: Database, limits: LaneLimits | None = None) -> None:
        self._database = database
        self._lane = database.add_lane(WriteBehind("alert deliveries", _write, limits))

    def note(self, entry: LedgerEntry) -> None:
        """See `AlertDeliveries`."""
        for one in _deliveries_of(entry):
            row = (*msgspec.structs.astuple(one)[:-1], moment(one.at_ms))
            self._database.queue(self._lane, row, _ROW_BYTES)

    async def of_alert(self, alert_key: str, limit: int) -> list[AlertDelivery]:
        """See `AlertDeliveries`."""
        rows = await self._database.fetch(_OF_ALERT, storable(alert_key), limit)
        return [_of_row(row) for row in rows]

    async def counts(self, query: CountQuery) -> list[DeliveryCount]:
        """See `AlertDeliveries`."""
        conditions = Conditions()
        conditions.between("at", query.since_ms, query.until_ms)
        conditions.equal(_RULE, query.rule_id)
        conditions.equal("substr(alert_key, strpos(alert_key, ':') + 1)", query.project_id)
        rows = await self._database.fetch(
            f"select {_RULE} as rule_id, {_DELIVERED}, {_FAILED} from episode_monitor.alert_deliveries"
            f" {conditions.where()} group by rollup ({_RULE}) having count(*) > 0",
            *conditions.arguments,
        )
        return [DeliveryCount(row["rule_id"], row["delivered"], row["failed"]) for row in rows]


class NotingLedger:
    """A ledger whose entries are noted for people as well."""

    def __init__(self, ledger: Ledger, deliveries: AlertDeliveries) -> None:
        self.already_delivered = ledger.already_delivered
        self.record = ledger.record
        self.note = deliveries.note


def _deliveries_of(entry: LedgerEntry) -> Iterator[AlertDelivery]:
    for key in entry.alert_keys:
        yield AlertDelivery(
            storable(key), storable(entry.transition_id), storable(entry.sink), storable(entry.receiver),
            entry.outcome, entry.attempts, storable(entry.last_error) or None, entry.at_ms,
        )  # fmt: skip


def _of_row(row: Any) -> AlertDelivery:
    return AlertDelivery(
        row["alert_key"], row["message_id"], row["sink"], row["receiver"], row["outcome"], row["attempts"],
        row["last_error"], epoch_ms(row["at"]),
    )  # fmt: skip


async def _write(connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    await connection.executemany(_UPSERT, rows)
