"""The dispatcher: one input, a state, a configuration and the time give notifications, and reasons for all the others.

Pure: the caller notifies, waits, stores what has changed, waits, and only then commits. An input that is repeated after
a crash, at the time it was given before, leads to the same notifications with the same ids.
"""

from streams.dispatch import alerts, deliveries, digests, flush, groups, reminders, silences
from streams.dispatch import escalation as escalations
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inputs import (
    Acknowledge,
    AnyInput,
    CaughtUp,
    ExpireSilence,
    Outcome,
    Position,
    RemoveOverride,
    Resolve,
    SetOverride,
    SetSilence,
    Tick,
    Transition,
    Unacknowledge,
)
from streams.dispatch.outputs import Decision
from streams.dispatch.records import OverrideRecord
from streams.dispatch.state import ALERT, META, OVERRIDE, SILENCE, State
from streams.dispatch.table import MOVES, Event, Refusal, Status
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.dispatch.views import not_notified
from streams.dispatch.wiring import wire

_HOUR_MS = 3_600_000


def decide(config: DispatchConfig, state: State, given: AnyInput, now_ms: int) -> Decision:
    """Apply one input at wall-clock time `now_ms`; changes `state` in place.

    What has become due by then is decided first. An input at or below its source's applied position is skipped. After
    another `config` than before (compared by identity) alerts are put into their groups anew.
    """
    if state.config is not config:
        wire(Turn(config, state, state.meta.clock_ms or now_ms))
    if _was_applied(state, given.position):
        return Decision([], [], state.timers.next_ms(), [], skipped=True)
    turn = Turn(config, state, max(now_ms, state.meta.clock_ms))
    state.meta.clock_ms = turn.now_ms
    if given.position is not None:
        state.meta.positions[given.position.source] = given.position.offset
    state.touch(META, "")
    _run_timers(turn)
    touched = _apply(turn, given)
    _run_timers(turn)
    live = state.alerts.get(touched)
    if live is not None:
        turn.explanations += not_notified(config, state, live, turn.now_ms)
    return Decision(turn.notifications, turn.explanations, state.timers.next_ms(), turn.changes, refusal=turn.refusal)


def _was_applied(state: State, position: Position | None) -> bool:
    return position is not None and position.offset <= state.meta.positions.get(position.source, -1)


def _apply(turn: Turn, given: AnyInput) -> str:
    """The key of the alert that it was about, "" for none."""
    match given:
        case Transition():
            alerts.take(turn, given.alert, given.origin if given.behind else "")
            return given.alert.alert_key
        case Acknowledge():
            if given.until_ms and given.until_ms <= turn.now_ms:
                turn.refusal = Refusal.EXPIRY_PASSED
            else:
                alerts.act(turn, given.alert_key, Event.ACKNOWLEDGE, given.by, given.comment, given.until_ms)
            return given.alert_key
        case Unacknowledge():
            alerts.act(turn, given.alert_key, Event.UNACKNOWLEDGE, given.by, given.comment)
            return given.alert_key
        case Resolve():
            alerts.act(turn, given.alert_key, Event.RESOLVE, given.by, given.comment)
            return given.alert_key
        case SetSilence():
            _set_silence(turn, given)
        case ExpireSilence():
            freed = silences.expire(turn, given)
            if isinstance(freed, Refusal):
                turn.refusal = freed
            else:
                alerts.wake(turn, freed)
        case SetOverride() | RemoveOverride():
            _override(turn, given)
        case CaughtUp():
            _caught_up(turn, given.origin)
        case Outcome():
            deliveries.take(turn, given)
        case Tick():
            pass
    return ""


def _set_silence(turn: Turn, given: SetSilence) -> None:
    turn.refusal = silences.refusal_of(turn, given)
    if turn.refusal is None:
        alerts.wake(turn, silences.put(turn, given))


