"""What people ask about an alert: what happened, who is not notified and why, and what happens next."""

from typing import NamedTuple

import msgspec

from models.alert import Alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.flush import muted_until_ms
from streams.dispatch.groups import repeat_due_ms
from streams.dispatch.outputs import Explanation
from streams.dispatch.records import Escalation, SilenceRecord, TimelineEntry
from streams.dispatch.state import LiveAlert, LiveGroup, State
from streams.dispatch.table import Status, WhyNot
from streams.dispatch.turn import Mask, mask_of, shown
from streams.routing.chain import Notify, Page

INHIBITORS_MAX = 10


class Next(NamedTuple):
    """What is due, and when (epoch milliseconds)."""

    at_ms: int
    what: str


class Explained(NamedTuple):
    """An alert with everything that is known of its notifications."""

    alert: Alert
    status: Status
    timeline: list[TimelineEntry]
    next: list[Next]
    not_told: list[Explanation]
    silenced_by: list[str]
    inhibited_by: list[str]


class Seen(NamedTuple):
    """An alert as people see it in a list."""

    alert: Alert
    silenced_by: list[str]
    inhibited_by: list[str]


def seen(state: State, live: LiveAlert) -> Seen:
    """With the reason and the time of what happened last, be it an act of a person."""
    alert = shown(state, live)
    if live.record.timeline:
        last = live.record.timeline[-1]
        alert = msgspec.structs.replace(alert, reason=last.reason, updated_at_ms=max(alert.updated_at_ms, last.at_ms))
    inhibitors = sorted(set(state.inhibition.of(live.key)))[:INHIBITORS_MAX]
    return Seen(alert, sorted(live.silenced_by), inhibitors)


def explained(config: DispatchConfig, state: State, alert_key: str) -> Explained | None:
    """An alert by its key, at the time of the last input; None: it is unknown."""
    live = state.alerts.get(alert_key)
    if live is None:
        return None
    return Explained(
        alert=shown(state, live),
        status=live.record.status,
        timeline=live.record.timeline,
        next=next_of(state, live),
        not_told=not_notified(config, state, live, state.meta.clock_ms),
        silenced_by=sorted(live.silenced_by),
        inhibited_by=sorted(set(state.inhibition.of(alert_key)))[:INHIBITORS_MAX],
    )


def not_notified(config: DispatchConfig, state: State, live: LiveAlert, now_ms: int) -> list[Explanation]:
    """For each receiver that it concerns why there is no message of the alert now."""
    found = [(group, _why_not(config, state, live, group, now_ms)) for group in state.groups_of(live)]
    return [Explanation(live.key, group.record.receiver, now_ms, *why) for group, why in found if why is not None]


def _why_not(config: DispatchConfig, state: State, live: LiveAlert, group: LiveGroup, now_ms: int) -> Mask | None:
    record, taken = group.record, live.record.acknowledgement
    has_news = _has_news(live, group)
    if not config.reaches(record.receiver):
        return WhyNot.NO_RECEIVER, "", 0
    if not has_news and record.notified_at_ms == now_ms:
        return None  # notified just now
    if _waits_for_earlier_end(live, group):
        return WhyNot.EARLIER_END, "", record.due_ms
    if live.fires and (mask := mask_of(state, live)) is not None:
        return mask
    if taken is not None:
        return WhyNot.ACKNOWLEDGED, taken.by, taken.until_ms
    if not has_news:
        return WhyNot.NOTHING_NEW, "", repeat_due_ms(group)
    if muted_ms := muted_until_ms(config, group.route, now_ms):
        return WhyNot.MUTED, "", muted_ms
    limit, receiver = config.rate_limits.get(record.receiver), state.receivers.get(record.receiver)
    is_full = limit and receiver and receiver.next_ms - (limit.burst - 1) * limit.interval_ms == record.due_ms
    return WhyNot.RATE_LIMITED if is_full else WhyNot.GROUPED, "", record.due_ms


def _waits_for_earlier_end(live: LiveAlert, group: LiveGroup) -> bool:
    """Whether all that the group waits for is to notify its receiver of the end of a firing before this one."""
    return group.record.key not in live.groups and live.told(group) is None


def _has_news(live: LiveAlert, group: LiveGroup) -> bool:
    """Of its firing where it belongs to the group, of its end where the receiver only knows of it."""
    return live.is_news(group) if group.record.key in live.groups else not live.fires


def next_of(state: State, live: LiveAlert) -> list[Next]:
    """What happens to the alert if nobody does anything, in order."""
    record, found = live.record, []
    is_held = live.fires and (record.acknowledgement is not None or mask_of(state, live) is not None)
    for group in state.groups_of(live):
        is_earlier = _waits_for_earlier_end(live, group)
        if group.record.due_ms and (is_earlier or not is_held):
            what = "end of an earlier firing" if is_earlier else _message_text(live, group)
            found.append(Next(group.record.due_ms, f"{what} to {group.record.receiver}"))
    if record.escalation is not None and record.escalation.due_ms:
        found.append(Next(record.escalation.due_ms, _step_text(record.escalation)))
    if record.acknowledgement is not None and record.acknowledgement.until_ms:
        found.append(Next(record.acknowledgement.until_ms, "the acknowledgement expires"))
    for silence_id in live.silenced_by:
        found.append(Next(state.silences[silence_id].until_ms, f"silence {silence_id} expires"))
    if record.drop_at_ms:
        found.append(Next(record.drop_at_ms, "the alert is dropped"))
    return sorted(found)


def _message_text(live: LiveAlert, group: LiveGroup) -> str:
    return "notification" if _has_news(live, group) else "repetition"


def _step_text(escalation: Escalation) -> str:
    match escalation.chain.due()[escalation.step][1]:
        case Notify(receiver):
            return f"escalation to {receiver}"
        case Page(schedule):
            return f"escalation to who is on call in {schedule}"
        case _:
            return "the escalation chain goes on if the alert fires"


def silence_state(record: SilenceRecord, now_ms: int) -> str:
    """`pending`, `active` or `expired`; a recurring one is active between its times as well."""
    if now_ms >= record.ends_at_ms:
        return "expired"
    return "active" if now_ms >= record.starts_at_ms else "pending"
