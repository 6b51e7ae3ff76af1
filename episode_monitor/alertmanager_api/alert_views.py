"""Alerts and groups as Alertmanager lists them: what fires, with its state, in its order.

Long lists give way to other work of the worker now and then, so the state may change between two alerts of a list.
"""

import asyncio
from collections.abc import Iterable

import msgspec

from episode_monitor.alertmanager_api.fingerprints import fingerprint, in_order
from episode_monitor.alertmanager_api.shapes import ApiAlertGroup, ApiAlertStatus, ApiReceiver, GettableAlert
from models.times import rfc3339
from streams.dispatch.state import LiveAlert, LiveGroup, State
from streams.dispatch.turn import shown
from streams.dispatch.views import INHIBITORS_MAX
from streams.routing.matcher import Matcher
from streams.routing.route import Route, reached

ACTIVE, SUPPRESSED, UNPROCESSED = "active", "suppressed", "unprocessed"
_STEP_MS = 300_000
_BEFORE_GIVING_WAY = 200  # alerts: some milliseconds
_FIRST_BY = ("job", "instance")  # labels by which Alertmanager sorts the alerts of a group before all others


class AlertQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which alerts are asked for. `receiver` is a condition on a label of that name."""

    matchers: tuple[Matcher, ...] = ()
    receiver: Matcher | None = None
    active: bool = True
    silenced: bool = True
    inhibited: bool = True
    unprocessed: bool = True

    def has_state(self, status: ApiAlertStatus) -> bool:
        """Whether alerts in this state are shown."""
        is_unwanted = (
            (not self.active and status.state == ACTIVE)
            or (not self.unprocessed and status.state == UNPROCESSED)
            or (not self.silenced and status.silenced_by)
            or (not self.inhibited and status.inhibited_by)
        )
        return not is_unwanted

    def reaches(self, receiver: str) -> bool:
        """Whether what goes to this receiver is shown."""
        return self.receiver is None or self.receiver.matches({self.receiver.name: receiver})


async def alerts_of(state: State, query: AlertQuery, now_ms: int) -> list[GettableAlert]:
    """All that are asked for, by fingerprint."""
    found = []
    for number, key in enumerate(state.by_label.matching(query.matchers), 1):
        live = state.alerts.get(key)
        view = _view(state, live, query, now_ms) if live is not None and live.fires else None
        if live is not None and view is not None:
            receivers = receivers_of(state, live)
            if any(query.reaches(each) for each in receivers):
                found.append(_received(view, receivers))
        if number % _BEFORE_GIVING_WAY == 0:
            await asyncio.sleep(0)
    return sorted(found, key=lambda one: one.fingerprint)


async def groups_of(state: State, query: AlertQuery, now_ms: int) -> list[ApiAlertGroup]:
    """The groups that hold an alert that is asked for, by labels and receiver."""
    wanted = [group for group in state.groups.values() if query.reaches(group.record.receiver)]
    views: dict[str, GettableAlert | None] = {}
    receivers: dict[str, list[str]] = {}
    matching = set(state.by_label.matching(query.matchers))
    members: list[tuple[LiveGroup, list[str]]] = []
    for group in wanted:
        keys = [key for key in group.members if key in matching]
        for key in keys:
            if key not in views:
                live = state.alerts.get(key)
                views[key] = None if live is None else _view(state, live, query, now_ms)
                if len(views) % _BEFORE_GIVING_WAY == 0:
                    await asyncio.sleep(0)
            receivers.setdefault(key, []).append(group.record.receiver)
        members.append((group, keys))
    whole = {key: _received(view, sorted(receivers[key])) for key, view in views.items() if view is not None}
    found = [_group(group, [whole[key] for key in keys if key in whole]) for group, keys in members]
    return sorted((one for one in found if one.alerts), key=lambda one: (in_order(one.labels), one.receiver.name))


def receivers_of(state: State, live: LiveAlert) -> list[str]:
    """Of its routes, in their order, and of the escalations that it is in."""
    routed: Iterable[Route] = reached(state.config.alerting.root, live.labels) if state.config else ()
    called = [state.groups[key].record.receiver for key in live.record.called if key in state.groups]
    return [*(route.receiver for route in routed), *called]


def _group(group: LiveGroup, alerts: list[GettableAlert]) -> ApiAlertGroup:
    ordered = sorted(
        alerts,
        key=lambda one: (
            *((name not in one.labels, one.labels.get(name, "")) for name in _FIRST_BY),
            in_order(one.labels),
        ),
    )
    return ApiAlertGroup(labels=group.record.labels, receiver=ApiReceiver(group.record.receiver), alerts=ordered)


def _received(view: GettableAlert, receivers: list[str]) -> GettableAlert:
    return msgspec.structs.replace(view, receivers=[ApiReceiver(each) for each in receivers])


def _view(state: State, live: LiveAlert, query: AlertQuery, now_ms: int) -> GettableAlert | None:
    """Without its receivers; None: its state is not asked for."""
    status = status_of(state, live)
    if not query.has_state(status):
        return None
    alert = shown(state, live)
    annotations = {
        **alert.annotations,
        "summary": alert.title,
        "description": alert.description,
        "runbook_url": alert.runbook_url,
        "acknowledged_by": alert.acknowledged_by,
    }
    return GettableAlert(
        labels=live.labels,
        annotations={name: value for name, value in annotations.items() if value},
        fingerprint=fingerprint(live.labels),
        receivers=[],
        status=status,
        starts_at=rfc3339(alert.starts_at_ms),
        updated_at=rfc3339(alert.updated_at_ms),
        ends_at=rfc3339((now_ms // _STEP_MS + 2) * _STEP_MS),  # in steps, so that the same list keeps its ETag
        generator_url=alert.dashboard_url or "",
    )


def status_of(state: State, live: LiveAlert) -> ApiAlertStatus:
    """What keeps it back."""
    inhibitors = sorted(set(state.inhibition.of(live.key)))[:INHIBITORS_MAX]
    inhibited_by = [fingerprint(state.alerts[key].labels) for key in inhibitors if key in state.alerts]
    is_suppressed = live.silenced_by or inhibited_by
    word = SUPPRESSED if is_suppressed else UNPROCESSED if live.record.behind else ACTIVE
    return ApiAlertStatus(word, sorted(live.silenced_by), inhibited_by)
