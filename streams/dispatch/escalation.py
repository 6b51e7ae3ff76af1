"""Escalation chains: who else learns of an alert that nobody takes. A chain is copied when an incident begins."""

import msgspec

from streams.dispatch import groups
from streams.dispatch.masks import mask_of
from streams.dispatch.outputs import Explanation, NotifyReason, WhyNot
from streams.dispatch.records import Escalation, GroupRecord
from streams.dispatch.state import ALERT, GROUP, LiveAlert, LiveGroup, State
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.routing.chain import Chain, Notify, Page, chain_for
from streams.routing.schedule import Override, Schedule
from streams.routing.shifts import Shift, who

STAND_IN_MARK = "[ON-CALL]"  # before a title, where another receiver stands in for one without a sink


def begin(turn: Turn, live: LiveAlert) -> None:
    """The chain of a firing begins, unless it is on its way. An alert that is behind the events waits with it."""
    record = live.record
    if record.origin or (record.escalation and (record.escalation.due_ms or record.escalation.held)):
        return
    chain = chain_for(turn.config.on_call.chains, live.labels)
    if chain is None or not chain.due():
        return
    record.escalation = Escalation(chain, turn.now_ms)
    _set_due(turn.state, live, record.escalation, turn.now_ms + chain.due()[0][0])


def stop(turn: Turn, live: LiveAlert) -> None:
    """No further step, and nothing that waits for a receiver's rate: the groups look again before they send."""
    if live.record.escalation is not None:
        live.record.escalation.held = False
        _set_due(turn.state, live, live.record.escalation, 0)


def _set_due(state: State, live: LiveAlert, escalation: Escalation, due_ms: int) -> None:
    escalation.due_ms = due_ms
    state.timers.set(Timer.ESCALATION, live.key, due_ms)
    state.touch(ALERT, live.key)


def hold(turn: Turn, live: LiveAlert) -> bool:
    """A step is due; if something keeps the alert back, the step waits for the end of that."""
    escalation, mask = live.record.escalation, mask_of(turn.state, live)
    if escalation is None or mask is None:
        return False
    escalation.held = True
    _set_due(turn.state, live, escalation, 0)
    turn.explanations.append(Explanation(live.key, _receiver_of(turn, escalation.chain, escalation.step), *mask))
    return True


def release(turn: Turn, live: LiveAlert) -> None:
    """Nothing keeps the alert back any more: a step that waited is due, after the groups of its routes."""
    escalation = live.record.escalation
    if escalation is None or not escalation.held or mask_of(turn.state, live) is not None:
        return
    escalation.held = False
    due = [group.record.due_ms for group in turn.state.groups_of(live) if group.route is not None]
    _set_due(turn.state, live, escalation, max([turn.now_ms, *due]))


def step(turn: Turn, live: LiveAlert) -> LiveGroup | None:
    """Take the step that is due; the group to notify, None where the step notifies nobody."""
    escalation = live.record.escalation
    if escalation is None:
        return None
    due = escalation.chain.due()
    offset_ms, one = due[escalation.step]
    is_first_at_once = offset_ms == 0 and live.record.level == 0
    escalation.step += 1
    if escalation.step < len(due):
        _set_due(turn.state, live, escalation, turn.now_ms + due[escalation.step][0] - offset_ms)
    else:
        _set_due(turn.state, live, escalation, 0)
    if isinstance(one, Notify):
        if is_first_at_once and any(group.record.receiver == one.receiver for group in turn.state.groups_of(live)):
            turn.explanations.append(Explanation(live.key, one.receiver, WhyNot.NOTHING_NEW))
            return None
        return _notify(turn, live, one.receiver)
    return _page(turn, live, one.schedule) if isinstance(one, Page) else None


def _page(turn: Turn, live: LiveAlert, name: str) -> LiveGroup | None:
    schedule = turn.config.on_call.schedule(name)
    if schedule is None:  # of a chain from before a reload
        turn.explanations.append(Explanation(live.key, name, WhyNot.NO_RECEIVER))
        return None
    shift = on_call(turn.state, schedule, turn.now_ms)
    if shift.person is None:
        turn.explanations.append(Explanation(live.key, schedule.receiver, WhyNot.NOBODY_ON_CALL, name))
    return _notify(turn, live, schedule.receiver_of(shift.person), shift.person or "")


def on_call(state: State, schedule: Schedule, at_ms: int) -> Shift:
    """The shift of a schedule at a moment, with the overrides that people have made."""
    made = sorted((one for one in state.overrides.values() if one.schedule == schedule.name), key=lambda one: one.at_ms)
    overrides = tuple(
        Override(person=one.person, since_ms=one.since_ms, until_ms=one.until_ms, comment=one.comment) for one in made
    )
    return who(msgspec.structs.replace(schedule, overrides=(*schedule.overrides, *overrides)), at_ms)


def _notify(turn: Turn, live: LiveAlert, receiver: str, person: str = "") -> LiveGroup | None:
    wanted, mark = receiver, ""
    if not turn.config.reaches(receiver):
        others = [name for name in turn.config.fallbacks if turn.config.reaches(name)]
        if not others:
            turn.explanations.append(Explanation(live.key, receiver, WhyNot.NO_RECEIVER))
            return None
        wanted, mark = others[0], STAND_IN_MARK
    live.record.level += 1
    turn.state.touch(ALERT, live.key)
    group = pin(turn, f"{wanted}:escalation:{live.key}", wanted, NotifyReason.ESCALATED, [live])
    group.record.mark, group.record.person = mark, person
    return group


def pin(turn: Turn, key: str, receiver: str, reason: NotifyReason, lives: list[LiveAlert]) -> LiveGroup:
    """A group outside the routes, whose receiver is to be notified now whatever it knows."""
    state = turn.state
    group = state.groups.get(key) or groups.add(state, GroupRecord(key, receiver, {}))
    for live in lives:
        if live.key not in group.record.pinned:
            group.record.pinned.append(live.key)
        groups.join(state, group, live)
    group.record.is_forced, group.record.reason = True, reason.value
    state.touch(GROUP, key)
    if not group.record.is_queued:
        groups.set_due(state, group, turn.now_ms)
    return group


def _receiver_of(turn: Turn, chain: Chain, index: int) -> str:
    one = chain.due()[index][1]
    if isinstance(one, Page):
        schedule = turn.config.on_call.schedule(one.schedule)
        return schedule.receiver if schedule else one.schedule
    return one.receiver if isinstance(one, Notify) else ""
