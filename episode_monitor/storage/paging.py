"""Pages, newest first, by keyset cursors: a page ends with the place of its last row, and the next one begins after it.

A cursor says nothing but a place; rows added meanwhile neither shift nor repeat a page.
"""

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from episode_monitor.storage.text import storable
from models.times import epoch_ms

MAX_PAGE_ROWS = 1000  # a page of history is about a megabyte then
DEFAULT_PAGE_ROWS = 100

Item = TypeVar("Item")
Key = TypeVar("Key", int, str)

FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z: no moment before it can be written
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


class Page(msgspec.Struct, Generic[Item], frozen=True, kw_only=True):
    """Rows, newest first. `next_cursor` is null on the last page."""

    items: list[Item]
    next_cursor: str | None


class BadQuery(ValueError):
    """A limit or cursor that is not valid here. The message is meant for the caller."""


def encode(at_ms: int, key: int | str) -> str:
    """The cursor after the row at this place."""
    return encode_place((at_ms, key))


def decode(cursor: str | None, key_type: type[Key]) -> tuple[int, Key] | None:
    """The place of a cursor, None for the first page. Raises `BadQuery` for anything else."""
    if cursor is None:
        return None
    place: tuple[int, Key] = decode_place(cursor, tuple[int, key_type])  # type: ignore[valid-type]
    if not FIRST_MS <= place[0] <= LAST_MS or (key_type is int and not 0 <= int(place[1]) < 2**63):
        raise _not_ours()
    return place


def encode_place(place: tuple[Any, ...]) -> str:
    """The cursor after a row by what its list is sorted by."""
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def decode_place(cursor: str, kind: Any) -> Any:
    """Inverse of `encode_place`, for tuples of this type. Raises `BadQuery`."""
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(packed, type=kind)
    except (binascii.Error, ValueError) as error:
        raise _not_ours() from error


def checked_limit(limit: int) -> int:
    """The limit itself. Raises `BadQuery` outside 1 … 1000."""
    if not 1 <= limit <= MAX_PAGE_ROWS:
        raise BadQuery(f"The limit {limit} is outside 1 … {MAX_PAGE_ROWS}.")
    return limit


def _not_ours() -> BadQuery:
    return BadQuery("The cursor does not belong to this list: use next_cursor of the previous page.")


def page_of_rows(rows: Sequence[Any], limit: int, item: Callable[[Any], Item], at: str, key: str = "id") -> Page[Item]:
    """The page that `limit` + 1 fetched rows make; the extra one shows that there is another."""
    last = rows[limit - 1] if len(rows) > limit else None
    return Page(
        items=[item(row) for row in rows[:limit]],
        next_cursor=None if last is None else encode(epoch_ms(last[at]), last[key]),
    )


def wanted(query: object, *fields: str) -> Callable[[object], bool]:
    """Whether a row has the values that the query names."""
    named = {field: getattr(query, field) for field in fields if getattr(query, field) is not None}
    values = {field: storable(value) if isinstance(value, str) else value for field, value in named.items()}
    return lambda row: all(getattr(row, field) == value for field, value in values.items())


def within(query: Any, row: Any) -> bool:
    after = query.since_ms is None or row.at_ms >= query.since_ms
    return after and (query.until_ms is None or row.at_ms < query.until_ms)


def page_of(rows: Iterable[tuple[int, Key, Item]], limit: int, after: tuple[int, Key] | None) -> Page[Item]:
    checked_limit(limit)
    left = [row for row in rows if after is None or row[:2] < after]
    left.sort(key=lambda row: row[:2], reverse=True)
    last = left[limit - 1] if len(left) > limit else None
    next_cursor = None if last is None else encode(last[0], last[1])
    return Page(items=[row[2] for row in left[:limit]], next_cursor=next_cursor)
