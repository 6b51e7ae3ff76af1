"""On-call schedules as values: layers of rotations and overrides. `streams.routing.shifts` answers who is on call.

All hours are local to the schedule's time zone: a hand-over at 09:00 stays at 09:00 over every clock change.
"""

from datetime import datetime

import msgspec

DAY_MINUTES = 1440


class Hours(msgspec.Struct, frozen=True):
    """A restriction: on these weekdays (Monday 0 to Sunday 6), from a minute of the day to another.

    An end at or before the start is on the next day.
    """

    weekdays: tuple[int, ...]
    start_minute: int = 0
    end_minute: int = DAY_MINUTES


class Layer(msgspec.Struct, frozen=True, kw_only=True):
    """People who take turns. A turn without a person ("") is empty: the next layer has it.

    `start` is the local time of the first hand-over; every `turn_minutes` of local time the next person has the turn.
    Outside its `hours` (none: always) the layer is empty.
    """

    name: str
    people: tuple[str, ...]
    start: datetime  # naive: local
    turn_minutes: int
    end: datetime | None = None  # naive: local
    hours: tuple[Hours, ...] = ()


class Override(msgspec.Struct, frozen=True, kw_only=True):
    """A person who has the shift in place of all layers, from `since_ms` until `until_ms`, epoch milliseconds."""

    person: str
    since_ms: int
    until_ms: int
    comment: str = ""


class Schedule(msgspec.Struct, frozen=True, kw_only=True):
    """The first layer with a person has the shift. Of overlapping overrides the last one counts.

    Whoever is on call is notified through `receivers[person]`, or else through `receiver`.
    """

    name: str
    time_zone: str
    receiver: str
    layers: tuple[Layer, ...]
    overrides: tuple[Override, ...] = ()
    receivers: dict[str, str] = {}

    def receiver_of(self, person: str | None) -> str:
        """The receiver that pages a person; for nobody, that of the schedule."""
        return self.receivers.get(person or "", self.receiver)
