"""Who answers for active alerts and takes what people do with them, and how alerts are shown."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, NamedTuple, Protocol

import msgspec

from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.errors import Recovering, Unreachable
from episode_monitor.fleet.questions.alert_deliveries import AlertDeliveriesQuestion, FleetAlertDeliveriesQuestion
from episode_monitor.fleet.questions.alert_history import last_transitions
from models.alert import Alert, AlertStatus
from models.alert_codec import decode_alert
from models.alert_views import ActiveAlert, AlertDetails, DeliveryLine, TimelineLine, inputs_of
from models.process_views import AlertTransition
from models.times import rfc3339
from streams.dispatch.views import Seen

TIMELINE_LINES = 50


class AlertActKind(StrEnum):
    """What a person may do to an alert. The values are the last words of the paths."""

    RESOLVE = "resolve"
    ACKNOWLEDGE = "acknowledge"
    UNACKNOWLEDGE = "unacknowledge"
    SILENCE = "silence"


class AlertAct(msgspec.Struct, frozen=True, kw_only=True):
    """`minutes` is how long a silence lasts, or an acknowledgement; None: as long as the alert fires."""

    alert_key: str
    kind: AlertActKind
    by: str
    comment: str = ""
    minutes: int | None = None


class ActivePage(NamedTuple):
    """Alerts of the whole fleet, the most severe first. `next_cursor` is None on the last page. Unless
    `values_are_current` each alert has the values of its last transition, which was at its `updated_at`."""

    alerts: Sequence[Seen]
    total: int
    next_cursor: str | None = None
    values_are_current: bool = True


class AlertDesk(Protocol):
    """`episode_monitor.dispatch.alert_desk.DispatchedAlerts`. Every method raises ViewError or Problem."""

    async def active(self, limit: int, cursor: str | None) -> ActivePage:
        """What is pending or firing."""

    async def perform(self, act: AlertAct) -> Alert:
        """The alert after the act. Raises Refused where there is no such alert, or it is resolved."""

    async def details(self, alert_key: str) -> AlertDetails | None:
        """All that is known of an alert; None: it was never seen."""


async def details_of_history(fleet: Asks, alert_key: str, active: Alert | None) -> AlertDetails | None:
    """What the history knows of an alert; `active` where it is. None: there is neither."""
    page = await fleet.ask(last_transitions(alert_key, TIMELINE_LINES))
    alert = active or next((decode_alert(msgspec.json.encode(each.alert)) for each in page.transitions), None)
    if alert is None:
        return None
    return AlertDetails(
        **fields_of(alert),
        silenced_by=[],
        inhibited_by=[],
        timeline=[_line(each) for each in reversed(page.transitions)],
        deliveries=await deliveries_of(fleet, alert_key),
        not_told=[],
        next=[],
        values_are_current=active is not None or alert.status is AlertStatus.RESOLVED,
    )


async def deliveries_of(fleet: Asks, alert_key: str) -> list[DeliveryLine] | None:
    """What the messages about an alert came to; None where that cannot be read now."""
    try:
        known = await fleet.ask(AlertDeliveriesQuestion(alert_key=alert_key))
        if not known.is_all:
            known = await fleet.ask(FleetAlertDeliveriesQuestion(alert_key=alert_key))
    except (Recovering, Unreachable):
        return None
    return [
        DeliveryLine(
            receiver=one.receiver, sink=one.sink, status=one.outcome, attempts=one.attempts, at=rfc3339(one.at_ms),
            last_error=one.last_error,
        )
        for one in known.found
    ]  # fmt: skip


def fields_of(alert: Alert) -> dict[str, Any]:
    """For a type that has more of them."""
    return {name: getattr(alert, name) for name in Alert.__struct_fields__} | {"inputs": inputs_of(alert)}


def active_alert(alert: Alert, silenced_by: Sequence[str] = (), inhibited_by: Sequence[str] = ()) -> ActiveAlert:
    """An alert of a list."""
    return ActiveAlert(**fields_of(alert), silenced_by=list(silenced_by), inhibited_by=list(inhibited_by))


def _line(transition: AlertTransition) -> TimelineLine:
    return TimelineLine(
        at=transition.at, status=transition.alert["status"], reason=transition.reason, by=transition.by,
        comment=transition.comment,
    )  # fmt: skip
