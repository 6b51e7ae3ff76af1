"""What the routes of on-call take and give."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from episode_monitor.web.mutations import CheckBody
from episode_monitor.web.problems import invalid
from models.times import epoch_ms, rfc3339
from streams.dispatch.inputs import SetOverride
from streams.dispatch.records import OverrideRecord
from streams.routing.schedule import Schedule
from streams.routing.shifts import Shift, following, who

_MINUTE_MS = 60_000


class NextShift(msgspec.Struct, frozen=True, kw_only=True):
    """The shift that follows. `person` is null for nobody, `until` where its end is not in sight (60 days)."""

    person: str | None
    since: str | None
    until: str | None


class ShiftView(msgspec.Struct, frozen=True, kw_only=True):
    """Who is on call in a schedule. `source`: `override`, `layer NAME` or `nobody`; `empty_layers`: a sentence for each
    layer before it that has nobody; `receiver` is paged."""

    schedule: str
    person: str | None
    since: str | None
    until: str | None
    next: NextShift | None
    source: str
    receiver: str
    empty_layers: list[str]


class OnCallNow(msgspec.Struct, frozen=True, kw_only=True):
    """Every schedule at one moment."""

    at: str
    schedules: list[ShiftView]


class OverrideView(msgspec.Struct, frozen=True, kw_only=True):
    """Who has a shift in place of the layers."""

    id: str
    schedule: str
    person: str
    since: str
    until: str
    by: str
    comment: str
    at: str  # when it was made


class OverrideList(msgspec.Struct, frozen=True, kw_only=True):
    """Overrides, those that begin first at the beginning; past ones are kept for five days."""

    overrides: list[OverrideView]
    total: int


class OverrideBody(CheckBody, frozen=True, kw_only=True):
    """Who takes a shift of which schedule: `minutes` from its start on, or `until`."""

    by: Annotated[str, Meta(min_length=1, max_length=200, description="Your name, for the audit and the override.")]
    schedule: Annotated[str, Meta(min_length=1, max_length=200, description="A schedule of the on-call file.")]
    person: Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S", description="Who is on call.")]
    since: Annotated[datetime, Meta(tz=True, description="The start; default: now.")] | None = None
    until: Annotated[datetime, Meta(tz=True, description="The end.")] | None = None
    minutes: Annotated[int, Meta(ge=1, le=527_040, description="The duration; a year at most.")] | None = None
    comment: Annotated[str, Meta(max_length=2000, description="The reason.")] = ""

    def act(self, override_id: str, now_ms: int) -> SetOverride:
        """The act of the dispatcher. Raises Problem 422."""
        if (self.minutes is None) == (self.until is None):
            raise invalid("minutes", "exactly one of minutes and until must be given")
        since = now_ms if self.since is None else epoch_ms(self.since)
        until = since + self.minutes * _MINUTE_MS if self.minutes else epoch_ms(self.until) if self.until else 0
        return SetOverride(
            override_id=override_id, schedule=self.schedule, person=self.person, since_ms=since, until_ms=until,
            by=self.by, comment=self.comment,
        )  # fmt: skip


def shift_view(schedule: Schedule, at_ms: int) -> ShiftView:
    """`schedule` with the overrides that people have made."""
    shift = who(schedule, at_ms)
    after = following(schedule, shift)
    return ShiftView(
        schedule=schedule.name, person=shift.person, since=_moment(shift.since_ms), until=_moment(shift.until_ms),
        next=None if after is None else _next(after), source=shift.source,
        receiver=schedule.receiver_of(shift.person), empty_layers=list(shift.empty_layers),
    )  # fmt: skip


def _next(shift: Shift) -> NextShift:
    return NextShift(person=shift.person, since=_moment(shift.since_ms), until=_moment(shift.until_ms))


def _moment(at_ms: int | None) -> str | None:
    return None if at_ms is None else rfc3339(at_ms)


def override_view(record: OverrideRecord) -> OverrideView:
    """As people see it."""
    return OverrideView(
        id=record.override_id, schedule=record.schedule, person=record.person, since=rfc3339(record.since_ms),
        until=rfc3339(record.until_ms), by=record.by, comment=record.comment, at=rfc3339(record.at_ms),
    )  # fmt: skip
