"""A group is due: what its receiver does not know yet, whether that is a message, and the message."""

from typing import NamedTuple

from models.alert import Alert, AlertStatus
from streams.dispatch import groups, rates
from streams.dispatch.masks import mask_of, muted_until_ms
from streams.dispatch.outputs import (
    SHOWN_MAX,
    Explanation,
    Notification,
    NotifyReason,
    WhyNot,
    notification_id,
    ordered,
)
from streams.dispatch.records import LogEntry
from streams.dispatch.state import ALERT, GROUP, LiveAlert, LiveGroup
from streams.dispatch.turn import Turn, part, shown


class Survey(NamedTuple):
    """What a group holds for its receiver now."""

    firing: list[LiveAlert]  # shown in a message, if there is one
    news: list[LiveAlert]  # those of them that the receiver does not know of
    resolved: list[LiveAlert]  # whose firing it knows of
    ends: list[Alert]  # of firings that newer ones have replaced
    is_repeatable: bool  # it knows of a firing that nobody has taken
    kept_back: list[Explanation]

    @property
    def is_worth_a_message(self) -> bool:
        """Apart from repetition."""
        return bool(self.news or self.resolved or self.ends)


def survey(turn: Turn, group: LiveGroup) -> Survey:
    """Look at all members. Those that ended without the receiver knowing of them leave."""
    found = Survey([], [], [], group.record.ends, False, [])
    is_repeatable = False
    for key in sorted(group.members):
        live, entry = turn.state.alerts[key], group.record.log.get(key)
        if live.is_over:
            if entry is not None:
                found.resolved.append(live)
            else:
                groups.remove(turn.state, group, live)
        elif live.fires and group.members[key]:
            is_repeatable |= _sort_in(turn, group, live, entry, found)
    return found._replace(is_repeatable=is_repeatable)


def _sort_in(turn: Turn, group: LiveGroup, live: LiveAlert, entry: LogEntry | None, found: Survey) -> bool:
    """Whether it is worth a repetition."""
    is_news, receiver = live.is_news(entry) or group.record.is_forced, group.record.receiver
    mask = mask_of(turn.state, live)
    if mask is not None:
        if is_news:
            found.kept_back.append(Explanation(live.key, receiver, *mask))
        return False
    acknowledgement = live.record.acknowledgement
    if acknowledgement is not None and is_news:
        kept = Explanation(live.key, receiver, WhyNot.ACKNOWLEDGED, acknowledgement.by, acknowledgement.until_ms)
        found.kept_back.append(kept)
        if entry is None:
            return False
    found.firing.append(live)
    if is_news and acknowledgement is None:
        found.news.append(live)
    return acknowledgement is None


def flush(turn: Turn, group: LiveGroup) -> None:
    """A group's time has come: notify its receiver, or say why not, and set when to look again."""
    if group.record.key not in turn.state.groups:
        return
    groups.set_due(turn.state, group, 0)
    found = survey(turn, group)
    turn.explanations += found.kept_back
    reason = reason_to_send(turn, group, found)
    if reason is None:
        return
    if free_ms := rates.take(turn, group.record.receiver):
        _explain(turn, group, found, WhyNot.RATE_LIMITED, free_ms)
        rates.queue(turn, group, free_ms)
    else:
        send(turn, [(group, found)], reason)


def reason_to_send(turn: Turn, group: LiveGroup, found: Survey) -> NotifyReason | None:
    """Why there is a message now; None: there is none, and it is set when to look again."""
    reason = reason_of(turn, group, found)
    muted_ms = muted_until_ms(turn.config, group.route, turn.now_ms)
    if reason is None:
        _set_forced(turn, group, to=False)
        rest(turn, group, found)
    elif not turn.config.reaches(group.record.receiver):
        _explain(turn, group, found, WhyNot.NO_RECEIVER, 0)
        _let_go(turn, group, found)
    elif muted_ms:
        _explain(turn, group, found, WhyNot.MUTED, muted_ms)
        groups.set_due(turn.state, group, muted_ms)
    else:
        return reason
    return None


