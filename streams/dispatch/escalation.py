"""Escalation chains: who else learns of an alert that nobody takes. A chain is copied when an incident begins."""

import msgspec

from streams.dispatch import groups
from streams.dispatch.config import DispatchConfig
from streams.dispatch.records import Call, Escalation
from streams.dispatch.state import ALERT, LiveAlert, LiveGroup, State
from streams.dispatch.table import WhyNot
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn, mask_of
from streams.routing.chain import Notify, Page, Step, chain_for
from streams.routing.schedule import Override, Schedule
from streams.routing.shifts import Shift, who

STAND_IN_MARK = "[ON-CALL]"  # before a title, where another receiver stands in for one without a sink


def begin(turn: Turn, live: LiveAlert) -> None:
    """The chain of a firing begins, unless it is on its way. An alert that is behind the events waits with it."""
    escalation = live.record.escalation
    if live.record.behind or (escalation and (escalation.due_ms or escalation.is_held)):
        return
    chain = chain_for(turn.config.on_call.chains, live.labels)
    if chain is not None and chain.due():
        _put(turn.state, live, Escalation(chain, turn.now_ms, due_ms=turn.now_ms + chain.due()[0][0]))


def stop(turn: Turn, live: LiveAlert) -> None:
    """No further step, and none that waits for the rate of its receiver, or for the end of a silence."""
    for group in turn.state.groups_of(live):
        groups.take_calls(turn.state, group, live.key)
    if live.record.escalation is not None:
        _put(turn.state, live, msgspec.structs.replace(live.record.escalation, due_ms=0, is_held=False))


def _put(state: State, live: LiveAlert, escalation: Escalation) -> None:
    live.record.escalation = escalation
    state.timers.set(Timer.ESCALATION, live.key, escalation.due_ms)
    state.touch(ALERT, live.key)


def release(turn: Turn, live: LiveAlert) -> None:
    """Nothing keeps the alert back any more: a step that was held is due, after the groups of its routes."""
    escalation = live.record.escalation
    if escalation is None or not escalation.is_held or mask_of(turn.state, live) is not None:
        return
    mine = [each for each in turn.state.groups_of(live) if each.record.key in live.groups or live.told(each)]
    looks = [groups.next_look_ms(group, turn.now_ms) for group in mine]
    _put(turn.state, live, msgspec.structs.replace(escalation, is_held=False, due_ms=max([turn.now_ms, *looks])))


def step(turn: Turn, live: LiveAlert) -> bool:
    """Take the step that is due, or hold it while something keeps the alert back; whether somebody is notified."""
    escalation = live.record.escalation
    if escalation is None:
        return False
    due, position = escalation.chain.due(), escalation.step
    offset_ms, one = due[position]
    mask = mask_of(turn.state, live)
    if mask is not None:
        _put(turn.state, live, msgspec.structs.replace(escalation, due_ms=0, is_held=True))
        turn.explain(live.key, _receiver(turn, one), *mask)
        return False
    next_ms = turn.now_ms + due[position + 1][0] - offset_ms if position + 1 < len(due) else 0
    _put(turn.state, live, msgspec.structs.replace(escalation, step=position + 1, due_ms=next_ms))
    match one:
        case Notify() if offset_ms == 0 and one.receiver in _on_routes(turn, live):
            turn.explain(live.key, one.receiver, WhyNot.NOTHING_NEW)
            return False
        case Notify():
            return _call(turn, live, one.receiver)
        case Page():
            return _page(turn, live, one.schedule)
        case _:  # a chain that is on its way belongs to an alert that fires
            return False


def _receiver(turn: Turn, one: Step) -> str:
    if isinstance(one, Page):
        schedule = turn.config.on_call.schedule(one.schedule)
        return schedule.receiver if schedule else one.schedule
    return one.receiver if isinstance(one, Notify) else ""


def _on_routes(turn: Turn, live: LiveAlert) -> set[str]:
    """Receivers that routes notify of this firing, or did; one that only waits for the end of another is none."""
    of_routes = [group for group in turn.state.groups_of(live) if group.route is not None]
    return {each.record.receiver for each in of_routes if each.record.key in live.groups or live.told(each)}


def _page(turn: Turn, live: LiveAlert, name: str) -> bool:
    schedule = turn.config.on_call.schedule(name)
    if schedule is None:  # of a chain from before a reload
        turn.explain(live.key, name, WhyNot.NO_RECEIVER)
        return False
    shift = on_call(turn.state, schedule, turn.now_ms)
    note = " ".join(shift.empty_layers)
    if shift.person is None:
        turn.explain(live.key, schedule.receiver, WhyNot.NOBODY_ON_CALL, name)
        note = f"Nobody is on call in {name}. {note}".rstrip()
    return _call(turn, live, schedule.receiver_of(shift.person), shift.person or "", note)


def on_call(state: State, schedule: Schedule, at_ms: int) -> Shift:
    """The shift of a schedule at a moment, with the overrides that people have made."""
    return who(with_overrides(state, schedule), at_ms)


def with_overrides(state: State, schedule: Schedule) -> Schedule:
    """A schedule of the file with the overrides that people have made; the one that was made last counts."""
    made = sorted(state.overrides.values(), key=lambda one: (one.at_ms, one.override_id))
    overrides = tuple(
        Override(person=one.person, since_ms=one.since_ms, until_ms=one.until_ms, comment=one.comment)
        for one in made
        if one.schedule == schedule.name
    )
    return msgspec.structs.replace(schedule, overrides=(*schedule.overrides, *overrides))


def _call(turn: Turn, live: LiveAlert, receiver: str, person: str = "", note: str = "") -> bool:
    """Notify a receiver now, whatever it knows; one with a sink stands in for one that has none."""
    found = _in_place_of(turn.config, receiver)
    if found is None:
        turn.explain(live.key, receiver, WhyNot.NO_RECEIVER)
        return False
    live.record.level += 1
    turn.state.touch(ALERT, live.key)
    groups.call(turn, live, found[0], Call(live.key, found[1], person, note))
    return True


def _in_place_of(config: DispatchConfig, receiver: str) -> tuple[str, str] | None:
    """The receiver, or the one that stands in for it, and the mark of that; None: nobody is reached."""
    if config.reaches(receiver):
        return receiver, ""
    return next(((name, STAND_IN_MARK) for name in config.stand_ins if config.reaches(name)), None)


def call_again(turn: Turn, group: LiveGroup) -> None:
    """After a reload: steps that wait in a group their alert has left, or for a receiver without a sink."""
    record = group.record
    if not group.members:
        groups.take_calls(turn.state, group, "")
    for one in list(record.calls):
        live, found = turn.state.alerts.get(one.alert_key), _in_place_of(turn.config, record.receiver)
        if live is None or (record.key in live.groups and turn.config.reaches(record.receiver)):
            continue
        groups.take_calls(turn.state, group, live.key)
        if found is not None:
            groups.call(turn, live, found[0], msgspec.structs.replace(one, mark=found[1] or one.mark))
