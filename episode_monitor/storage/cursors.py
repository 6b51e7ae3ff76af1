"""Keyset cursors: a page ends with the place of its last row, and the next one begins right after it.

A cursor says nothing but a place; rows added meanwhile neither shift nor repeat a page.
"""

import base64
import binascii
from typing import TypeVar

import msgspec

from episode_monitor.storage.records import MAX_PAGE_ROWS

Key = TypeVar("Key", int, str)


FIRST_MS = -62_135_596_800_000  # 0001-01-01T00:00:00Z: no moment before it can be written
LAST_MS = 253_402_300_799_999  # 9999-12-31T23:59:59.999Z


class BadQuery(ValueError):
    """A limit or cursor nobody could have got from here. The message is meant for the one who asked."""


def encode(at_ms: int, key: int | str) -> str:
    """The cursor after the row at this place."""
    return base64.urlsafe_b64encode(msgspec.json.encode((at_ms, key))).decode().rstrip("=")


def decode(cursor: str | None, key_type: type[Key]) -> tuple[int, Key] | None:
    """The place of a cursor, None for the first page. Raises `BadQuery` for anything else."""
    if cursor is None:
        return None
    try:
        packed = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        at_ms, key = msgspec.json.decode(packed, type=tuple[int, key_type])  # type: ignore[valid-type]
    except (binascii.Error, ValueError) as error:
        raise _not_ours() from error
    place: tuple[int, Key] = (at_ms, key)
    if not FIRST_MS <= at_ms <= LAST_MS or (key_type is int and not 0 <= key < 2**63):
        raise _not_ours()
    return place


def checked_limit(limit: int) -> int:
    """The limit itself. Raises `BadQuery` outside 1 … 500."""
    if not 1 <= limit <= MAX_PAGE_ROWS:
        raise BadQuery(f"The limit {limit} is outside 1 … {MAX_PAGE_ROWS}.")
    return limit


def _not_ours() -> BadQuery:
    return BadQuery("The cursor is not one of this list: take next_cursor of the page before.")
