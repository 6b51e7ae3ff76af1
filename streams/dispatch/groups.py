"""Which groups a firing alert belongs to, and when a group is due."""

import msgspec

from models.alert import Alert
from streams.dispatch.records import Call, GroupRecord, Told
from streams.dispatch.state import ALERT, GROUP, LiveAlert, LiveGroup, State
from streams.dispatch.table import WhyNot
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn, mask_of
from streams.routing.route import Route, reached


def enter(turn: Turn, live: LiveAlert) -> None:
    """Put a firing alert into the groups of its routes; its labels, or the routes, may have changed.

    A receiver that is not on its routes any more, but was notified, is still notified of the end.
    """
    state = turn.state
    keys = set(live.record.called)
    for route in reached(turn.config.alerting.root, live.labels):
        key = f"{route.receiver}:{route.group_key(live.labels)}"
        if key not in state.groups:
            labels, due_ms = route.group_labels(live.labels), turn.now_ms + route.group_wait_ms
            set_due(state, add(state, GroupRecord(key, route.receiver, route.key, labels), route), due_ms)
        keys.add(key)
    left, live.groups = live.groups - keys, keys
    for key in keys:
        state.groups[key].members.add(live.key)
    _inherit(turn, live)
    for key in left:
        group = state.groups[key]
        group.members.discard(live.key)
        for one in take_calls(state, group, live.key):
            call(turn, live, group.record.receiver, one)
        drop_if_empty(state, group)


def call(turn: Turn, live: LiveAlert, receiver: str, one: Call) -> None:
    """The receiver is to be notified of the alert now, or when nothing keeps it back, whatever it knows."""
    state = turn.state
    own = (state.groups[key] for key in sorted(live.groups) if state.groups[key].record.receiver == receiver)
    group = next(own, None) or _new_group(turn, live, receiver)
    take_calls(state, group, live.key)
    group.record.calls.append(one)
    state.touch(GROUP, group.record.key)
    if mask_of(state, live) is None:
        set_due(state, group, turn.now_ms)


def _new_group(turn: Turn, live: LiveAlert, receiver: str) -> LiveGroup:
    """For a receiver that is not on the routes of the alert; it may wait for the end of an earlier firing."""
    key = f"{receiver}:escalation:{live.key}"
    if key not in turn.state.groups:
        add(turn.state, GroupRecord(key, receiver))
    live.record.called.append(key)
    turn.state.touch(ALERT, live.key)
    enter(turn, live)
    return turn.state.groups[key]


def take_calls(state: State, group: LiveGroup, alert_key: str) -> list[Call]:
    """The steps of an alert that wait in the group; they do no longer."""
    record = group.record
    found = [one for one in record.calls if one.alert_key == alert_key]
    if found:
        record.calls = [one for one in record.calls if one.alert_key != alert_key]
        state.touch(GROUP, record.key)
    return found


def _inherit(turn: Turn, live: LiveAlert) -> None:
    """What the receiver of a group it has left knows, it knows in a group of the same receiver.

    One that keeps incidents knows it in both: the incident of the group that was left is still to be ended.
    """
    state = turn.state
    for told in list(live.record.told):
        if told.end is not None or told.group_key in live.groups:
            continue
        left = state.groups[told.group_key]
        same = [key for key in sorted(live.groups) if state.groups[key].record.receiver == left.record.receiver]
        if not same:
            continue
        heir, is_apart = state.groups[same[0]], left.record.receiver in turn.config.apart
        if live.told(heir) is None:
            live.record.told.append(msgspec.structs.replace(told, group_key=same[0], is_inherited=is_apart))
            heir.knows.add(live.key)
            heir.record.notified_at_ms = max(heir.record.notified_at_ms, left.record.notified_at_ms)
            state.touch(GROUP, same[0])
            state.touch(ALERT, live.key)
        if told.is_inherited or not is_apart:
            live.record.told.remove(told)
            state.touch(ALERT, live.key)
            forget(state, left, live)


def known(state: State, live: LiveAlert) -> list[LiveGroup]:
    """Its groups that are there: in a copy that follows another configuration some may not be."""
    keys = live.groups.union(one.group_key for one in live.record.told)
    return [state.groups[key] for key in keys if key in state.groups]


