"""Builds what is derived from the records and a configuration: after a start, and after a reload of the files.

Alerts keep their identity and, where a route with the same matchers and receiver is still there, their groups.
"""

from streams.dispatch import escalation, groups, reminders, silences
from streams.dispatch.inhibition import Inhibition
from streams.dispatch.masks import mask_of
from streams.dispatch.state import LiveAlert, LiveGroup, State
from streams.dispatch.table import Status
from streams.dispatch.timers import Timer
from streams.dispatch.turn import Turn
from streams.routing.labels import labels_of


def wire(turn: Turn) -> None:
    """The state works by the turn's configuration afterwards."""
    state = turn.state
    state.unwire()
    state.config = turn.config
    state.inhibition = Inhibition(turn.config.alerting.inhibit_rules)
    named = _groups_by_alert(state)
    for group in state.groups.values():
        group.route = None
        group.members.clear()
    for live in state.alerts.values():
        _wire_alert(turn, live)
    for silence in list(state.silences.values()):
        silence.is_active = False
        state.silence_index.put(silence.record.silence_id, silence.record.matchers)
        silences.refresh(turn, silence)
    for live in list(state.alerts.values()):
        _wire_groups(turn, live, named.get(live.key, []))
    for group in list(state.groups.values()):
        _wire_group(turn, group)
    for override in state.overrides.values():
        due_ms = override.until_ms + turn.config.silence_retention_ms
        state.timers.set(Timer.OVERRIDE, override.override_id, due_ms)


def _wire_alert(turn: Turn, live: LiveAlert) -> None:
    state, record = turn.state, live.record
    live.labels = labels_of(record.alert)
    live.groups, live.silenced_by = {}, set()
    state.by_label.put(live.key, live.labels)
    state.inhibition.put(live.key, live.labels)
    if record.origin:
        state.waiting.setdefault(record.origin, {})[live.key] = None
    elif live.fires:
        state.inhibition.fire(live.key)
    state.timers.set(Timer.DROP, live.key, record.drop_at_ms)
    if record.escalation is not None:
        state.timers.set(Timer.ESCALATION, live.key, record.escalation.due_ms)
    reminders.schedule(turn, live)


def _wire_groups(turn: Turn, live: LiveAlert, named: list[LiveGroup]) -> None:
    """The groups whose records name it, then those of its routes; news that no record has as due become due."""
    state = turn.state
    for group in named:
        groups.join(state, group, live)
    groups.assign(turn, live)
    for group in list(state.groups_of(live)):
        record = group.record
        if live.is_over and live.key not in record.log:
            groups.remove(state, group, live)
        elif (
            record.due_ms or record.is_queued or live.record.status is not Status.FIRING or not group.members[live.key]
        ):
            continue
        elif live.is_news(record.log.get(live.key)) and mask_of(state, live) is None:
            groups.has_news(turn, live)
    escalation.release(turn, live)


def _wire_group(turn: Turn, group: LiveGroup) -> None:
    state, record = turn.state, group.record
    record.log = {key: entry for key, entry in record.log.items() if key in group.members}
    record.pinned = [key for key in record.pinned if key in group.members]
    state.timers.set(Timer.GROUP, record.key, record.due_ms)
    if record.is_queued:
        state.queued.setdefault(record.receiver, {})[record.key] = None
        state.timers.set(Timer.RECEIVER, record.receiver, max(turn.now_ms, 1))
    groups.drop_if_empty(state, group)


def _groups_by_alert(state: State) -> dict[str, list[LiveGroup]]:
    found: dict[str, list[LiveGroup]] = {}
    for key in sorted(state.groups):
        group = state.groups[key]
        for alert_key in {*group.record.pinned, *group.record.log}:
            found.setdefault(alert_key, []).append(group)
    return found
