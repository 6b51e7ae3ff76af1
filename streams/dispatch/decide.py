"""The dispatcher: one input, a state, a configuration and the time give notifications, and reasons for all the others.

Pure: the caller notifies, waits, stores what has changed, waits, and only then commits. An input that is repeated after
a crash, at the time it was given before, leads to the same notifications with the same ids.
"""

from collections.abc import Iterator

from streams.dispatch import alerts, escalation, flush, groups, notices, silences
from streams.dispatch.config import DispatchConfig
from streams.dispatch.inhibition import Inhibition
from streams.dispatch.inputs import (
    Acknowledge,
    AnyInput,
    CaughtUp,
    ExpireSilence,
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
from streams.dispatch.state import META, OVERRIDE, State
from streams.dispatch.table import Event, Refusal
from streams.dispatch.timers import Timer, Timers
from streams.dispatch.turn import Turn
from streams.dispatch.views import not_notified
from streams.routing.route import every


def decide(config: DispatchConfig, state: State, given: AnyInput, now_ms: int) -> Decision:
    """Apply one input at wall-clock time `now_ms`; changes `state` in place.

    What has become due by then is decided first, each at the time it was due. An input at or below its source's applied
    position is skipped. Another `config` than before (compared by identity) is in force from `now_ms` on.
    """
    position, meta = given.position, state.meta
    if state.config is None:
        wire(config, state)
    if position is not None and position.offset <= meta.positions.get(position.source, -1):
        return Decision([], [], [], _deadline_ms(state), is_repetition=True)
    turn = Turn(state.config or config, state, meta.clock_ms)
    _run_timers(turn, now_ms)
    turn.now_ms = meta.clock_ms = max(now_ms, meta.clock_ms)
    if state.config is not config:  # the one before was in force until now
        wire(config, state)
        turn.config = config
    if position is not None:
        meta.positions[position.source] = position.offset
    state.touch(META, "")
    _apply(turn, given)
    _run_timers(turn, turn.now_ms)
    live = state.alerts.get(given.alert.alert_key) if isinstance(given, Transition) else None
    if live is not None:
        turn.explanations += not_notified(config, state, live, turn.now_ms)
    explanations = list(dict.fromkeys(turn.explanations))
    return Decision(turn.notifications, explanations, turn.changes, _deadline_ms(state), turn.refusal)


def _deadline_ms(state: State) -> int | None:
    first = state.timers.first()
    return first[0] if first else None


def _apply(turn: Turn, given: AnyInput) -> None:
    match given:
        case Transition():
            alerts.take(turn, given)
        case Acknowledge():
            alerts.act(turn, Event.ACKNOWLEDGE, given)
        case Unacknowledge():
            alerts.act(turn, Event.UNACKNOWLEDGE, given)
        case Resolve():
            alerts.act(turn, Event.RESOLVE, given)
        case SetSilence():
            freed = silences.put(turn, given)
            silences.report(turn, given.silence_id, "silenced_by_person", given.by, given.comment)
            alerts.wake(turn, freed)
        case ExpireSilence():
            silenced = silences.silenced(turn, given.silence_id)
            freed = silences.expire(turn, given)
            silences.report_all(turn, silenced, "unsilenced_by_person", given.by, given.comment)
            alerts.wake(turn, freed)
        case SetOverride():
            _set_override(turn, given)
        case RemoveOverride():
            _remove_override(turn, given.override_id)
        case CaughtUp():
            alerts.caught_up(turn, given.origins)
        case Tick():
            pass


def _set_override(turn: Turn, given: SetOverride) -> None:
    if turn.config.on_call.schedule(given.schedule) is None:
        turn.refusal = Refusal.UNKNOWN_SCHEDULE
    elif given.until_ms <= max(given.since_ms, turn.now_ms):
        turn.refusal = Refusal.OVERRIDE_ENDS_EARLY
    else:
        record = OverrideRecord(
            given.override_id, given.schedule, given.person, given.since_ms, given.until_ms, given.by, given.comment,
            turn.now_ms,
        )  # fmt: skip
        turn.state.overrides[given.override_id] = record
        turn.state.touch(OVERRIDE, given.override_id)
        schedule_override(turn, record)


def schedule_override(turn: Turn, record: OverrideRecord) -> None:
    """When an override that is long past is dropped."""
    due_ms = record.until_ms + turn.config.silence_retention_ms
    turn.state.timers.set(Timer.OVERRIDE, record.override_id, due_ms)


def _remove_override(turn: Turn, override_id: str) -> None:
    if turn.state.overrides.pop(override_id, None) is None:
        turn.refusal = Refusal.UNKNOWN_OVERRIDE
        return
    turn.state.timers.set(Timer.OVERRIDE, override_id, 0)
    turn.state.touch(OVERRIDE, override_id)


# --- time


def _run_timers(turn: Turn, until_ms: int) -> None:
    while due := turn.state.timers.pop(until_ms):
        due_ms, kind, _ = due[0]
        turn.now_ms = max(due_ms, turn.now_ms)
        keys = [key for _, _, key in due]
        if kind is Timer.GROUP:
            flush.flush(turn, keys)
        else:
            for key in keys:
                _run(turn, kind, key)


def _run(turn: Turn, kind: Timer, key: str) -> None:
    state = turn.state
    match kind:
        case Timer.SILENCE:
            silence = state.silences[key]
            alerts.wake(turn, silences.refresh(turn, silence))
            if silences.takes_notice(turn, silence):
                notices.silence_will_expire(turn, silence.record)
        case Timer.ACKNOWLEDGEMENT:
            alerts.acknowledgement_due(turn, state.alerts[key])
        case Timer.ESCALATION:
            alerts.step_due(turn, state.alerts[key])
        case Timer.DROP:
            alerts.drop_due(turn, state.alerts[key])
        case Timer.OVERRIDE:
            _remove_override(turn, key)


# --- what is derived


def wire(config: DispatchConfig, state: State) -> None:
    """`wiring`, at once."""
    for _ in wiring(config, state):
        pass


def wiring(config: DispatchConfig, state: State) -> Iterator[None]:
    """Derive from the records and a configuration what is not stored: after a start, and after a reload of the files.
    In steps, between which nothing may be asked or decided.

    Alerts keep their identity, and what a receiver knows stays known. After a start with the same configuration
    everything is as it was.
    """
    turn = Turn(config, state, state.meta.clock_ms)
    state.config, state.timers, state.inhibition = config, Timers(), Inhibition(config.alerting.inhibit_rules)
    routes = {(route.receiver, route.key): route for route in every(config.alerting.root)}
    for group in state.groups.values():
        group.route = routes.get((group.record.receiver, group.record.route_key))
        group.members, group.knows = set(), set()
        state.timers.set(Timer.GROUP, group.record.key, group.record.due_ms)
    for silence in state.silences.values():
        silence.is_active = False
        state.silence_index.put(silence.record.silence_id, silence.record.matchers)
    for live in state.alerts.values():
        alerts.wire(turn, live)
        yield
    for key in sorted(state.alerts):  # only when every group knows what it has
        alerts.follow(turn, state.alerts[key])
        yield
    for silence_id in sorted(state.silences):
        silences.refresh(turn, state.silences[silence_id])
        yield
    for override in state.overrides.values():
        schedule_override(turn, override)
    for key in sorted(state.groups):
        if key in state.groups:  # one before it may have taken over what there was of it
            group = state.groups[key]
            escalation.call_again(turn, group)
            groups.drop_if_empty(state, group)
            flush.wake(turn, group)
        yield
    for key in sorted(state.alerts):
        escalation.release(turn, state.alerts[key])
        yield
