"""`oncall.yaml`: escalation chains, and the schedules that say who is on call. Pure over the file's bytes."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from hashlib import sha256
from typing import TypeVar

from episode_monitor.settings.alerting_file import read_matchers
from episode_monitor.settings.time_section import ranges_of, zone_of
from episode_monitor.settings.yaml_reading import Value, many, read_file
from streams.routing.alerting import OnCall
from streams.routing.chain import Chain, Notify, OnlyIfFiring, Page, Step, Wait
from streams.routing.notation import local_date_time, minute_of_day, rotation_minutes, wait_ms, weekdays
from streams.routing.schedule import DAY_MINUTES, Hours, Layer, Schedule

MOST_REPEATS = 100
_ONLY_IF_FIRING = "only_if_firing"
_EVERY_DAY = tuple(range(7))
_FIRST = local_date_time("2000-01-01 00:00")  # stands in for one that is wrong
Named = TypeVar("Named", Chain, Schedule, Layer)


def parse_on_call(data: bytes, name: str, receivers: Collection[str] | None = None) -> OnCall:
    """The file's content; `name` begins each sentence. Raises FileError with all faults.

    `receivers` are those of `alerting.yaml`, to which chains and schedules must keep; None: they are not compared.
    """
    return read_file(data, name, partial(_file, version=sha256(data).hexdigest(), receivers=receivers))


class _Names:
    """What chains and schedules may name: receivers (None: any), schedules."""

    def __init__(self, receivers: Collection[str] | None) -> None:
        self.receivers = receivers
        self.schedules: Collection[str] = ()

    def receiver(self, value: Value) -> str:
        return _known(value, self.receivers, "receiver in the alerting file")

    def schedule(self, value: Value) -> str:
        return _known(value, self.schedules, "schedule")


def _known(value: Value, known: Collection[str] | None, what: str) -> str:
    name = value.name()
    if name and known is not None and name not in known:
        listed = f"one of {', '.join(known)}" if known else "its name after you have added it"
        value.fault(f"is `{name[:60]}`, but there is no such {what}; write {listed}")
    return name


def _file(root: Value, version: str, receivers: Collection[str] | None) -> OnCall:
    found, names = root.keys(("chains", "schedules")), _Names(receivers)
    schedules = _named(found.get("schedules"), partial(_schedule, names=names))
    names.schedules = [each.name for each in schedules]
    chains = _named(found.get("chains"), partial(_chain, names=names))
    return OnCall(chains=chains, schedules=schedules, version=version)


def _named(value: Value | None, reader: Callable[[Value], Named | None]) -> tuple[Named, ...]:
    """A list of things with names, each of which stands once."""
    found: dict[str, Named] = {}
    for each in value.items(100) if value else ():
        one = reader(each)
        if one is None:
            continue
        if one.name in found:
            each.fault(f"has the name `{one.name}`, which another one has; rename one of them")
        found[one.name] = one
    return tuple(found.values())


def _chain(value: Value, names: _Names) -> Chain | None:
    found = value.keys(("name", "matchers", "steps", "repeat"))
    if not value.needs(found, "name", "steps"):
        return None
    steps = tuple(step for each in found["steps"].items(50) if (step := _step(each, names)) is not None)
    chain = Chain(
        name=found["name"].name(),
        matchers=read_matchers(found.get("matchers")),
        steps=steps,
        repeat=found["repeat"].whole(0, MOST_REPEATS) if "repeat" in found else 0,
    )
    waits = any(isinstance(step, Wait) for step in steps)
    if not any(isinstance(step, Notify | Page) for step in steps):
        found["steps"].fault("notifies nobody; add a step `notify: RECEIVER` or `page: SCHEDULE`")
    elif chain.repeat and not waits:
        found["repeat"].fault("begins the chain again at once; add a step `wait: 10m`")
    elif not chain.repeat and isinstance(steps[-1], Wait | OnlyIfFiring):
        found["steps"].fault("ends with a step that nothing follows; remove that step, or set `repeat`")
    return chain


def _step(value: Value, names: _Names) -> Step | None:
    if value.is_text:
        if value.text() == _ONLY_IF_FIRING:
            return OnlyIfFiring()
        value.fault(f"is no step; write `wait: 5m`, `notify: RECEIVER`, `page: SCHEDULE` or `{_ONLY_IF_FIRING}`")
        return None
    found = value.keys(("wait", "notify", "page"))
    if len(found) != 1:
        value.fault("must be one step; write one of wait, notify and page in each entry")
        return None
    if "notify" in found:
        return Notify(names.receiver(found["notify"]))
    if "page" in found:
        return Page(names.schedule(found["page"]))
    return Wait(found["wait"].read(wait_ms, 0))


def _schedule(value: Value, names: _Names) -> Schedule | None:
    found = value.keys(("name", "time_zone", "receiver", "receivers", "layers"))
    if not value.needs(found, "name", "time_zone", "receiver", "layers"):
        return None
    layers = _named(found["layers"], _layer)
    if not found["layers"].items(100):
        found["layers"].fault("has no layer; add one")
    people = {person for layer in layers for person in layer.people if person}
    return Schedule(
        name=found["name"].name(),
        time_zone=zone_of(found["time_zone"]),
        receiver=names.receiver(found["receiver"]),
        layers=layers,
        receivers=_receivers(found["receivers"].pairs() if "receivers" in found else {}, people, names),
    )


def _receivers(found: Mapping[str, Value], people: Collection[str], names: _Names) -> dict[str, str]:
    for person, value in found.items():
        if person not in people:
            value.fault(f"is for `{person[:60]}`, who is in no layer; correct the name, or remove the key")
    return {person: names.receiver(value) for person, value in found.items()}


def _layer(value: Value) -> Layer | None:
    found = value.keys(("name", "people", "start", "rotation", "end", "hours"))
    if not value.needs(found, "name", "people", "start", "rotation"):
        return None
    people = tuple("" if each.is_null or not each.node.value else each.name() for each in found["people"].items(100))
    if not any(people):
        found["people"].fault("names nobody; write at least one person")
    start = found["start"].read(local_date_time, _FIRST)
    end = found["end"].read(local_date_time, None) if "end" in found else None
    if end is not None and end <= start:
        found["end"].fault("must be after `start`; correct one of them")
    return Layer(
        name=found["name"].name(),
        people=people or ("",),
        start=start,
        turn_minutes=found["rotation"].read(rotation_minutes, DAY_MINUTES),
        end=end,
        hours=many(found["hours"].items(50), _hours) if "hours" in found else (),
    )


def _hours(value: Value) -> Hours:
    found = value.keys(("weekdays", "start_time", "end_time"))
    days = ranges_of(found["weekdays"], weekdays) if "weekdays" in found else ()
    # Notation counts weekdays from Sunday, schedules from Monday.
    taken = tuple(sorted({(day - 1) % 7 for first, last in days for day in range(first, last + 1)}))
    start = found["start_time"].read(minute_of_day, 0) if "start_time" in found else 0
    end = found["end_time"].read(minute_of_day, 0) if "end_time" in found else DAY_MINUTES
    if start == DAY_MINUTES:
        found["start_time"].fault("is the end of the day; write 00:00")
        start = 0
    if start == end:
        value.fault("has the same `start_time` and `end_time`; for the whole day leave both out")
    return Hours(weekdays=taken or _EVERY_DAY, start_minute=start, end_minute=end)
