"""Values of `streams.routing` as the text of the files that say the same."""

from typing import Any

import yaml

from streams.routing.alerting import OnCall
from streams.routing.chain import Chain, Notify, Page, Step, Wait
from streams.routing.inhibit_rule import InhibitRule
from streams.routing.route import Node
from streams.routing.schedule import DAY_MINUTES, Hours, Layer, Schedule
from streams.routing.time_interval import Range, TimeInterval

WEEKDAYS = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")


def alerting_text(
    root: Node,
    receivers: tuple[str, ...],
    rules: tuple[InhibitRule, ...],
    intervals: dict[str, tuple[TimeInterval, ...]],
) -> str:
    """`alerting.yaml`."""
    return _dumped(
        {
            "route": _route(root),
            "receivers": [{"name": name} for name in receivers],
            "inhibit_rules": [rule.to_dict() for rule in rules],
            "time_intervals": [
                {"name": name, "time_intervals": [_interval(each) for each in listed]}
                for name, listed in intervals.items()
            ],
        }
    )


def on_call_text(on_call: OnCall) -> str:
    """`oncall.yaml`."""
    return _dumped(
        {
            "chains": [_chain(each) for each in on_call.chains],
            "schedules": [_schedule(each) for each in on_call.schedules],
        }
    )


def _dumped(value: object) -> str:
    return str(yaml.safe_dump(value, allow_unicode=True, sort_keys=False))


def _set(**values: Any) -> dict[str, Any]:
    """Those that are set."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()
            if value not in (None, (), False)}  # fmt: skip


def _route(node: Node) -> dict[str, Any]:
    return _set(
        receiver=node.receiver,
        group_by=node.group_by,
        group_wait=_duration(node.group_wait_ms),
        group_interval=_duration(node.group_interval_ms),
        repeat_interval=_duration(node.repeat_interval_ms),
        matchers=tuple(str(each) for each in node.matchers),
        mute_time_intervals=node.mute_time_intervals,
        active_time_intervals=node.active_time_intervals,
        routes=tuple(_route(each) for each in node.routes),
        **{"continue": node.continues},
    )


def _duration(length_ms: int | None) -> str | None:
    return None if length_ms is None else f"{length_ms // 1000}s{length_ms % 1000}ms"


def _interval(interval: TimeInterval) -> dict[str, Any]:
    return _set(
        times=tuple({"start_time": _clock(start), "end_time": _clock(end)} for start, end in interval.times),
        weekdays=tuple(f"{WEEKDAYS[start]}:{WEEKDAYS[end]}" for start, end in interval.weekdays),
        days_of_month=_ranges(interval.days_of_month),
        months=_ranges(interval.months),
        years=_ranges(interval.years),
        location=interval.location,
    )


def _ranges(ranges: tuple[Range, ...]) -> tuple[str, ...]:
    return tuple(f"{start}:{end}" for start, end in ranges)


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _chain(chain: Chain) -> dict[str, Any]:
    return {
        "name": chain.name,
        "matchers": [str(each) for each in chain.matchers],
        "steps": [_step(each) for each in chain.steps],
        "repeat": chain.repeat,
    }


def _step(step: Step) -> Any:
    match step:
        case Notify():
            return {"notify": step.receiver}
        case Page():
            return {"page": step.schedule}
        case Wait():
            return {"wait": _duration(step.wait_ms)}
        case _:
            return "only_if_firing"


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "time_zone": schedule.time_zone,
        "receiver": schedule.receiver,
        "receivers": schedule.receivers,
        "layers": [_layer(each) for each in schedule.layers],
    }


def _layer(layer: Layer) -> dict[str, Any]:
    return {
        "name": layer.name,
        "people": list(layer.people),
        "start": f"{layer.start:%Y-%m-%d %H:%M}",
        "rotation": f"{layer.turn_minutes}m",
        "hours": [_hours(each) for each in layer.hours],
        **({"end": f"{layer.end:%Y-%m-%d %H:%M}"} if layer.end else {}),
    }


def _hours(hours: Hours) -> dict[str, Any]:
    whole_day = (hours.start_minute, hours.end_minute) == (0, DAY_MINUTES)
    times = {} if whole_day else {"start_time": _clock(hours.start_minute), "end_time": _clock(hours.end_minute)}
    return {"weekdays": [WEEKDAYS[(day + 1) % 7] for day in hours.weekdays], **times}
