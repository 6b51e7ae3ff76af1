"""Decides which sinks a transition goes to. Pure, and every decision says why."""

from collections.abc import Sequence
from enum import Enum

import msgspec

from models.alert import Alert, AlertStatus
from streams.alerting.verdict import Reason
from streams.dispatch.outputs import Notification
from streams.routing.alerting import ON_CALL, TEAM

NO_ON_CALL_MARK = "[ON-CALL]"  # opens the title of an escalation that the team sinks carry for want of on-call ones


class RouteReason(Enum):
    """Why a transition goes where it goes. The values are log fields and metric labels."""

    TEAM = "team"
    ON_CALL = "on_call"
    ON_CALL_BY_TEAM = "on_call_by_team"  # escalated, but no on-call sink is there
    RECEIVER = "receiver"  # another one, of the alerting file
    STAND_IN = "stand_in"  # it has no sink, or no worker here knows it
    RESOLVED = "resolved"
    SILENCE_ENDED = "silence_ended"  # it still fires: those who missed it are notified
    PENDING = "pending"  # no message yet
    NEVER_FIRED = "never_fired"  # it ended before its beginning was delivered
    ACT_OF_PERSON = "act_of_person"  # a person acknowledged or silenced it: no message
    SILENCED = "silenced"


ACTS_OF_PERSONS = (Reason.ACKNOWLEDGED_BY_PERSON.value, Reason.SILENCED_BY_PERSON.value)


class Route(msgspec.Struct, frozen=True):
    """The names of the sinks (none: no message), and a mark to put before the title ("" for none)."""

    sinks: tuple[str, ...]
    reason: RouteReason
    mark: str = ""


def route(
    alert: Alert, team: Sequence[str], on_call: Sequence[str], now_ms: int, *, on_call_knows: bool = True
) -> Route:
    """Where this transition goes at `now_ms` (wall clock: people silence by it), given the names of the sinks.

    `on_call_knows`: whether on-call was notified of an escalated alert; if not, its end is not sent to them. A firing
    goes to the team at level 0 and to on-call from level 1; a resolution, and a firing that outlived its
    silence, go to all who were or would have been notified.
    """
    if alert.status is AlertStatus.PENDING:
        return Route((), RouteReason.PENDING)
    if alert.reason == Reason.CLEARED_BEFORE_FIRING.value:
        return Route((), RouteReason.NEVER_FIRED)
    if alert.reason in ACTS_OF_PERSONS:
        return Route((), RouteReason.ACT_OF_PERSON)
    if alert.silenced_until_ms is not None and alert.silenced_until_ms > now_ms:
        return Route((), RouteReason.SILENCED)
    escalated = alert.escalation_level > 0 and on_call_knows
    if alert.status is AlertStatus.RESOLVED:
        return Route((*team, *on_call) if escalated else tuple(team), RouteReason.RESOLVED)
    if alert.reason == Reason.SILENCE_ENDED.value:
        return Route((*team, *on_call) if escalated else tuple(team), RouteReason.SILENCE_ENDED)
    if not escalated:
        return Route(tuple(team), RouteReason.TEAM)
    if on_call:
        return Route(tuple(on_call), RouteReason.ON_CALL)
    return Route(tuple(team), RouteReason.ON_CALL_BY_TEAM, NO_ON_CALL_MARK)


def reason_of(notification: Notification, stand_in: str) -> RouteReason:
    """Why a notification goes where it goes; `stand_in`: the receiver that has it instead, "" if none."""
    if stand_in:
        return (
            RouteReason.ON_CALL_BY_TEAM
            if (notification.receiver, stand_in) == (ON_CALL, TEAM)
            else RouteReason.STAND_IN
        )
    if not notification.firing:
        return RouteReason.RESOLVED
    return {TEAM: RouteReason.TEAM, ON_CALL: RouteReason.ON_CALL}.get(notification.receiver, RouteReason.RECEIVER)
