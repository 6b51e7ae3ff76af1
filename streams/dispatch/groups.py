"""Which groups an alert belongs to, and when a group's news are due."""

from streams.dispatch.records import GroupRecord
from streams.dispatch.state import GROUP, LiveAlert, LiveGroup, State
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.routing.route import Route, reached


def assign(turn: Turn, live: LiveAlert) -> None:
    """Put an alert into the groups of its routes; its labels, or the routes, may have changed.

    A log entry goes along to a group of the same receiver. A receiver that is not on the new routes but was notified
    keeps the alert until it was notified of the end.
    """
    state = turn.state
    routes = {_key(route, live): route for route in reached(turn.config.alerting.root, live.labels)}
    for key, route in routes.items():
        group = state.groups.get(key) or _create(state, key, route, live)
        group.route = route
        join(state, group, live)
    for key in [key for key in live.groups if key not in routes and not _is_pinned(state.groups[key], live)]:
        _leave(turn, state.groups[key], live, [state.groups[each] for each in routes])


def _key(route: Route, live: LiveAlert) -> str:
    return f"{route.receiver}:{route.group_key(live.labels)}"


def _create(state: State, key: str, route: Route, live: LiveAlert) -> LiveGroup:
    return add(state, GroupRecord(key, route.receiver, route.group_labels(live.labels)))


def _is_pinned(group: LiveGroup, live: LiveAlert) -> bool:
    return live.key in group.record.pinned


def add(state: State, record: GroupRecord) -> LiveGroup:
    """A new group."""
    group = state.groups[record.key] = LiveGroup(record)
    state.touch(GROUP, record.key)
    return group


def join(state: State, group: LiveGroup, live: LiveAlert) -> None:
    """The alert belongs to the group."""
    group.members[live.key] = True
    live.groups[group.record.key] = None


def _leave(turn: Turn, group: LiveGroup, live: LiveAlert, heirs: list[LiveGroup]) -> None:
    entry = group.record.log.get(live.key)
    heir = next((each for each in heirs if each.record.receiver == group.record.receiver), None)
    if entry is not None and heir is not None:
        heir.record.log.setdefault(live.key, entry)
        heir.record.sequence = max(heir.record.sequence, group.record.sequence)
        heir.record.notified_at_ms = max(heir.record.notified_at_ms, entry.at_ms)
        turn.state.touch(GROUP, heir.record.key)
        if not heir.record.is_queued and (due_ms := repeat_due_ms(heir)):
            set_due(turn.state, heir, min(due_ms, heir.record.due_ms or due_ms))
        entry = None
    if entry is None:
        remove(turn.state, group, live)
    else:
        group.members[live.key] = False


def remove(state: State, group: LiveGroup, live: LiveAlert) -> None:
    """The alert leaves the group; a group that nothing is left of is dropped."""
    group.members.pop(live.key, None)
    live.groups.pop(group.record.key, None)
    record = group.record
    if record.log.pop(live.key, None) is not None:
        state.touch(GROUP, record.key)
    if live.key in record.pinned:
        record.pinned.remove(live.key)
        state.touch(GROUP, record.key)
    drop_if_empty(state, group)


def drop_if_empty(state: State, group: LiveGroup) -> None:
    """Without members and without ends to notify of, nothing is left of it."""
    key = group.record.key
    if group.members or group.record.ends or key not in state.groups:
        return
    del state.groups[key]
    unqueue(state, group)
    state.timers.set(Timer.GROUP, key, 0)
    state.touch(GROUP, key)


def unqueue(state: State, group: LiveGroup) -> None:
    """It no longer waits for its receiver's rate."""
    group.record.is_queued = False
    waiting = state.queued.get(group.record.receiver, {})
    waiting.pop(group.record.key, None)


def news_due_ms(group: LiveGroup, now_ms: int) -> int:
    """When news of this moment are notified of.

    After `group_wait`; or, where the last notification is less than `group_interval` ago, at the end of that.
    """
    if group.route is None:
        return now_ms
    next_ms = group.record.notified_at_ms + group.route.group_interval_ms if group.record.notified_at_ms else 0
    return next_ms if now_ms < next_ms else now_ms + group.route.group_wait_ms


def repeat_due_ms(group: LiveGroup) -> int:
    """When what the receiver knows is repeated, `repeat_interval` after the last notification; 0: never."""
    repeat_ms = group.route.repeat_interval_ms if group.route else 0
    return group.record.notified_at_ms + repeat_ms if repeat_ms and group.record.notified_at_ms else 0


def set_due(state: State, group: LiveGroup, due_ms: int) -> None:
    """When to look at the group; 0: when something happens."""
    if group.record.due_ms != due_ms:
        group.record.due_ms = due_ms
        state.touch(GROUP, group.record.key)
    state.timers.set(Timer.GROUP, group.record.key, due_ms)


def has_news(turn: Turn, live: LiveAlert) -> None:
    """Something about the alert is to be notified of: its groups become due, unless they are due earlier."""
    for group in list(turn.state.groups_of(live)):
        record = group.record
        if live.is_over and live.key not in record.log:
            remove(turn.state, group, live)
            continue
        if record.is_queued or (not group.members[live.key] and not live.is_over):
            continue
        due_ms = news_due_ms(group, turn.now_ms)
        set_due(turn.state, group, min(due_ms, record.due_ms or due_ms))
