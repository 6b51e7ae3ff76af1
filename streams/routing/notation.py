"""Durations, hours, days and ranges as Alertmanager's files write them. Errors say what would be right."""

import re
from datetime import datetime
from typing import Final

from streams.routing.time_interval import Range

_UNITS: Final = {
    "y": 365 * 86_400_000, "w": 7 * 86_400_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1,
}  # fmt: skip
_DURATION = re.compile("".join(rf"(?:([0-9]{{1,9}}){unit})?" for unit in _UNITS), re.ASCII)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])", re.ASCII)
_DATE_TIME = re.compile(r"(20[0-9]{2})-([0-9]{2})-([0-9]{2})[ T]([0-9]{2}):([0-9]{2})(?::00)?", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,9}", re.ASCII)
_ROTATIONS: Final = {"daily": _UNITS["d"], "weekly": _UNITS["w"]}
LONGEST_MS = 100 * _UNITS["y"]
WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
LAST_YEAR = 9999


def duration_ms(text: str) -> int:
    """`30s`, `5m`, `1h30m`, `1d`: units from the largest to the smallest, or 0. Raises ValueError."""
    if text == "0":
        return 0
    found = _DURATION.fullmatch(text)
    if not text or not found:
        raise ValueError("must be a duration such as 30s, 5m or 1h30m")
    length = sum(int(number) * unit for number, unit in zip(found.groups(), _UNITS.values(), strict=True) if number)
    if length > LONGEST_MS:
        raise ValueError("must be a duration of at most 100y")
    return length


def wait_ms(text: str) -> int:
    """A duration from `1s` to a year. Raises ValueError."""
    length = duration_ms(text)
    if not 1000 <= length <= 366 * _UNITS["d"]:
        raise ValueError("must be a duration from 1s to 366d")
    return length


def rotation_minutes(text: str) -> int:
    """`daily`, `weekly`, or a duration of whole minutes up to a year. Raises ValueError."""
    what = "must be daily, weekly, or a duration of whole minutes such as 12h, at most 366d"
    try:
        length = _ROTATIONS.get(text) or duration_ms(text)
    except ValueError:
        raise ValueError(what) from None
    if length % _UNITS["m"] or not 0 < length <= 366 * _UNITS["d"]:
        raise ValueError(what)
    return length // _UNITS["m"]


def minute_of_day(text: str) -> int:
    """`09:00`, up to `24:00`. Raises ValueError."""
    if text == "24:00":
        return 1440
    found = _CLOCK.fullmatch(text)
    if not found:
        raise ValueError("must be a time of the day such as 09:00 or 24:00")
    return int(found[1]) * 60 + int(found[2])


def weekdays(text: str) -> Range:
    """`monday` or `monday:friday`; Sunday is 0 and begins the week. Raises ValueError."""
    return _range(text, "weekday such as monday, or a range such as monday:friday", 0, 6, WEEKDAYS)


def months(text: str) -> Range:
    """`january`, `1` or `june:august`. Raises ValueError."""
    return _range(text, "month such as january or 1, or a range such as june:august", 1, 12, MONTHS)


def years(text: str) -> Range:
    """`2026` or `2026:2028`. Raises ValueError."""
    return _range(text, "year such as 2026, or a range such as 2026:2028", 1, LAST_YEAR)


def days_of_month(text: str) -> Range:
    """`1:5`, or `-3:-1` from the end of the month. Raises ValueError."""
    what = "day of the month from 1 to 31 or -1 to -31, or a range such as 1:5 or -3:-1"
    start, end = _ends(text, what, -31, 31, ())
    if 0 in (start, end):
        raise ValueError(f"must be a {what}")
    if start < 0 < end:
        raise ValueError("must end at a day from the end of the month, as it begins at one, such as -3:-1")
    if _in_short_month(start) > _in_short_month(end):
        raise ValueError("must not end before it begins")
    return start, end


def _in_short_month(day: int) -> int:
    return 28 + day if day < 0 else day


def _range(text: str, what: str, low: int, high: int, names: tuple[str, ...] = ()) -> Range:
    start, end = _ends(text, what, low, high, names)
    if start > end:
        raise ValueError("must not end before it begins; two ranges are two entries")
    return start, end


def _ends(text: str, what: str, low: int, high: int, names: tuple[str, ...]) -> Range:
    parts = text.lower().split(":")
    found = [_member(part, low, names) for part in parts]
    if len(found) > 2 or any(each is None or not low <= each <= high for each in found):
        raise ValueError(f"must be a {what}")
    return found[0] or 0, found[-1] or 0


def _member(text: str, low: int, names: tuple[str, ...]) -> int | None:
    """Weekdays have names only; months have numbers as well."""
    if text in names:
        return names.index(text) + low
    return int(text) if names is not WEEKDAYS and _NUMBER.fullmatch(text) else None


def local_date_time(text: str) -> datetime:
    """`2026-01-05 09:00`, naive. Raises ValueError."""
    found = _DATE_TIME.fullmatch(text)
    try:
        if found:
            return datetime(*map(int, found.groups()))  # type: ignore[arg-type]
    except ValueError:
        pass
    raise ValueError("must be a local date and time such as 2026-01-05 09:00, without an offset")
