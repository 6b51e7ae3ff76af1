"""What happens to one alert: looks its move up in the table, and starts the move's effects."""

import msgspec

from models.alert import Alert, AlertStatus
from streams.dispatch import escalation, groups, reminders, silences
from streams.dispatch.outputs import RANK
from streams.dispatch.records import Acknowledgement, AlertRecord
from streams.dispatch.state import ALERT, GROUP, LiveAlert
from streams.dispatch.table import MOVES, REFUSALS, Effect, Event, Move, Status
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn, shown
from streams.routing.labels import labels_of


def take(turn: Turn, alert: Alert, origin: str = "") -> LiveAlert | None:
    """A transition of a core. `origin`: the partition that is behind, "" if none is."""
    live = turn.state.alerts.get(alert.alert_key)
    status = live.record.status if live else Status.ABSENT
    event = event_of(live.record if live else None, alert)
    move = MOVES.get((status, event))
    if move is None:
        return live
    if live is None:
        live = _create(turn, alert)
    if Effect.BEGIN in move.effects:
        _begin(turn, live, alert)
    record, was_labels = live.record, live.labels
    record.alert = alert
    live.labels = labels_of(alert)
    _wait_for(turn, live, origin)
    if live.labels != was_labels:
        relabel(turn, live)
    move_to(turn, live, move)
    if event in (Event.FIRES, Event.PENDS, Event.ENDS) or move.reason:
        turn.note(live, move.reason or alert.reason)
    start(turn, live, move)
    return live


def event_of(record: AlertRecord | None, alert: Alert) -> Event:
    """What a transition means for an alert as it is."""
    if alert.status is AlertStatus.RESOLVED:
        is_late = record is not None and record.alert.alert_id != alert.alert_id
        return Event.CONTINUES if is_late else Event.ENDS
    is_same = record is not None and record.alert.alert_id == alert.alert_id
    if alert.status is AlertStatus.PENDING:
        return Event.CONTINUES if is_same else Event.PENDS
    if record is None or not is_same or record.status is Status.PENDING:
        return Event.FIRES
    if RANK[alert.severity] > RANK[record.alert.severity]:
        return Event.WORSENS
    grows = alert.window_minutes is None and (alert.value or 0) > record.hushed_at
    return Event.GROWS if record.status is Status.HUSHED and grows else Event.CONTINUES


def _create(turn: Turn, alert: Alert) -> LiveAlert:
    live = LiveAlert(AlertRecord(alert, Status.ABSENT, turn.now_ms), labels_of(alert))
    turn.state.alerts[live.key] = live
    relabel(turn, live)
    return live


def relabel(turn: Turn, live: LiveAlert) -> None:
    """Its labels are new: silences, inhibition and routes are found again."""
    state = turn.state
    state.by_label.put(live.key, live.labels)
    freed = state.inhibition.stop(live.key)
    state.inhibition.put(live.key, live.labels)
    if live.fires and not live.record.origin:
        state.inhibition.fire(live.key)
    silences.match(state, live)
    groups.assign(turn, live)
    wake(turn, [state.alerts[key] for key in freed])


def _begin(turn: Turn, live: LiveAlert, alert: Alert) -> None:
    """A new firing: receivers that know of the one before are still to learn of its end, and of no more than that."""
    ended = _ended(turn, live)
    for group in list(turn.state.groups_of(live)):
        record = group.record
        if ended.alert_id != alert.alert_id and record.log.pop(live.key, None) is not None:
            record.ends.append(ended)
            turn.state.touch(GROUP, record.key)
            if not record.is_queued:
                due_ms = groups.news_due_ms(group, turn.now_ms)
                groups.set_due(turn.state, group, min(due_ms, record.due_ms or due_ms))
        if live.key in record.pinned or not group.members[live.key]:
            groups.remove(turn.state, group, live)
    own = live.record
    own.openings, own.level, own.hushed_at, own.escalation, own.notified_at_ms = 0, 0, 0, None, 0
    turn.state.timers.set(Timer.ESCALATION, live.key, 0)
    groups.assign(turn, live)


def _ended(turn: Turn, live: LiveAlert) -> Alert:
    alert = shown(turn.state, live)
    if alert.status is AlertStatus.RESOLVED:
        return alert
    return msgspec.structs.replace(
        alert, status=AlertStatus.RESOLVED, ends_at_ms=turn.now_ms, updated_at_ms=turn.now_ms, reason="fired_anew"
    )


def _wait_for(turn: Turn, live: LiveAlert, origin: str) -> None:
    """An alert waits for a partition that is behind only until it was notified of, or the partition has caught up."""
    record, waiting = live.record, turn.state.waiting
    if origin == record.origin or (origin and record.status in (Status.FIRING, Status.ACKNOWLEDGED)):
        return
    if record.origin:
        waiting[record.origin].pop(live.key, None)
    if origin:
        waiting.setdefault(origin, {})[live.key] = None
    record.origin = origin


def move_to(turn: Turn, live: LiveAlert, move: Move) -> None:
    """The next status, and what follows from being in it."""
    record, state = live.record, turn.state
    state.touch(ALERT, live.key)
    if record.status is not move.status:
        record.status, record.since_ms = move.status, turn.now_ms
    if move.status is not Status.ACKNOWLEDGED and record.acknowledgement is not None:
        record.acknowledgement = None
        state.timers.set(Timer.ACKNOWLEDGEMENT, live.key, 0)
    is_resolved = move.status is Status.RESOLVED
    record.drop_at_ms = turn.now_ms + turn.config.resolved_retention_ms if is_resolved else 0
    state.timers.set(Timer.DROP, live.key, record.drop_at_ms)
    if live.fires and not record.origin:
        state.inhibition.fire(live.key)
    else:
        wake(turn, [state.alerts[key] for key in state.inhibition.stop(live.key)])


def start(turn: Turn, live: LiveAlert, move: Move) -> None:
    """The effects of a move, in the order of `Effect`. `BEGIN` was before it, `STEP` is the timer's."""
    effects = move.effects
    if Effect.REOPEN in effects:
        live.record.openings += 1
    if Effect.STOP in effects:
        escalation.stop(turn, live)
    if Effect.ESCALATE in effects:
        escalation.begin(turn, live)
    if Effect.NOTIFY in effects:
        groups.has_news(turn, live)
    if Effect.REMIND in effects:
        reminders.acknowledgement_will_expire(turn, live)


def wake(turn: Turn, lives: list[LiveAlert]) -> None:
    """Something that may have kept these alerts back is over."""
    for live in lives:
        if live.record.status is Status.FIRING:
            groups.has_news(turn, live)
            escalation.release(turn, live)


def act(turn: Turn, alert_key: str, event: Event, by: str, comment: str, until_ms: int = 0) -> None:
    """An act of a person, or its refusal."""
    live = turn.state.alerts.get(alert_key)
    status = live.record.status if live else Status.ABSENT
    move = MOVES.get((status, event))
    if live is None or move is None:
        turn.refusal = REFUSALS[status, event]
        return
    if event is Event.RESOLVE:
        live.record.hushed_at = live.record.alert.value or 0
    move_to(turn, live, move)
    if event is Event.ACKNOWLEDGE:
        live.record.acknowledgement = Acknowledgement(by, comment, turn.now_ms, until_ms)
        live.record.is_reminded = False
        reminders.schedule(turn, live)
    turn.report(live, move.reason, by, comment)
    start(turn, live, move)