def reason_of(turn: Turn, group: LiveGroup, found: Survey) -> NotifyReason | None:
    """Why there is a message; None: there is none."""
    record = group.record
    if found.news:
        if record.reason:
            return NotifyReason(record.reason) if record.is_forced or not record.log else NotifyReason.REOPENED
        if not record.log and not found.ends:
            return NotifyReason.FIRST_NOTIFICATION
        known = [live.key in record.log for live in found.news]
        return NotifyReason.REOPENED if all(known) else NotifyReason.NEW_ALERTS
    if found.resolved or found.ends:
        return NotifyReason.NEW_RESOLVED if found.firing else NotifyReason.ALL_RESOLVED
    repeat_ms = groups.repeat_due_ms(group)
    is_due = found.is_repeatable and repeat_ms and repeat_ms <= turn.now_ms
    return NotifyReason.REPEAT_INTERVAL_ELAPSED if is_due else None


def _explain(turn: Turn, group: LiveGroup, found: Survey, why: WhyNot, until_ms: int) -> None:
    receiver = group.record.receiver
    keys = [live.key for live in (*found.news, *found.resolved)] + [alert.alert_key for alert in found.ends]
    turn.explanations += [Explanation(key, receiver, why, "", until_ms) for key in keys]


def _let_go(turn: Turn, group: LiveGroup, found: Survey) -> None:
    for live in found.resolved:
        groups.remove(turn.state, group, live)
    group.record.ends = []
    _set_forced(turn, group, to=False)
    rest(turn, group, found)


def rest(turn: Turn, group: LiveGroup, found: Survey) -> None:
    """After a look: the next one is the repetition of what the receiver knows."""
    due_ms = groups.repeat_due_ms(group) if found.is_repeatable else 0
    groups.set_due(turn.state, group, due_ms)
    groups.drop_if_empty(turn.state, group)


def send(turn: Turn, parts: list[tuple[LiveGroup, Survey]], reason: NotifyReason) -> None:
    """One notification of one group, or a digest of several of one receiver."""
    record = parts[0][0].record
    if len(parts) == 1:
        sequence, labels = record.sequence, record.labels
    else:
        sequence, labels = rates.next_digest(turn, record.receiver), {}
    lives = [live for _, found in parts for live in (*found.firing, *found.resolved)]
    alerts = {(alert.alert_id, alert.status): alert for live in lives for alert in [shown(turn.state, live)]}
    openings = {live.record.alert.alert_id: live.record.openings for live in lives}
    alerts |= {(end.alert_id, end.status): end for _, found in parts for end in found.ends}
    firing = sum(alert.status is not AlertStatus.RESOLVED for alert in alerts.values())
    keys = tuple(group.record.key for group, _ in parts)
    names = [part(alert, openings.get(alert.alert_id, 0)) for alert in alerts.values()]
    turn.notifications.append(
        Notification(
            notification_id=notification_id(record.receiver, keys, names, sequence),
            receiver=record.receiver,
            reason=reason,
            group_keys=keys,
            group_labels=labels,
            alerts=tuple(ordered(list(alerts.values()))[:SHOWN_MAX]),
            firing=firing,
            resolved=len(alerts) - firing,
            at_ms=turn.now_ms,
            mark=record.mark,
            person=record.person,
        )
    )
    for group, found in parts:
        settle(turn, group, found)


def settle(turn: Turn, group: LiveGroup, found: Survey) -> None:
    """The receiver is notified: write the log, let what has ended go, and set when to look again."""
    record = group.record
    for live in found.firing:
        record.log[live.key] = LogEntry(live.record.alert.alert_id, live.record.openings, turn.now_ms)
    for live in (*found.firing, *found.resolved):
        live.record.notified_at_ms = turn.now_ms
        turn.state.touch(ALERT, live.key)
    for live in found.resolved:
        groups.remove(turn.state, group, live)
    record.ends = []
    record.sequence += 1
    record.notified_at_ms = turn.now_ms
    _set_forced(turn, group, to=False)
    turn.state.touch(GROUP, record.key)
    rest(turn, group, found)


def _set_forced(turn: Turn, group: LiveGroup, *, to: bool) -> None:
    if group.record.is_forced is not to:
        group.record.is_forced = to
        turn.state.touch(GROUP, group.record.key)
