"""Which records a replay takes: what was asked for, and the offsets that it comes to.

A position is an offset, an offset for each of some partitions, or a moment.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

import msgspec

from models.times import epoch_ms, plain_rfc3339

_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_RELATIVE: Final = re.compile(r"-([0-9]{1,9})([smhd])")
_EACH: Final = re.compile(r"[0-9]{1,9}:[0-9]{1,18}(?:,[0-9]{1,9}:[0-9]{1,18})*")
_OFFSET: Final = re.compile(r"[0-9]{1,18}")


class BadRange(Exception):
    """A range that cannot be read; the message is a sentence."""


class Moment(msgspec.Struct, frozen=True):
    """A time in epoch milliseconds."""

    at_ms: int


Position = int | Moment | dict[int, int]  # the last: partition -> offset


class Range(msgspec.Struct, frozen=True):
    """From `first` (None: the beginning) to before `end` (None: the end of now), in each partition read."""

    partition: int | None = None  # None: all
    first: Position | None = None
    end: Position | None = None


class Bounds(msgspec.Struct, frozen=True):
    """What is read of one partition: the records from offset `first` to before offset `end` (None: to its end)."""

    partition: int
    first: int
    end: int | None

    @property
    def is_cut(self) -> bool:
        """Whether records lie, or have lain, before it."""
        return self.first > 0


def position_of(text: str, option: str, now_ms: int) -> Position:
    """`1000`, `0:1000,1:250`, `2026-01-31T09:00:00Z`, or `-2h` before now. Raises BadRange, which names the option."""
    if _OFFSET.fullmatch(text):
        return int(text)
    if _EACH.fullmatch(text):
        return _each(text, option)
    if _RELATIVE.fullmatch(text):
        return Moment(time_ms(text, option, now_ms))
    return Moment(moment_ms(text, option, "an offset, offsets such as 0:100,1:250, a time such as -2h, or "))


def time_ms(text: str, option: str, now_ms: int) -> int:
    """Epoch milliseconds of `2026-01-31T09:00:00Z`, or of `-2h` before now. Raises BadRange, which names the option."""
    relative = _RELATIVE.fullmatch(text)
    if relative:
        return max(0, now_ms - int(relative[1]) * _UNITS_MS[relative[2]])
    return moment_ms(text, option, "a time before now, such as -2h, or ")


def offsets_of(text: str, option: str) -> int | dict[int, int]:
    """`1000` or `0:1000,1:250`. Raises BadRange, which names the option."""
    if _OFFSET.fullmatch(text):
        return int(text)
    if _EACH.fullmatch(text):
        return _each(text, option)
    raise BadRange(
        f"{option} {text} is neither an offset, such as 100, nor one for each partition, such as 0:100,1:250."
    )


def moment_ms(text: str, option: str, others: str = "") -> int:
    """Epoch milliseconds of a time with an offset. Raises BadRange; `others`: what the option takes besides."""
    try:
        moment = datetime.fromisoformat(plain_rfc3339(text))
        if moment.tzinfo is None:
            raise ValueError
        at_ms = epoch_ms(moment)
    except (ValueError, OverflowError):
        expected = f"{others}an RFC 3339 time with an offset, such as 2026-01-31T09:00:00Z"
        raise BadRange(f"{option} {text} is not {expected}.") from None
    if at_ms < 0:
        raise BadRange(f"{option} {text} lies before 1970; give a later time.")
    return at_ms


def _each(text: str, option: str) -> dict[int, int]:
    found: dict[int, int] = {}
    for part in text.split(","):
        number, offset = map(int, part.split(":"))
        if number in found:
            raise BadRange(f"{option} {text} names partition {number} twice; name it once.")
        found[number] = offset
    return found


def check_order(wanted: Range) -> None:
    """Raises BadRange where the range ends before it begins, as far as that shows without the topic."""
    first, end = wanted.first, wanted.end
    if isinstance(first, Moment) and isinstance(end, Moment):
        if first.at_ms > end.at_ms:
            raise BadRange("The range ends before it begins; exchange --from and --to.")
        return
    if isinstance(first, Moment) or isinstance(end, Moment) or first is None or end is None:
        return
    for number in sorted({*_named(first), *_named(end)} or {0}):
        begins, ends = at_partition(first, number), at_partition(end, number)
        if begins is not None and ends is not None and begins > ends:
            where = f"partition {number}" if isinstance(first, dict) or isinstance(end, dict) else "each partition"
            raise BadRange(f"The range of {where} ends at offset {ends}, before it begins at offset {begins}.")


def named_partitions(wanted: Range) -> set[int]:
    """Partitions that the range names, which must exist and be read."""
    return {*_named(wanted.first), *_named(wanted.end)}


def _named(position: Position | None) -> set[int]:
    return set(position) if isinstance(position, dict) else set()


def at_partition(position: Position | None, number: int) -> int | None:
    """The offset of a position in a partition; None where it names none. A moment must be looked up."""
    if isinstance(position, dict):
        return position.get(number)
    return position if isinstance(position, int) else None
