"""The history as statistics read it: oldest first, a page at a time, without the alerts themselves."""

import heapq
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec

from episode_monitor.storage.database import Database
from episode_monitor.storage.paging import wanted
from episode_monitor.storage.rows import Conditions
from episode_monitor.storage.text import storable
from models.times import epoch_ms
from streams.views.alert_statistics import HistoryStep

_COLUMNS = "id, at, alert_id, alert_key, rule_id, project_id, status, reason, acted_by"
_FILTERS = ("rule_id", "project_id")

Place = tuple[int, int]  # time and id of a transition


class StepQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Transitions from `since_ms` to before `until_ms`, those after `after`. `alert_keys` None: of all alerts."""

    since_ms: int
    until_ms: int | None = None
    rule_id: str | None = None
    project_id: str | None = None
    alert_keys: Sequence[str] | None = None
    after: Place | None = None
    limit: int = 1000


class StepPage(NamedTuple):
    """`after` is None on the last page."""

    steps: list[HistoryStep]
    after: Place | None


def page_of_steps(query: StepQuery, rows: Iterable[tuple[int, HistoryStep]]) -> StepPage:
    """The page of rows in memory, each with its id."""
    is_wanted = wanted(query, *_FILTERS)
    keys = None if query.alert_keys is None else {storable(key) for key in query.alert_keys}
    chosen = (
        (step.at_ms, number, step)
        for number, step in rows
        if query.since_ms <= step.at_ms
        and (query.until_ms is None or step.at_ms < query.until_ms)
        and (query.after is None or (step.at_ms, number) > query.after)
        and (keys is None or step.alert_key in keys)
        and is_wanted(step)
    )
    page = heapq.nsmallest(query.limit, chosen, key=lambda row: row[:2])
    after = (page[-1][0], page[-1][1]) if len(page) == query.limit else None
    return StepPage([row[2] for row in page], after)


async def fetched_steps(database: Database, query: StepQuery) -> StepPage:
    """The page of the table. Raises `DatabaseAway`."""
    conditions = Conditions()
    for column in _FILTERS:
        conditions.equal(column, getattr(query, column))
    conditions.between("at", query.since_ms, query.until_ms)
    conditions.after("(at, id)", query.after)
    if query.alert_keys is not None:
        conditions.any_of("alert_key", query.alert_keys)
    rows = await database.fetch(
        f"select {_COLUMNS} from episode_monitor.alert_transitions {conditions.where()}"
        f" order by at, id limit {conditions.argument(query.limit)}",
        *conditions.arguments,
    )
    after = (epoch_ms(rows[-1]["at"]), rows[-1]["id"]) if len(rows) == query.limit else None
    return StepPage([_step(row) for row in rows], after)


def _step(row: Any) -> HistoryStep:
    return HistoryStep(
        epoch_ms(row["at"]), row["alert_id"], row["alert_key"], row["rule_id"], row["project_id"], row["status"],
        row["reason"], row["acted_by"],
    )  # fmt: skip
