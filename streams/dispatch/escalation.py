"""Escalation chains: who else learns of an alert that nobody takes. A chain is copied when an incident begins."""

import msgspec

from streams.dispatch import groups
from streams.dispatch.records import Escalation, GroupRecord
from streams.dispatch.state import ALERT, GROUP, LiveAlert, LiveGroup, State
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
    """No further step; a step that waits for its receiver's rate finds, when it is due, that the alert is taken."""
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
    looks = [groups.next_look_ms(group, turn.now_ms) for group in turn.state.groups_of(live)]
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
    state, mark = turn.state, ""
    if not turn.config.reaches(receiver):
        others = [name for name in turn.config.stand_ins if turn.config.reaches(name)]
        if not others:
            turn.explain(live.key, receiver, WhyNot.NO_RECEIVER)
            return False
        receiver, mark = others[0], STAND_IN_MARK
    live.record.level += 1
    own = (state.groups[key] for key in sorted(live.groups) if state.groups[key].record.receiver == receiver)
    group = next(own, None) or _new_group(turn, live, receiver)
    record = group.record
    record.has_step, record.mark, record.person, record.note = True, mark, person, note
    state.touch(ALERT, live.key)
    state.touch(GROUP, record.key)
    groups.set_due(state, group, turn.now_ms)
    return True


def _new_group(turn: Turn, live: LiveAlert, receiver: str) -> LiveGroup:
    """For a receiver that is not on the routes of the alert."""
    group = groups.add(turn.state, GroupRecord(f"{receiver}:escalation:{live.key}", receiver))
    live.record.called.append(group.record.key)
    groups.enter(turn, live)
    return group
