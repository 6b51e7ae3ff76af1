"""Recurring times, with Alertmanager's meaning: routes are muted in them or active in them."""

import heapq
from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from streams.routing.local_time import clock_change, local_time, moment, offset_changes

Range = tuple[int, int]


class TimeInterval(msgspec.Struct, frozen=True, kw_only=True):
    """A moment lies in it if every field that is set has a range with it. Both ends belong to a range.

    `times` are minutes of the day; there the end does not belong to the range. Weekdays count from Sunday, 0. A day of
    the month below 0 counts from its end: -1 is the last.
    """

    times: tuple[Range, ...] = ()
    weekdays: tuple[Range, ...] = ()
    days_of_month: tuple[Range, ...] = ()
    months: tuple[Range, ...] = ()
    years: tuple[Range, ...] = ()
    location: str = "UTC"  # an IANA name

    def contains(self, at_ms: int) -> bool:
        """Whether epoch milliseconds `at_ms` lie in it."""
        local = local_time(at_ms, ZoneInfo(self.location))
        return (
            any(start <= local.hour * 60 + local.minute < end for start, end in self.times or _ALWAYS)
            and _in(local.isoweekday() % 7, self.weekdays)
            and _in(local.month, self.months)
            and _in(local.year, self.years)
            and (not self.days_of_month or any(_holds_day(each, local) for each in self.days_of_month))
        )


TimeIntervals = Mapping[str, tuple[TimeInterval, ...]]  # by name
_ALWAYS = ((0, 1440),)
LOOK_AHEAD_DAYS = 400


def _in(value: int, ranges: tuple[Range, ...]) -> bool:
    return not ranges or any(start <= value <= end for start, end in ranges)


def _holds_day(days: Range, local: datetime) -> bool:
    length = monthrange(local.year, local.month)[1]
    start, end = (day + length + 1 if day < 0 else day for day in days)
    return start <= length and start <= local.day <= min(end, length)


def lies_in(names: Iterable[str], intervals: TimeIntervals, at_ms: int) -> str | None:
    """The first of the named intervals that holds the moment."""
    for name in names:
        if any(each.contains(at_ms) for each in intervals[name]):
            return name
    return None


def changes_at(names: Iterable[str], intervals: TimeIntervals, at_ms: int) -> int | None:
    """When it next changes whether one of the named intervals holds the moment; None: not within `LOOK_AHEAD_DAYS`."""
    taken = [each for name in names for each in intervals[name]]
    now = any(each.contains(at_ms) for each in taken)
    edges = heapq.merge(*(_edges(each, at_ms) for each in taken))
    return next((edge for edge in edges if any(each.contains(edge) for each in taken) is not now), None)


def _edges(interval: TimeInterval, at_ms: int) -> Iterator[int]:
    """Moments after `at_ms` at which it may begin or end, in order."""
    zone = ZoneInfo(interval.location)
    minutes = {0, *(minute for times in interval.times for minute in times)}
    midnight = datetime.combine(local_time(at_ms, zone).date(), time())
    for _ in range(LOOK_AHEAD_DAYS):
        following = midnight + timedelta(days=1)
        edges = {moment(midnight + timedelta(minutes=minute), zone) for minute in minutes}
        start, end = moment(midnight, zone), moment(following, zone)
        if offset_changes(start, end, zone):
            edges |= {moment(midnight + timedelta(minutes=minute), zone, second=True) for minute in minutes}
            edges.add(clock_change(start, end, zone))
        yield from sorted(edge for edge in edges if edge > at_ms)
        midnight = following
