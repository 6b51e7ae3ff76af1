"""One call of `decide`: the configuration, the state, the time, and what has been decided so far."""

import msgspec

from models.alert import Alert, AlertStatus
from streams.dispatch.config import DispatchConfig
from streams.dispatch.outputs import Change, Explanation, Notification
from streams.dispatch.records import TimelineEntry
from streams.dispatch.state import ALERT, LiveAlert, State
from streams.dispatch.table import RESOLVED_BY_PERSON, Refusal, Status, WhyNot

Mask = tuple[WhyNot, str, int]  # why, by what, until when (epoch ms; 0: not known)


class Turn:
    """Collects the parts of a `Decision`. `now_ms` never goes back: what was due is decided at the time it was due."""

    __slots__ = ("changes", "config", "explanations", "notifications", "now_ms", "refusal", "state")

    def __init__(self, config: DispatchConfig, state: State, now_ms: int) -> None:
        self.config, self.state, self.now_ms = config, state, now_ms
        self.notifications: list[Notification] = []
        self.explanations: list[Explanation] = []
        self.changes: list[Change] = []
        self.refusal: Refusal | None = None

    def note(self, live: LiveAlert, reason: str, by: str = "", comment: str = "") -> None:
        """One more line in the timeline of an alert; of many the first and the newest are kept."""
        record = live.record
        record.timeline.append(TimelineEntry(self.now_ms, record.status.value, reason, by, comment))
        if len(record.timeline) > self.config.timeline_max:
            del record.timeline[1]
        self.state.touch(ALERT, live.key)

    def report(self, live: LiveAlert, reason: str, by: str = "", comment: str = "") -> None:
        """A line in the timeline, and a change for history."""
        self.note(live, reason, by, comment)
        alert = msgspec.structs.replace(shown(self.state, live), updated_at_ms=self.now_ms, reason=reason)
        self.changes.append(Change(alert, reason, self.now_ms, by, comment))

    def explain(self, alert_key: str, receiver: str, reason: WhyNot, by: str = "", until_ms: int = 0) -> None:
        """The receiver is not notified of the alert now."""
        self.explanations.append(Explanation(alert_key, receiver, self.now_ms, reason, by, until_ms))


def mask_of(state: State, live: LiveAlert) -> Mask | None:
    """What keeps a firing alert back from every receiver, the first of the reasons that hold; None: nothing."""
    if live.record.behind:
        return WhyNot.BEHIND, live.record.behind, 0
    if live.silenced_by:
        ends_ms, silence_id = max((state.silences[each].until_ms, each) for each in live.silenced_by)
        return WhyNot.SILENCED, silence_id, ends_ms
    inhibitor = min(state.inhibition.of(live.key), default=None)
    return None if inhibitor is None else (WhyNot.INHIBITED, inhibitor, 0)


def shown(state: State, live: LiveAlert) -> Alert:
    """The alert as people see it: with who has acknowledged it, what silences it, and how far it has escalated."""
    record = live.record
    ends = [state.silences[each].until_ms for each in live.silenced_by] if live.silenced_by else None
    acknowledgement = record.acknowledgement
    alert = msgspec.structs.replace(
        record.alert,
        acknowledged_by=acknowledgement.by if acknowledgement else None,
        silenced_until_ms=max(ends) if ends else None,
        escalation_level=record.level,
    )
    if record.status is not Status.HUSHED:
        return alert
    return msgspec.structs.replace(
        alert,
        status=AlertStatus.RESOLVED,
        ends_at_ms=record.since_ms,
        reason=RESOLVED_BY_PERSON,
        description=f"Resolved by {record.hushed_by}, not by the numbers, which may still be bad. {alert.description}",
    )
