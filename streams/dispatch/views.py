"""What people ask about an alert: what happened, who is not notified and why, and what happens next."""

from typing import NamedTuple

from models.alert import Alert
from streams.dispatch.config import DispatchConfig
from streams.dispatch.groups import repeat_due_ms
from streams.dispatch.masks import mask_of, muted_until_ms
from streams.dispatch.outputs import Explanation, WhyNot
from streams.dispatch.records import SilenceRecord, TimelineEntry
from streams.dispatch.state import LiveAlert, LiveGroup, State
from streams.dispatch.table import Status
from streams.dispatch.timers import Timer
from streams.dispatch.turn import shown
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


def explained(config: DispatchConfig, state: State, alert_key: str) -> Explained | None:
    """An alert by its key, at the time of the last input; None: it is unknown."""
    live = state.alerts.get(alert_key)
    if live is None:
        return None
    inhibitors = sorted(key for key, _ in zip(state.inhibition.of(alert_key), range(INHIBITORS_MAX), strict=False))
    return Explained(
        alert=shown(state, live),
        status=live.record.status,
        timeline=live.record.timeline,
        next=next_of(config, state, live),
        not_told=not_notified(config, state, live, state.meta.clock_ms),
        silenced_by=sorted(live.silenced_by),
        inhibited_by=inhibitors,
    )


def not_notified(config: DispatchConfig, state: State, live: LiveAlert, now_ms: int) -> list[Explanation]:
    """For each receiver on its routes why there is no message of the alert now."""
    if live.record.status is Status.PENDING:
        return []
    found = []
    for group in state.groups_of(live):
        why = _why_not(config, state, live, group, now_ms)
        if why is not None:
            found.append(Explanation(live.key, group.record.receiver, *why))
    return found


def _why_not(
    config: DispatchConfig, state: State, live: LiveAlert, group: LiveGroup, now_ms: int
) -> tuple[WhyNot, str, int] | None:
    record = group.record
    entry, taken = record.log.get(live.key), live.record.acknowledgement
    if not config.reaches(record.receiver):
        return WhyNot.NO_RECEIVER, "", 0
    if entry is not None and entry.at_ms == now_ms and not live.is_over and not live.is_news(entry):
        return None  # notified just now
    mask = None if live.is_over else mask_of(state, live)
    if mask is not None:
        return mask
    if taken is not None:
        return WhyNot.ACKNOWLEDGED, taken.by, taken.until_ms
    if record.is_queued:
        return WhyNot.RATE_LIMITED, "", state.timers.get(Timer.RECEIVER, record.receiver)
    if live.is_over or live.is_news(entry):
        muted_ms = muted_until_ms(config, group.route, now_ms)
        due = (WhyNot.MUTED, "", muted_ms) if muted_ms else (WhyNot.GROUPED, "", record.due_ms)
        return due if record.due_ms else None
    return WhyNot.NOTHING_NEW, "", repeat_due_ms(group)


def next_of(config: DispatchConfig, state: State, live: LiveAlert) -> list[Next]:
    """What happens to the alert if nobody does anything, in order."""
    record, found = live.record, []
    for group in state.groups_of(live):
        name = group.record.receiver
        if group.record.is_queued:
            found.append(Next(state.timers.get(Timer.RECEIVER, name), f"a digest to {name}"))
        elif group.record.due_ms:
            is_news = live.is_over or live.is_news(group.record.log.get(live.key))
            found.append(Next(group.record.due_ms, f"{'notification to' if is_news else 'repetition to'} {name}"))
    if record.escalation is not None and record.escalation.due_ms:
        found.append(Next(record.escalation.due_ms, _step_text(live)))
    if record.acknowledgement is not None and record.acknowledgement.until_ms:
        found.append(Next(record.acknowledgement.until_ms, "the acknowledgement expires"))
    for silence_id in live.silenced_by:
        found.append(Next(state.silences[silence_id].record.ends_at_ms, f"silence {silence_id} expires"))
    if record.drop_at_ms:
        found.append(Next(record.drop_at_ms, "the alert is dropped"))
    return sorted(found)


def _step_text(live: LiveAlert) -> str:
    escalation = live.record.escalation
    assert escalation is not None
    step = escalation.chain.due()[escalation.step][1]
    match step:
        case Notify():
            return f"escalation to {step.receiver}"
        case Page():
            return f"escalation to who is on call in {step.schedule}"
        case _:
            return "the escalation chain goes on if the alert fires"


def silence_state(record: SilenceRecord, now_ms: int) -> str:
    """`pending`, `active` or `expired`; a recurring one is active between its times as well."""
    if now_ms >= record.ends_at_ms:
        return "expired"
    return "active" if now_ms >= record.starts_at_ms else "pending"
