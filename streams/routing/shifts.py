"""Who is on call in a schedule: at every moment exactly one answer, and shifts follow each other without a gap.

Each layer and the overrides are constant over a stretch of time around a moment; where they meet is the answer.
"""

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import msgspec

from streams.routing.local_time import local_time, moment
from streams.routing.schedule import DAY_MINUTES, Hours, Layer, Override, Schedule

HORIZON_MS = 60 * 86_400_000  # how far the parts of one shift are put together; one that goes on has no known end
_NEVER, _ALWAYS = -(1 << 62), 1 << 62


class Shift(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch with one answer. `person` None: nobody. `since_ms` and `until_ms` None: not in sight.

    `source` is `override`, the name of a layer in `layer NAME`, or `nobody`; `empty_layers` says in sentences which
    layers before it had nobody, and why.
    """

    schedule: str
    person: str | None
    since_ms: int | None
    until_ms: int | None
    source: str
    empty_layers: tuple[str, ...] = ()


class _Stretch(msgspec.Struct, frozen=True):
    """`person` "": nobody. Constant from `since` until `until`. `name` tells one turn from another."""

    person: str
    since: int
    until: int
    name: tuple[str | int, ...]
    why_empty: str = ""
    empty: tuple[str, ...] = ()


def who(schedule: Schedule, at_ms: int) -> Shift:
    """The shift that holds a moment. `at_ms` is after 1970 and before 2200."""
    found = _answer(schedule, at_ms)
    return Shift(
        schedule=schedule.name,
        person=found.person or None,
        since_ms=_since(schedule, found, at_ms),
        until_ms=_until(schedule, found, at_ms),
        source=" ".join(str(part) for part in found.name[:2]) if found.name[0] == "layer" else str(found.name[0]),
        empty_layers=found.empty,
    )


def _since(schedule: Schedule, found: _Stretch, at_ms: int) -> int | None:
    since = found.since
    while at_ms - since < HORIZON_MS:
        before = _answer(schedule, since - 1)
        if before.name != found.name:
            return since
        since = before.since
    return None if since == _NEVER or _answer(schedule, since - 1).name == found.name else since


def _until(schedule: Schedule, found: _Stretch, at_ms: int) -> int | None:
    until = found.until
    while until - at_ms < HORIZON_MS:
        after = _answer(schedule, until)
        if after.name != found.name:
            return until
        until = after.until
    return None if until == _ALWAYS or _answer(schedule, until).name == found.name else until


def following(schedule: Schedule, shift: Shift) -> Shift | None:
    """The next shift; None where the end of this one is not in sight."""
    return None if shift.until_ms is None else who(schedule, shift.until_ms)


def shifts(schedule: Schedule, since_ms: int, until_ms: int) -> list[Shift]:
    """All shifts that touch the time from `since_ms` until `until_ms`, in order."""
    found = [who(schedule, since_ms)]
    while found[-1].until_ms is not None and found[-1].until_ms < until_ms:
        found.append(who(schedule, found[-1].until_ms))
    return found


def _answer(schedule: Schedule, at_ms: int) -> _Stretch:
    zone = ZoneInfo(schedule.time_zone)
    over = _overrides(schedule.overrides, at_ms)
    if over.person:
        return over
    since, until = over.since, over.until
    empty: list[str] = []
    for layer in schedule.layers:
        found = _layer(layer, zone, at_ms)
        since, until = max(since, found.since), min(until, found.until)
        if found.person:
            return _Stretch(found.person, since, until, found.name, empty=tuple(empty))
        empty.append(f"Layer {layer.name} is empty: {found.why_empty}.")
    return _Stretch("", since, until, ("nobody",), empty=tuple(empty))


def _overrides(overrides: tuple[Override, ...], at_ms: int) -> _Stretch:
    edges = [edge for each in overrides for edge in (each.since_ms, each.until_ms)]
    since, until = _around(edges, at_ms)
    for position in range(len(overrides) - 1, -1, -1):
        each = overrides[position]
        if each.since_ms <= at_ms < each.until_ms:
            return _Stretch(each.person, since, until, ("override", position))
    return _Stretch("", since, until, ("none",))


def _around(edges: Iterable[int], at_ms: int) -> tuple[int, int]:
    """The last edge up to the moment, and the first after it."""
    since, until = _NEVER, _ALWAYS
    for edge in edges:
        if edge <= at_ms:
            since = max(since, edge)
        else:
            until = min(until, edge)
    return since, until


def _layer(layer: Layer, zone: ZoneInfo, at_ms: int) -> _Stretch:
    name: tuple[str | int, ...] = ("layer", layer.name)
    start = moment(layer.start, zone)
    if at_ms < start:
        return _Stretch("", _NEVER, start, name, "it has not begun")
    end = _ALWAYS if layer.end is None else moment(layer.end, zone)
    if at_ms >= end:
        return _Stretch("", end, _ALWAYS, name, "it has ended")
    turn, since, until = _turn(layer, zone, at_ms)
    until = min(until, end)
    if layer.hours:
        opened, closed, is_open = _hours(layer.hours, zone, at_ms)
        since, until = max(since, opened), min(until, closed)
        if not is_open:
            return _Stretch("", since, until, name, "outside its hours")
    person = layer.people[turn % len(layer.people)]
    return _Stretch(person, since, until, (*name, turn), "its turn has no person")


def _turn(layer: Layer, zone: ZoneInfo, at_ms: int) -> tuple[int, int, int]:
    """The number of the turn that holds the moment, its beginning and its end."""
    length = timedelta(minutes=layer.turn_minutes)
    turn = (local_time(at_ms, zone) - layer.start) // length

    def begins(number: int) -> int:
        return moment(layer.start + number * length, zone)

    while begins(turn + 1) <= at_ms:  # of a local time that comes twice
        turn += 1
    while begins(turn) > at_ms:
        turn -= 1
    return turn, begins(turn), begins(turn + 1)


def _hours(hours: tuple[Hours, ...], zone: ZoneInfo, at_ms: int) -> tuple[int, int, bool]:
    """The stretch around the moment in which the hours do not change, and whether they hold it."""
    today = datetime.combine(local_time(at_ms, zone).date(), time())
    windows = [
        window
        for day in range(-8, 9)
        for each in hours
        if (window := _window(each, today + timedelta(days=day), zone)) is not None
    ]
    since, until = _around([edge for window in windows for edge in window], at_ms)
    return since, until, any(opened <= at_ms < closed for opened, closed in windows)


def _window(hours: Hours, midnight: datetime, zone: ZoneInfo) -> tuple[int, int] | None:
    """When it is open in the turn of a day; None on other weekdays."""
    if midnight.weekday() not in hours.weekdays:
        return None
    length = (hours.end_minute - hours.start_minute) % DAY_MINUTES or DAY_MINUTES
    opened = midnight + timedelta(minutes=hours.start_minute)
    return moment(opened, zone), moment(opened + timedelta(minutes=length), zone)