def end(turn: Turn, live: LiveAlert, alert: Alert) -> None:
    """A firing is over, as `alert` says: receivers that know of it are to be notified of that, and nobody else."""
    record, state = live.record, turn.state
    for group in list(state.groups_of(live)):
        told = live.told(group)
        if group.record.key in live.groups and told is None:
            turn.explain(live.key, group.record.receiver, WhyNot.NEVER_NOTIFIED)
        if told is not None and is_alias(turn, group, told):  # it ends where it was notified
            record.told.remove(told)
            forget(state, group, live)
        take_calls(state, group, live.key)
    record.told = [one if one.end else msgspec.structs.replace(one, end=alert) for one in record.told]
    record.called = []
    turn.state.touch(ALERT, live.key)


def is_alias(turn: Turn, group: LiveGroup, told: Told) -> bool:
    """Whether the receiver keeps an incident of the firing, but under the key of another group."""
    return told.is_inherited and group.record.receiver in turn.config.apart


def leave(state: State, live: LiveAlert) -> None:
    """An alert that does not fire belongs to no group."""
    keys, live.groups = live.groups, set()
    for key in keys:
        state.groups[key].members.discard(live.key)
        drop_if_empty(state, state.groups[key])


def add(state: State, record: GroupRecord, route: Route | None = None) -> LiveGroup:
    """A new group."""
    group = state.groups[record.key] = LiveGroup(record, route)
    state.touch(GROUP, record.key)
    return group


def forget(state: State, group: LiveGroup, live: LiveAlert) -> None:
    """What the receiver knew of an alert may have been removed."""
    if all(one.group_key != group.record.key for one in live.record.told):
        group.knows.discard(live.key)
        drop_if_empty(state, group)


def drop_if_empty(state: State, group: LiveGroup) -> None:
    """Without members, steps that wait, and anything that its receiver knows, nothing is left of it."""
    key = group.record.key
    if not group.members and not group.knows and not group.record.calls and state.groups.pop(key, None) is not None:
        state.timers.set(Timer.GROUP, key, 0)
        state.touch(GROUP, key)


def look(turn: Turn, live: LiveAlert) -> None:
    """Something about the alert may have to be notified: its groups become due, unless they are due earlier."""
    for group in turn.state.groups_of(live):
        due_ms, repeat_ms = next_look_ms(group, turn.now_ms), repeat_due_ms(group)
        if turn.now_ms <= repeat_ms < due_ms:  # forgotten while all its alerts were silenced or acknowledged
            due_ms = repeat_ms
        if group.is_called(live.key) and mask_of(turn.state, live) is None:
            due_ms = turn.now_ms
        set_due(turn.state, group, min(due_ms, group.record.due_ms or due_ms))


def next_look_ms(group: LiveGroup, now_ms: int) -> int:
    """When news of this moment are notified.

    The first ones after `group_wait`; from then on, as Alertmanager does it, when another `group_interval` has passed.
    """
    record, length_ms = group.record, group.route.group_interval_ms if group.route else 0
    if not record.first_look_ms:
        return record.due_ms or now_ms
    return interval_ms(group, now_ms + (length_ms > 0 and record.notified_at_ms == now_ms))


def interval_ms(group: LiveGroup, at_ms: int) -> int:
    """The first moment from `at_ms` on at which another `group_interval` has passed."""
    length_ms, first_ms = group.route.group_interval_ms if group.route else 0, group.record.first_look_ms
    return first_ms - (first_ms - at_ms) // length_ms * length_ms if length_ms and first_ms else at_ms


def repeat_due_ms(group: LiveGroup) -> int:
    """When what the receiver knows is repeated: `repeat_interval` after the last notification; 0: never."""
    repeat_ms = group.route.repeat_interval_ms if group.route else 0
    return group.record.notified_at_ms + repeat_ms if repeat_ms and group.record.notified_at_ms else 0


def set_due(state: State, group: LiveGroup, due_ms: int) -> None:
    """When to look at the group; 0: when something happens."""
    if group.record.due_ms != due_ms:
        group.record.due_ms = due_ms
        state.touch(GROUP, group.record.key)
    state.timers.set(Timer.GROUP, group.record.key, due_ms)
