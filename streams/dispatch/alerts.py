"""What happens to one alert: looks its move up in the table, and starts the move's effects."""

from collections.abc import Collection, Iterable

import msgspec

from models.alert import ACTED_BY, COMMENT, FINDINGS_ROSE, Alert, AlertStatus
from streams.dispatch import escalation, groups, notices, silences
from streams.dispatch.inputs import Acknowledge, ActOnAlert, Transition
from streams.dispatch.outputs import RANK
from streams.dispatch.records import Acknowledgement, AlertRecord
from streams.dispatch.state import ALERT, FIRES, LiveAlert
from streams.dispatch.table import MOVES, REFUSALS, Effect, Event, Move, NotifyReason, Refusal, Status
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn, shown
from streams.routing.labels import labels_of


def take(turn: Turn, given: Transition) -> None:
    """A transition of a core."""
    alert, state = given.alert, turn.state
    live = state.alerts.get(alert.alert_key)
    event = event_of(live.record if live else None, alert)
    move = MOVES.get((live.record.status if live else Status.ABSENT, event))
    if move is None:
        return
    if live is None:
        live = state.alerts[alert.alert_key] = LiveAlert(AlertRecord(alert, Status.ABSENT, turn.now_ms))
    if Effect.BEGIN in move.effects:
        _begin(turn, live, alert)
    live.record.alert = alert
    waited = live.record.behind
    if not given.behind or not live.fires or Effect.BEGIN in move.effects:  # one that is news does not begin to wait
        state.hold(live, given.behind)
    if move.status in FIRES:
        _relabel(turn, live)
    _move(turn, live, move)
    _relabel(turn, live)  # only now for an end: it ends in the groups where it fired
    if event is not Event.CONTINUES:
        turn.note(live, move.reason or alert.reason)
    _start(turn, live, move)
    if waited and not live.record.behind:
        _arrive(turn, live)


def event_of(record: AlertRecord | None, alert: Alert) -> Event:
    """What a transition means for an alert as it is. A core that recovers emits again what it emitted before."""
    is_same = record is not None and record.alert.alert_id == alert.alert_id
    if record is not None and _is_before(alert, record.alert, is_same=is_same):
        return Event.IS_LATE
    match alert.status:
        case AlertStatus.RESOLVED:
            return Event.ENDS if is_same else Event.IS_LATE
        case AlertStatus.PENDING if record is not None and is_same:
            return Event.CONTINUES if record.status is Status.PENDING else Event.IS_LATE
        case AlertStatus.PENDING:
            return Event.PENDS
    if record is None or not is_same or record.status is Status.PENDING:
        return Event.FIRES
    if RANK[alert.severity] > RANK[record.alert.severity]:
        return Event.WORSENS
    grows = alert.reason == FINDINGS_ROSE and alert.updated_at_ms > record.hushed_at
    return Event.GROWS if record.status is Status.HUSHED and grows else Event.CONTINUES


def _is_before(alert: Alert, known: Alert, *, is_same: bool) -> bool:
    """Of an earlier firing, or of the same one from before it became as severe as it is known to be."""
    if not is_same:
        return alert.starts_at_ms < known.starts_at_ms
    is_milder = RANK[alert.severity] < RANK[known.severity]
    return is_milder and alert.status is AlertStatus.FIRING and alert.updated_at_ms < known.updated_at_ms


def _begin(turn: Turn, live: LiveAlert, alert: Alert) -> None:
    """A new firing: receivers that know of the one before are still to be notified of its end."""
    record = live.record
    if live.fires and record.alert.alert_id != alert.alert_id:
        ended = msgspec.structs.replace(
            shown(turn.state, live), status=AlertStatus.RESOLVED, ends_at_ms=turn.now_ms, reason="fired_anew"
        )
        groups.end(turn, live, ended)
    record.openings, record.level = 0, 0


