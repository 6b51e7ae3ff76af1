"""The section `time_intervals` of `alerting.yaml`, and what `oncall.yaml` writes in the same way."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

from episode_monitor.settings.validators import time_zone
from episode_monitor.settings.yaml_reading import Value
from streams.routing.notation import days_of_month, minute_of_day, months, weekdays, years
from streams.routing.time_interval import Range, TimeInterval

_RANGES: dict[str, Callable[[str], Range]] = {
    "weekdays": weekdays,
    "days_of_month": days_of_month,
    "months": months,
    "years": years,
}


def read_time_intervals(new: Value | None, old: Value | None) -> dict[str, tuple[TimeInterval, ...]]:
    """By name; `old` is `mute_time_intervals`, the name of the section before Alertmanager 0.24."""
    found: dict[str, tuple[TimeInterval, ...]] = {}
    for each in (*(new.items() if new else ()), *(old.items() if old else ())):
        parts = each.keys(("name", "time_intervals"))
        if not each.needs(parts, "name", "time_intervals"):
            continue
        name = parts["name"].name()
        if name in found:
            parts["name"].fault(f"is `{name}`, which another time interval has; rename one of them")
        listed = parts["time_intervals"].items(100)
        if not listed and parts["time_intervals"].node.value == []:
            parts["time_intervals"].fault("is empty, so it never holds; add an interval, or remove it")
        found[name] = tuple(_interval(one) for one in listed)
    return found


def _interval(value: Value) -> TimeInterval:
    found = value.keys((*_RANGES, "times", "location"))
    ranges = {key: ranges_of(found[key], read) for key, read in _RANGES.items() if key in found}
    return TimeInterval(
        **ranges,
        times=tuple(_times(each) for each in found["times"].items(100)) if "times" in found else (),
        location=zone_of(found["location"]) if "location" in found else "UTC",
    )


def ranges_of(value: Value, read: Callable[[str], Range]) -> tuple[Range, ...]:
    """A list of ranges; a list without one is a fault."""
    listed = value.items(100)
    if not listed:
        value.fault("has no entry; add one, or remove the key")
    return tuple(each.read(read, (1, 1)) for each in listed)


def _times(value: Value) -> Range:
    found = value.keys(("start_time", "end_time"))
    if not value.needs(found, "start_time", "end_time"):
        return (0, 1)
    start, end = (found[key].read(minute_of_day, 0) for key in ("start_time", "end_time"))
    if start >= end and not (start == end == 0):
        value.fault("must end after it starts; over midnight write two entries, until 24:00 and from 00:00")
    return start, end


def zone_of(value: Value) -> str:
    """An IANA name."""
    name = value.read(time_zone, "UTC")
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        return "UTC"
