"""Groups are due: what their receivers do not know yet, whether that is a message, and the message."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.alert import Alert, AlertStatus
from streams.dispatch import groups, rates
from streams.dispatch.config import DispatchConfig
from streams.dispatch.outputs import PARTS_MAX, SHOWN_MAX, Notification, named, notification_id, worst_of
from streams.dispatch.records import Call, Told
from streams.dispatch.state import ALERT, GROUP, LiveAlert, LiveGroup
from streams.dispatch.table import Look, NotifyReason, WhyNot, message_reason
from streams.dispatch.turn import Turn, mask_of, shown
from streams.routing.route import Route
from streams.routing.time_interval import changes_at, lies_in

_LOOK_AGAIN_MS = 86_400_000  # at muted times without an end in sight


class Survey(NamedTuple):
    """What a group holds for its receiver now."""

    firing: list[LiveAlert]  # shown in a message, if there is one
    news: list[LiveAlert]  # those of them that the receiver does not know of
    ended: list[tuple[LiveAlert, Told]]  # that it knows of
    repeatable: list[LiveAlert]  # that nobody has taken
    calls: list[Call]  # that waited for this message

    @property
    def keys(self) -> list[str]:
        """The alerts that a message would be about."""
        return [live.key for live in self.news] + [live.key for live, _ in self.ended]


class Part(NamedTuple):
    """A group, and why its receiver is notified now."""

    group: LiveGroup
    found: Survey
    reason: NotifyReason


def survey(turn: Turn, group: LiveGroup) -> Survey:
    """Look at all alerts of the group; explains what is kept back."""
    found = Survey([], [], [], [], [])
    for key in sorted(group.members):
        live = turn.state.alerts[key]
        is_news, mask = live.is_news(group), mask_of(turn.state, live)
        taken = live.record.acknowledgement
        if mask is None and taken is not None:
            mask = WhyNot.ACKNOWLEDGED, taken.by, taken.until_ms
            if live.told(group) is not None:
                found.firing.append(live)
        if mask is None:
            found.firing.append(live)
            found.repeatable.append(live)
            if is_news:
                found.news.append(live)
        elif is_news:
            turn.explain(key, group.record.receiver, *mask)
    for key in sorted(group.knows):
        live = turn.state.alerts[key]
        found.ended.extend((live, one) for one in live.record.told if one.end and one.group_key == group.record.key)
    if group.record.calls:
        news = {live.key for live in found.news}
        found.calls.extend(one for one in group.record.calls if one.alert_key in news or (news and not one.alert_key))
    return found


def flush(turn: Turn, keys: Iterable[str]) -> None:
    """The time of these groups has come: notify their receivers, or say why not, and set when to look again.

    Several groups of one receiver become one message if its rate is limited, or if they are many. Those of one
    that keeps incidents stay apart.
    """
    by_receiver: dict[str, list[Part]] = {}
    for key in sorted(keys):
        group = turn.state.groups.get(key)
        part = _part(turn, group) if group else None
        if part is not None:
            by_receiver.setdefault(part.group.record.receiver, []).append(part)
    bundles = [
        (receiver, bundle) for receiver, parts in sorted(by_receiver.items())
        for bundle in ([[part] for part in parts] if receiver in turn.config.apart else [parts])
    ]  # fmt: skip
    for receiver, parts in bundles:
        if free_ms := rates.take(turn, receiver):
            for part in parts:
                _put_off(turn, part.group, part.found, WhyNot.RATE_LIMITED, free_ms)
        elif len(parts) > 1 and (receiver in turn.config.rate_limits or len(parts) > turn.config.digest_over):
            _send(turn, parts, NotifyReason.DIGEST)
        else:
            for part in parts:
                _send(turn, [part], part.reason)


def _part(turn: Turn, group: LiveGroup) -> Part | None:
    record = group.record
    groups.set_due(turn.state, group, 0)
    if not record.first_look_ms:
        record.first_look_ms = turn.now_ms
        turn.state.touch(GROUP, record.key)
    found = survey(turn, group)
    reason = message_reason(_look(turn, group, found))
    if reason is None:
        _rest(turn, group, found)
    elif not turn.config.reaches(record.receiver):
        _put_off(turn, group, found, WhyNot.NO_RECEIVER, 0)
        _called(turn, group, found)
        _settle(turn, group, found)
    elif not found.calls and (muted_ms := muted_until_ms(turn.config, group.route, turn.now_ms)):
        _put_off(turn, group, found, WhyNot.MUTED, groups.interval_ms(group, muted_ms))
    else:
        return Part(group, found, reason)
    return None


def _look(turn: Turn, group: LiveGroup, found: Survey) -> Look:
    repeat_ms = groups.repeat_due_ms(group)
    return Look(
        has_step=bool(found.calls),
        knows=bool(group.knows),
        news=bool(found.news),
        is_reopened=all(live.record.openings for live in found.news),
        ended=bool(found.ended),
        fires=bool(found.firing),
        repeats=bool(found.repeatable) and 0 < repeat_ms <= turn.now_ms,
    )


def _put_off(turn: Turn, group: LiveGroup, found: Survey, why: WhyNot, until_ms: int) -> None:
    for key in found.keys:
        turn.explain(key, group.record.receiver, why, "", until_ms)
    groups.set_due(turn.state, group, until_ms)


def _send(turn: Turn, parts: list[Part], reason: NotifyReason) -> None:
    """One notification of one group, or a digest of several of one receiver; several where it wants all alerts."""
    record = parts[0].group.record
    sequence, labels = record.sequence, record.labels
    if len(parts) > 1:
        sequence, labels = rates.next_digest(turn, record.receiver), {}
    keys = tuple(part.group.record.key for part in parts)
    calls = [one for part in parts for one in part.found.calls]
    for alerts, firing, resolved in _chunks(turn, parts, wants_all=record.receiver in turn.config.in_parts):
        notification = Notification(
            notification_id=notification_id(record.receiver, keys, (named(*each) for each in alerts), sequence),
            receiver=record.receiver,
            reason=reason,
            group_keys=keys,
            group_labels=labels,
            alerts=tuple(alert for alert, _ in alerts),
            firing=firing,
            resolved=resolved,
            at_ms=turn.now_ms,
            mark=_joined(one.mark for one in calls),
            person=_joined(one.person for one in calls),
            note=_joined(one.note for one in calls),
        )
        turn.notifications.append(notification)
    for part in parts:
        _told(turn, part.group, part.found)
        _called(turn, part.group, part.found)
        _settle(turn, part.group, part.found)


def _chunks(
    turn: Turn, parts: list[Part], *, wants_all: bool
) -> Iterator[tuple[list[tuple[Alert, int]], int, int]]:  # fmt: skip
    """The alerts of each notification with their openings, and how many fire and have ended; the last one counts those
    that none has."""
    firing = {live.key: live for part in parts for live in part.found.firing}
    ended = {one.alert_id: one for part in parts for _, one in part.found.ended}
    alerts = _worst(turn, firing, ended, SHOWN_MAX * PARTS_MAX if wants_all else SHOWN_MAX)
    firing_left, ended_left = len(firing), len(ended)
    for start in range(0, len(alerts) - SHOWN_MAX, SHOWN_MAX):
        chunk = alerts[start : start + SHOWN_MAX]
        over = sum(alert.status is AlertStatus.RESOLVED for alert, _ in chunk)
        firing_left, ended_left = firing_left - (len(chunk) - over), ended_left - over
        yield chunk, len(chunk) - over, over
    yield alerts[max(0, len(alerts) - 1) // SHOWN_MAX * SHOWN_MAX :], firing_left, ended_left


def _joined(values: Iterable[str]) -> str:
    return " ".join(dict.fromkeys(value for value in values if value))


def _worst(turn: Turn, firing: dict[str, LiveAlert], ended: dict[str, Told], most: int) -> list[tuple[Alert, int]]:
    pairs = [(live.record.alert, live.record.openings) for live in firing.values()]
    pairs += [(one.end, one.openings) for one in ended.values() if one.end]
    return [
        (alert if alert.status is AlertStatus.RESOLVED else shown(turn.state, firing[alert.alert_key]), openings)
        for alert, openings in worst_of(pairs, most)
    ]


def _told(turn: Turn, group: LiveGroup, found: Survey) -> None:
    """The receiver is notified, and now knows of these firings; an incident of the group is opened for those that it
    knew from another."""
    record, state, news = group.record, turn.state, {live.key for live in found.news}
    for live in found.firing:
        before = live.told(group)
        if live.key not in news and not (before and before.is_inherited):
            continue
        if before is not None:
            live.record.told.remove(before)
        live.record.told.append(Told(record.key, live.record.alert.alert_id, live.record.openings, turn.now_ms))
        group.knows.add(live.key)
        state.touch(ALERT, live.key)
    record.sequence += 1
    record.notified_at_ms = turn.now_ms
    state.touch(GROUP, record.key)


def _called(turn: Turn, group: LiveGroup, found: Survey) -> None:
    """These steps of escalation wait no longer."""
    if found.calls:
        group.record.calls = [one for one in group.record.calls if one not in found.calls]
        turn.state.touch(GROUP, group.record.key)


def _settle(turn: Turn, group: LiveGroup, found: Survey) -> None:
    """What has ended is done with."""
    for live, one in found.ended:
        live.record.told.remove(one)
        turn.state.touch(ALERT, live.key)
        groups.forget(turn.state, group, live)
    _rest(turn, group, found)


def _rest(turn: Turn, group: LiveGroup, found: Survey) -> None:
    """After a look: the next one is the repetition of what the receiver knows."""
    record = group.record
    if record.key in turn.state.groups:
        is_due = found.repeatable and turn.config.reaches(record.receiver)
        groups.set_due(turn.state, group, groups.repeat_due_ms(group) if is_due else 0)
        groups.drop_if_empty(turn.state, group)


def wake(turn: Turn, group: LiveGroup) -> None:
    """Something may wait to be notified although the group is not due: its receiver, its route, or the rules that kept
    its alerts back, are new."""
    record = group.record
    if (record.due_ms and not record.calls) or not turn.config.reaches(record.receiver):
        return
    found = survey(turn, group)
    if found.calls:
        free_ms = rates.free_ms(turn, record.receiver)
        groups.set_due(turn.state, group, min(free_ms, record.due_ms or free_ms))
    elif not record.due_ms and (found.keys or (found.repeatable and groups.repeat_due_ms(group))):
        groups.set_due(turn.state, group, groups.next_look_ms(group, turn.now_ms))


def muted_until_ms(config: DispatchConfig, route: Route | None, now_ms: int) -> int:
    """When a route's receivers may be notified again; 0: now. Outside its active times a route is muted."""
    if route is None or not (route.mute_time_intervals or route.active_time_intervals):
        return 0
    known, at_ms = config.alerting.time_intervals, now_ms
    for _ in range(100):  # the end of one interval may lie in another
        is_muted = lies_in(route.mute_time_intervals, known, at_ms) is not None
        is_active = not route.active_time_intervals or lies_in(route.active_time_intervals, known, at_ms) is not None
        if is_active and not is_muted:
            return at_ms if at_ms > now_ms else 0
        names = (route.mute_time_intervals, route.active_time_intervals)
        ends = [end for each in names if each and (end := changes_at(each, known, at_ms)) is not None]
        if not ends:
            break
        at_ms = min(ends)
    return now_ms + _LOOK_AGAIN_MS
