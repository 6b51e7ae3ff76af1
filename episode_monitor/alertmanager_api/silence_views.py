"""Silences in Alertmanager's words, in its order, and what a posted one asks of the dispatcher."""

from collections.abc import Iterable

from episode_monitor.alertmanager_api.shapes import ApiSilenceStatus, GettableSilence, PostableSilence, api_matcher
from models.times import epoch_ms, rfc3339
from streams.dispatch.inputs import SetSilence
from streams.dispatch.records import SilenceRecord
from streams.dispatch.views import silence_state
from streams.routing.matcher import Matcher


def gettable(record: SilenceRecord, now_ms: int) -> GettableSilence:
    """A silence as it is at this time."""
    return GettableSilence(
        id=record.silence_id,
        status=ApiSilenceStatus(silence_state(record, now_ms)),
        matchers=[api_matcher(one) for one in record.matchers],
        starts_at=rfc3339(record.starts_at_ms),
        ends_at=rfc3339(record.ends_at_ms),
        updated_at=rfc3339(record.updated_at_ms),
        created_by=record.created_by,
        comment=record.comment,
    )


def listed(records: Iterable[SilenceRecord], wanted: tuple[Matcher, ...], now_ms: int) -> list[GettableSilence]:
    """Those that have all these matchers themselves: active ones that end first, pending ones that begin first, then
    those that expired last."""
    found = [record for record in records if all(one in record.matchers for one in wanted)]
    return [gettable(record, now_ms) for record in sorted(found, key=lambda record: _place(record, now_ms))]


def _place(record: SilenceRecord, now_ms: int) -> tuple[int, int]:
    match silence_state(record, now_ms):
        case "active":
            return 0, record.ends_at_ms
        case "pending":
            return 1, record.starts_at_ms
        case _:
            return 2, -record.ends_at_ms


def act_of(
    body: PostableSilence, before: SilenceRecord | None, by: str, now_ms: int, new_id: str
) -> SetSilence:  # fmt: skip
    """Create a silence, or change the one it was `before`. One that has expired is made anew, under `new_id`.

    Raises MatcherError.
    """
    matchers = tuple(one.parsed() for one in body.matchers)
    if before is None or silence_state(before, now_ms) == "expired":
        silence_id, starts_at_ms = new_id, max(now_ms, epoch_ms(body.starts_at))
    else:
        silence_id, starts_at_ms = before.silence_id, epoch_ms(body.starts_at)
    return SetSilence(
        silence_id=silence_id,
        matchers=matchers,
        starts_at_ms=starts_at_ms,
        ends_at_ms=epoch_ms(body.ends_at),
        by=by,
        comment=body.comment,
        time_intervals=before.time_intervals if before else (),  # the API has no word for them
    )
