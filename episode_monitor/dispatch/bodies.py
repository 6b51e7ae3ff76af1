"""What the routes of silences take and give."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from episode_monitor.web.mutations import CheckBody
from episode_monitor.web.problems import invalid
from models.times import epoch_ms, rfc3339
from streams.dispatch.inputs import SetSilence
from streams.dispatch.records import SilenceRecord
from streams.dispatch.views import silence_state
from streams.routing.matcher import Matcher, MatcherError, MatchOperator, matcher

MAX_MATCHERS = 50
_MINUTE_MS = 60_000


class MatcherView(msgspec.Struct, frozen=True, kw_only=True):
    """One condition on one label, as Alertmanager has it: regexes match the whole value."""

    name: Annotated[str, Meta(min_length=1, max_length=200, description="The label, such as `severity`.")]
    value: Annotated[str, Meta(max_length=2000, description="The value, or the regex (RE2).")]
    operator: Annotated[MatchOperator, Meta(description="How they are compared.")] = MatchOperator.EQUAL


class PreviewBody(CheckBody, frozen=True, kw_only=True):
    """What a silence would match."""

    matchers: Annotated[list[MatcherView], Meta(min_length=1, max_length=MAX_MATCHERS, description="All must fit.")]

    def parsed(self) -> tuple[Matcher, ...]:
        """Raises Problem 422."""
        try:
            return tuple(matcher(each.name, each.operator, each.value) for each in self.matchers)
        except MatcherError as error:
            raise invalid("matchers", str(error)) from None


class SilenceBody(PreviewBody, frozen=True, kw_only=True):
    """Who silences what, until when: `minutes` from its start on, or `ends_at`."""

    by: Annotated[str, Meta(min_length=1, max_length=200, description="Your name, for the audit and the silence.")]
    comment: Annotated[str, Meta(max_length=2000, description="The reason.")] = ""
    starts_at: Annotated[datetime, Meta(tz=True, description="The start; default: now.")] | None = None
    ends_at: Annotated[datetime, Meta(tz=True, description="The end.")] | None = None
    minutes: Annotated[int, Meta(ge=1, le=527_040, description="The duration; a year at most.")] | None = None

    def act(self, silence_id: str, by: str, now_ms: int) -> SetSilence:
        """The act of the dispatcher. Raises Problem 422."""
        if (self.minutes is None) == (self.ends_at is None):
            raise invalid("minutes", "exactly one of minutes and ends_at must be given")
        start = now_ms if self.starts_at is None else epoch_ms(self.starts_at)
        end = start + self.minutes * _MINUTE_MS if self.minutes else epoch_ms(self.ends_at) if self.ends_at else 0
        return SetSilence(
            silence_id=silence_id, matchers=self.parsed(), starts_at_ms=start, ends_at_ms=end, by=by,
            comment=self.comment,
        )  # fmt: skip


class SilenceView(msgspec.Struct, frozen=True, kw_only=True):
    """A silence; `state` is `pending`, `active` or `expired`."""

    id: str
    state: str
    matchers: list[MatcherView]
    starts_at: str
    ends_at: str
    created_by: str
    comment: str
    updated_at: str


class SilenceList(msgspec.Struct, frozen=True, kw_only=True):
    """Silences, those that end first at the beginning. `next_cursor` is null on the last page."""

    silences: list[SilenceView]
    total: int
    next_cursor: str | None


class SilencePreview(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of the alerts that a silence would match now, and how many there are."""

    matches: list[str]
    total: int


def silence_view(record: SilenceRecord, now_ms: int) -> SilenceView:
    """As people see it at this time."""
    return SilenceView(
        id=record.silence_id, state=silence_state(record, now_ms),
        matchers=[MatcherView(name=one.name, value=one.value, operator=one.operator) for one in record.matchers],
        starts_at=rfc3339(record.starts_at_ms), ends_at=rfc3339(record.ends_at_ms), created_by=record.created_by,
        comment=record.comment, updated_at=rfc3339(record.updated_at_ms),
    )  # fmt: skip