def _relabel(turn: Turn, live: LiveAlert) -> None:
    """Its labels may be new: silences, inhibition and routes are found again."""
    labels, state = labels_of(live.record.alert), turn.state
    if labels == live.labels:
        return
    live.labels = labels
    state.by_label.put(live.key, labels)
    freed = state.inhibition.put(live.key, labels)
    silences.match(state, live)
    follow(turn, live)
    wake(turn, [live, *(state.alerts[key] for key in freed)])


def follow(turn: Turn, live: LiveAlert) -> None:
    """What follows from firing, or from not firing: groups, and whom it inhibits."""
    state = turn.state
    if live.fires:
        groups.enter(turn, live)
    if live.fires and not live.record.behind:
        state.inhibition.fire(live.key)
    else:
        wake(turn, [state.alerts[key] for key in state.inhibition.stop(live.key)])


def _move(turn: Turn, live: LiveAlert, move: Move) -> None:
    """The next status, and what follows from being in it."""
    record, state, fired = live.record, turn.state, live.fires
    state.touch(ALERT, live.key)
    if record.status is not move.status:
        record.status, record.since_ms = move.status, turn.now_ms
    if move.status is not Status.ACKNOWLEDGED and record.acknowledgement is not None:
        record.acknowledgement = None
        state.timers.set(Timer.ACKNOWLEDGEMENT, live.key, 0)
    is_resolved = move.status is Status.RESOLVED
    record.drop_at_ms = turn.now_ms + turn.config.resolved_retention_ms if is_resolved else 0
    state.timers.set(Timer.DROP, live.key, record.drop_at_ms)
    if fired and not live.fires:
        if Effect.BEGIN not in move.effects:
            groups.end(turn, live, shown(state, live))
        groups.leave(state, live)
    elif live.fires and not fired:
        mine = record.alert.alert_id  # fires again before its end was notified
        record.told = [msgspec.structs.replace(one, end=None) if one.alert_id == mine else one for one in record.told]
    follow(turn, live)


def _start(turn: Turn, live: LiveAlert, move: Move) -> None:
    """The effects of a move, in their order. `BEGIN` was before it, `STEP` is the timer's, `SAY` the act's."""
    effects = move.effects
    if Effect.REOPEN in effects:
        live.record.openings += 1
    if Effect.STOP in effects:
        escalation.stop(turn, live)
    if Effect.ESCALATE in effects:
        escalation.begin(turn, live)
    if Effect.LOOK in effects:
        groups.look(turn, live)
    if Effect.REMIND in effects:
        notices.acknowledgement_will_expire(turn, live)


def wake(turn: Turn, lives: Iterable[LiveAlert]) -> None:
    """Something that may have kept these alerts back is over."""
    for live in lives:
        if live.record.status is Status.FIRING:
            groups.look(turn, live)
            escalation.release(turn, live)


def caught_up(turn: Turn, origins: Collection[str]) -> None:
    """What fired while the partitions were behind, and fires still, is notified of."""
    state = turn.state
    lives = [live for key in sorted(state.held) if (live := state.alerts[key]).record.behind in origins]
    for live in lives:
        state.hold(live, "")
        state.touch(ALERT, live.key)
        follow(turn, live)  # before any of them is looked at: some inhibit others
    for live in lives:
        _arrive(turn, live)


def _arrive(turn: Turn, live: LiveAlert) -> None:
    if live.record.status is Status.FIRING:
        escalation.begin(turn, live)
        wake(turn, [live])


# --- acts of people and timers