def _override(turn: Turn, given: SetOverride | RemoveOverride) -> None:
    state, override_id = turn.state, given.override_id
    if isinstance(given, RemoveOverride):
        if state.overrides.pop(override_id, None) is None:
            turn.refusal = Refusal.UNKNOWN_OVERRIDE
            return
        state.timers.set(Timer.OVERRIDE, override_id, 0)
    elif turn.config.on_call.schedule(given.schedule) is None:
        turn.refusal = Refusal.UNKNOWN_SCHEDULE
        return
    elif given.until_ms <= max(given.since_ms, turn.now_ms):
        turn.refusal = Refusal.OVERRIDE_ENDS_EARLY
        return
    else:
        state.overrides[override_id] = OverrideRecord(
            override_id, given.schedule, given.person, given.since_ms, given.until_ms, given.by, given.comment,
            turn.now_ms,
        )  # fmt: skip
        due_ms = given.until_ms + turn.config.silence_retention_ms
        state.timers.set(Timer.OVERRIDE, override_id, due_ms)
    state.touch(OVERRIDE, override_id)


def _caught_up(turn: Turn, origin: str) -> None:
    """What fired while the partition was behind, and fires still, is notified of."""
    state = turn.state
    lives = [state.alerts[key] for key in sorted(state.waiting.pop(origin, {}))]
    for live in lives:
        live.record.origin = ""
        state.touch(ALERT, live.key)
        if live.fires:
            state.inhibition.fire(live.key)
    for live in lives:
        if live.record.status is Status.FIRING:
            escalations.begin(turn, live)
            groups.has_news(turn, live)
    keys = sorted({key for live in lives for key in live.groups})
    due = [state.groups[key] for key in keys if 0 < state.groups[key].record.due_ms <= turn.now_ms]
    digests.flush_together(turn, due)


# --- timers


def _run_timers(turn: Turn) -> None:
    while (due := turn.state.timers.pop(turn.now_ms)) is not None:
        _run(turn, *due)


def _run(turn: Turn, kind: Timer, key: str) -> None:
    state = turn.state
    match kind:
        case Timer.SILENCE:
            _silence_due(turn, key)
        case Timer.ACKNOWLEDGEMENT:
            _acknowledgement_due(turn, key)
        case Timer.GROUP:
            flush.flush(turn, state.groups[key])
        case Timer.RECEIVER:
            digests.drain(turn, key)
        case Timer.ESCALATION:
            _step_due(turn, key)
        case Timer.DROP:
            _drop(turn, key)
        case Timer.OVERRIDE:
            del state.overrides[key]
            state.touch(OVERRIDE, key)


def _silence_due(turn: Turn, key: str) -> None:
    silence = turn.state.silences[key]
    notice_ms = silences.notice_ms(turn, silence.record)
    if notice_ms and notice_ms <= turn.now_ms < silence.record.ends_at_ms and silence.is_active:
        silence.record.is_noticed = True
        turn.state.touch(SILENCE, key)
        reminders.silence_will_expire(turn, silence.record)
    alerts.wake(turn, silences.refresh(turn, silence))


def _acknowledgement_due(turn: Turn, key: str) -> None:
    live = turn.state.alerts[key]
    taken = live.record.acknowledgement
    is_over = taken is not None and taken.until_ms <= turn.now_ms
    event = Event.ACKNOWLEDGEMENT_EXPIRES if is_over else Event.REMINDER_DUE
    move = MOVES[live.record.status, event]
    alerts.move_to(turn, live, move)
    live.record.is_reminded = True
    if is_over:
        turn.report(live, move.reason)
    else:
        turn.note(live, move.reason)
        reminders.schedule(turn, live)
    alerts.start(turn, live, move)


def _step_due(turn: Turn, key: str) -> None:
    live = turn.state.alerts[key]
    move = MOVES.get((live.record.status, Event.STEP_DUE))
    if move is None or escalations.hold(turn, live):
        return
    if escalations.step(turn, live) is not None:
        turn.report(live, move.reason)


def _drop(turn: Turn, key: str) -> None:
    live = turn.state.alerts[key]
    if live.groups:  # its end is still to be notified of
        live.record.drop_at_ms = turn.now_ms + _HOUR_MS
        turn.state.timers.set(Timer.DROP, key, live.record.drop_at_ms)
    else:
        del turn.state.alerts[key]
        turn.state.by_label.remove(key)
        turn.state.inhibition.remove(key)
    turn.state.touch(ALERT, key)
