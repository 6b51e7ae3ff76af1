"""How a table of the monitor is listed: the conditions of a query, newest first, a page at a time."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from episode_monitor.storage.database import Database
from episode_monitor.storage.paging import DEFAULT_PAGE_ROWS, Page, checked_limit, decode, page_of_rows
from episode_monitor.storage.rows import Conditions

Item = TypeVar("Item")


class PageQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which page."""

    limit: int = DEFAULT_PAGE_ROWS
    cursor: str | None = None


class RangeQuery(PageQuery, frozen=True, kw_only=True):
    """And of which time. `since_ms` is included, `until_ms` is not."""

    since_ms: int | None = None
    until_ms: int | None = None


def conditions_of(query: RangeQuery, equal: tuple[str, ...]) -> Conditions:
    """`equal` names columns, and fields of the query, that must be equal; `at` is in the range."""
    conditions = Conditions()
    for column in equal:
        conditions.equal(column, getattr(query, column))
    conditions.between("at", query.since_ms, query.until_ms)
    return conditions


async def listed(
    database: Database, source: str, conditions: Conditions, query: PageQuery, key_type: type[Any],
    item: Callable[[Any], Item], at: str = "at",
) -> Page[Item]:  # fmt: skip
    """The page of `source` ("columns from table") that the query asks for, ordered by the columns `at` and `id`.

    `key_type` is the type of `id`, int or str. Raises `DatabaseAway`, `BadQuery`.
    """
    limit = checked_limit(query.limit)
    conditions.before(f"({at}, id)", decode(query.cursor, key_type))
    rows = await database.fetch(
        f"select {source} {conditions.where()} order by {at} desc, id desc limit {conditions.argument(limit + 1)}",
        *conditions.arguments,
    )
    return page_of_rows(rows, limit, item, at=at)


async def counted(database: Database, table: str, conditions: Conditions) -> int:
    """How many rows of `table` the conditions choose. Raises `DatabaseAway`."""
    rows = await database.fetch(f"select count(*) as rows from {table} {conditions.where()}", *conditions.arguments)
    return int(rows[0]["rows"])