def act(turn: Turn, event: Event, given: ActOnAlert) -> None:
    """An act of a person, or its refusal."""
    live = turn.state.alerts.get(given.alert_key)
    status = live.record.status if live else Status.ABSENT
    move = MOVES.get((status, event))
    until_ms = given.until_ms if isinstance(given, Acknowledge) else 0
    if live is None or move is None:
        turn.refusal = REFUSALS[status, event]
        return
    if 0 < until_ms <= turn.now_ms:
        turn.refusal = Refusal.EXPIRY_PASSED
        return
    if event is Event.RESOLVE:
        live.record.hushed_by, live.record.hushed_at = given.by, float(live.record.alert.updated_at_ms)
        live.record.alert = _resolved_by(live.record.alert, given)
    _move(turn, live, move)
    if event is Event.ACKNOWLEDGE:
        live.record.acknowledgement = Acknowledgement(given.by, given.comment, turn.now_ms, until_ms)
        schedule_acknowledgement(turn, live)
    turn.report(live, move.reason, given.by, given.comment)
    _start(turn, live, move)
    if Effect.SAY in move.effects:
        notices.acted(turn, live, NotifyReason(move.reason), given.by, given.comment)


def _resolved_by(alert: Alert, given: ActOnAlert) -> Alert:
    """With who resolved it and why, for receivers; the next transition of its core knows nothing of that."""
    said = {ACTED_BY: given.by} | ({COMMENT: given.comment} if given.comment else {})
    return msgspec.structs.replace(alert, annotations=alert.annotations | said)


def schedule_acknowledgement(turn: Turn, live: LiveAlert) -> None:
    """When an acknowledgement is to be reminded of, or expires."""
    taken, due_ms = live.record.acknowledgement, 0
    if taken is not None and taken.until_ms:
        before_ms = turn.config.reminder_ms
        is_reminder = not taken.is_reminded and taken.until_ms - taken.at_ms >= 2 * before_ms
        due_ms = taken.until_ms - before_ms if is_reminder else taken.until_ms
    turn.state.timers.set(Timer.ACKNOWLEDGEMENT, live.key, due_ms)


def acknowledgement_due(turn: Turn, live: LiveAlert) -> None:
    """Its reminder, or its end."""
    taken = live.record.acknowledgement
    if taken is None:
        return
    event = Event.ACKNOWLEDGEMENT_EXPIRES if taken.until_ms <= turn.now_ms else Event.REMINDER_DUE
    move = MOVES[live.record.status, event]
    if event is Event.REMINDER_DUE:
        live.record.acknowledgement = msgspec.structs.replace(taken, is_reminded=True)
        schedule_acknowledgement(turn, live)
        turn.note(live, move.reason)
    else:
        _move(turn, live, move)
        turn.report(live, move.reason)
    _start(turn, live, move)


def step_due(turn: Turn, live: LiveAlert) -> None:
    """A step of its escalation chain."""
    move = MOVES.get((live.record.status, Event.STEP_DUE))
    if move is not None and escalation.step(turn, live):
        turn.report(live, move.reason)


def drop_due(turn: Turn, live: LiveAlert) -> None:
    """It ended long ago. While a receiver is still to be notified of the end, it stays."""
    state = turn.state
    if live.record.told:
        live.record.drop_at_ms = turn.now_ms + turn.config.resolved_retention_ms
        state.timers.set(Timer.DROP, live.key, live.record.drop_at_ms)
    else:
        del state.alerts[live.key]
        state.held.discard(live.key)
        state.by_label.remove(live.key)
        state.inhibition.remove(live.key)
    state.touch(ALERT, live.key)


def wire(turn: Turn, live: LiveAlert) -> None:
    """Derive what is not stored. The groups that its record names are there."""
    state, record = turn.state, live.record
    live.labels, live.groups, live.silenced_by = labels_of(record.alert), set(), set()
    state.by_label.put(live.key, live.labels)
    state.inhibition.put(live.key, live.labels)
    for told in record.told:
        state.groups[told.group_key].knows.add(live.key)
    state.timers.set(Timer.DROP, live.key, record.drop_at_ms)
    state.timers.set(Timer.ESCALATION, live.key, record.escalation.due_ms if record.escalation else 0)
    state.hold(live, record.behind)
    schedule_acknowledgement(turn, live)
