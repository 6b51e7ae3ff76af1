"""The routes in force as the text of an Alertmanager file, which amtool reads. Receivers are names: what they send to
is secret."""

from typing import Any

import yaml

from streams.routing.alerting import Alerting
from streams.routing.notation import WEEKDAYS
from streams.routing.route import Route
from streams.routing.time_interval import Range, TimeInterval

_NEVER = "100y"  # amtool refuses a repetition interval of 0, which says the same here
_AT_ONCE = "1ms"  # and a group interval of 0

_UNITS = (("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def config_text(alerting: Alerting) -> str:
    """YAML with `route`, `inhibit_rules`, `time_intervals` and the names of `receivers`."""
    document = {
        "route": _route(alerting.root),
        "inhibit_rules": [rule.to_dict() for rule in alerting.inhibit_rules],
        "receivers": [{"name": name} for name in alerting.receivers],
        "time_intervals": [
            {"name": name, "time_intervals": [interval_of(each) for each in listed]}
            for name, listed in alerting.time_intervals.items()
        ],
    }
    text = yaml.safe_dump(
        {name: value for name, value in document.items() if value}, allow_unicode=True, sort_keys=False
    )
    return str(text)


def _route(route: Route) -> dict[str, Any]:
    found: dict[str, Any] = {
        "receiver": route.receiver,
        "group_by": ["..."] if route.group_by_all else list(route.group_by),
        "matchers": [str(each) for each in route.matchers],
        "mute_time_intervals": list(route.mute_time_intervals),
        "active_time_intervals": list(route.active_time_intervals),
        "continue": route.continues,
        "group_wait": duration_text(route.group_wait_ms) or "0s",
        "group_interval": duration_text(route.group_interval_ms) or _AT_ONCE,
        "repeat_interval": duration_text(route.repeat_interval_ms) or _NEVER,
        "routes": [_route(each) for each in route.routes],
    }
    return {name: value for name, value in found.items() if value not in ([], False)}


def duration_text(length_ms: int) -> str:
    """`4h`, `90s`, `500ms`: in the largest unit that fits; "" for 0."""
    unit, length = next((name, length) for name, length in _UNITS if length_ms % length == 0)
    return f"{length_ms // length}{unit}" if length_ms else ""


def interval_of(interval: TimeInterval) -> dict[str, Any]:
    """A time interval as the file has it."""
    found: dict[str, Any] = {
        "times": [{"start_time": _clock(start), "end_time": _clock(end)} for start, end in interval.times],
        "weekdays": [f"{WEEKDAYS[start]}:{WEEKDAYS[end]}" for start, end in interval.weekdays],
        "days_of_month": _ranges(interval.days_of_month),
        "months": _ranges(interval.months),
        "years": _ranges(interval.years),
        "location": interval.location,
    }
    return {name: value for name, value in found.items() if value}


def _ranges(ranges: tuple[Range, ...]) -> list[str]:
    return [f"{start}:{end}" for start, end in ranges]


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"
