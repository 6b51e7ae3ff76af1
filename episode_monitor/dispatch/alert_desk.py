"""The dispatcher as those who ask about alerts see it; the values of now come from the owners of the projects."""

import asyncio

import msgspec
import structlog

from episode_monitor.dispatch.desk import DispatchDesk
from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.errors import ALREADY_RESOLVED, UNKNOWN_ALERT, InvalidQuery, Refused, Unreachable, ViewError
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.fleet.questions.alert_history import AlertHistoryQuestion
from episode_monitor.storage.paging import BadQuery, decode_place, encode_place
from episode_monitor.web.alert_desk import (
    ActivePage,
    AlertAct,
    AlertActKind,
    deliveries_of,
    details_of_history,
    fields_of,
)
from episode_monitor.web.problems import Problem
from models.alert import Alert, AlertStatus
from models.alert_views import AlertDetails, DeliveryLine, NextStep, NotTold, TimelineLine
from models.times import rfc3339
from streams.dispatch.active import Place, place_of_alert
from streams.dispatch.inputs import Acknowledge, Act, Resolve, Unacknowledge, silence_of_alert
from streams.dispatch.state import State
from streams.dispatch.table import Refusal, Status
from streams.dispatch.views import Explained, Seen, seen

log = structlog.get_logger(__name__)

_MINUTE_MS = 60_000
TAKEN_OVER_FROM = "acknowledged_before_by"  # annotation of the answer to a second acknowledgement
LOOK_SECONDS, LOOKS = 0.02, 250  # until the dispatcher has read what a core has emitted


class DispatchedAlerts:
    """`episode_monitor.web.alert_desk.AlertDesk`."""

    def __init__(self, desk: DispatchDesk, fleet: Asks) -> None:
        self._desk = desk
        self._fleet = fleet

    async def active(self, limit: int, cursor: str | None) -> ActivePage:
        """See `AlertDesk`. An alert that a person resolved is not active, though its rule may still be crossed. One
        that a core has just emitted is active before the dispatcher has read it."""
        current = await self._values()
        now = current or {}
        try:
            after = None if cursor is None else decode_place(cursor, Place)
        except BadQuery as error:
            raise InvalidQuery("cursor", str(error)) from error
        state, listed = self._desk.state(), self._desk.active()
        ahead = {_place(one): one for one in now.values() if _is_ahead(state, one)}
        replaced = {place[-1] for place in ahead}
        known = [place for place in listed.page(limit + 1 + len(ahead), after) if place[-1] not in replaced]
        places = sorted([*known, *(place for place in ahead if after is None or place > after)])
        page = [Seen(ahead[at], [], []) if at in ahead else seen(state, state.alerts[at[-1]]) for at in places[:limit]]
        alerts = [Seen(_with_values(one.alert, now), one.silenced_by, one.inhibited_by) for one in page]
        total = len(listed) + sum(key not in listed for key in replaced)
        following = encode_place(places[limit - 1]) if len(places) > limit else None
        return ActivePage(alerts, total, following, values_are_current=current is not None)

    async def _values(self) -> dict[str, Alert] | None:
        """By id, what the cores measure now. None: they cannot be asked, the values of the last transition remain."""
        try:
            return {alert.alert_id: alert for alert in await self._fleet.ask(ActiveAlertsQuestion())}
        except ViewError:
            return None

    async def _emitted(self, alert_key: str) -> Alert | None:
        values = await self._values() or {}
        return next((one for one in values.values() if one.alert_key == alert_key), None)

    async def perform(self, act: AlertAct) -> Alert:
        """See `AlertDesk`."""
        try:
            await self._has_come(act.alert_key)
            if act.kind is AlertActKind.SILENCE:
                self._check_fires(act.alert_key)
            before = self._taken_by(act)
            await self._desk.perform(self._given(act))
        except Problem as problem:
            if problem.code == Refusal.UNKNOWN_ALERT.value:
                raise await self._unknown(act.alert_key) from None
            raise
        state = self._desk.state()
        live = state.alerts.get(act.alert_key)
        if live is None:
            raise Refused(UNKNOWN_ALERT)
        alert = seen(state, live).alert
        if before in ("", act.by):
            return alert
        return msgspec.structs.replace(alert, annotations={**alert.annotations, TAKEN_OVER_FROM: before})

    def _taken_by(self, act: AlertAct) -> str:
        """Who has the alert, where another acknowledgement is about to replace it; "" for other acts."""
        live = self._desk.state().alerts.get(act.alert_key)
        taken = live.record.acknowledgement if live else None
        return taken.by if taken and act.kind is AlertActKind.ACKNOWLEDGE else ""

    async def _has_come(self, alert_key: str) -> None:
        """Wait for an alert that a core has just emitted, and that the dispatcher is about to read."""
        emitted = None if alert_key in self._desk.active() else await self._emitted(alert_key)
        for _ in range(LOOKS):
            if emitted is None or not _is_ahead(self._desk.state(), emitted):
                return
            await asyncio.sleep(LOOK_SECONDS)

    def _given(self, act: AlertAct) -> Act:
        now_ms = self._desk.now_ms()
        until_ms = now_ms + act.minutes * _MINUTE_MS if act.minutes else 0
        match act.kind:
            case AlertActKind.ACKNOWLEDGE:
                return Acknowledge(alert_key=act.alert_key, by=act.by, comment=act.comment, until_ms=until_ms)
            case AlertActKind.UNACKNOWLEDGE:
                return Unacknowledge(alert_key=act.alert_key, by=act.by, comment=act.comment)
            case AlertActKind.RESOLVE:
                return Resolve(alert_key=act.alert_key, by=act.by, comment=act.comment)
            case AlertActKind.SILENCE:
                alert = self._desk.state().alerts[act.alert_key].record.alert
                return silence_of_alert(alert, now_ms, until_ms, act.by, act.comment)

    def _check_fires(self, alert_key: str) -> None:
        """A silence needs no alert, but one of an alert by its key does."""
        live = self._desk.state().alerts.get(alert_key)
        if live is None:
            raise Problem(404, Refusal.UNKNOWN_ALERT.value, UNKNOWN_ALERT.detail)
        if live.record.status in (Status.HUSHED, Status.RESOLVED):
            raise Refused(ALREADY_RESOLVED)

    async def _unknown(self, alert_key: str) -> ViewError:
        """The dispatcher forgets what ended long ago, and learns of what has just begun a moment later."""
        page = await self._fleet.ask(AlertHistoryQuestion(alert_key=alert_key, limit=1))
        if not page.transitions:
            return Refused(UNKNOWN_ALERT)
        if page.transitions[0].alert["status"] == AlertStatus.RESOLVED.value:
            return Refused(ALREADY_RESOLVED)
        return Unreachable("The dispatcher has not read this alert yet, so nothing was changed: try again shortly.")

    async def details(self, alert_key: str) -> AlertDetails | None:
        """See `AlertDesk`."""
        found = self._desk.explained(alert_key)
        if found is None:
            return await details_of_history(self._fleet, alert_key, await self._emitted(alert_key))
        state = self._desk.state()
        one = seen(state, state.alerts[alert_key])
        deliveries = await deliveries_of(self._fleet, alert_key)
        values = await self._values()
        return _details(
            one, found, _with_values(one.alert, values or {}), deliveries,
            values_are_current=values is not None or one.alert.status is AlertStatus.RESOLVED,
        )  # fmt: skip


def _is_ahead(state: State, emitted: Alert) -> bool:
    """Whether the dispatcher has not read this firing yet."""
    live = state.alerts.get(emitted.alert_key)
    if live is None:
        return True
    known = live.record.alert
    return known.alert_id != emitted.alert_id and known.starts_at_ms < emitted.starts_at_ms


def _place(emitted: Alert) -> Place:
    return place_of_alert(emitted, is_pending=emitted.status is AlertStatus.PENDING)


def _with_values(alert: Alert, now: dict[str, Alert]) -> Alert:
    current = now.get(alert.alert_id)
    if current is None or alert.status is AlertStatus.RESOLVED:
        return alert
    return msgspec.structs.replace(
        alert, value=current.value, sample_size=current.sample_size, description=current.description,
        trace_ids=current.trace_ids, inputs=current.inputs,
        updated_at_ms=max(alert.updated_at_ms, current.updated_at_ms),
    )  # fmt: skip


def _details(
    one: Seen, found: Explained, alert: Alert, deliveries: list[DeliveryLine] | None, *, values_are_current: bool
) -> AlertDetails:
    return AlertDetails(
        **fields_of(alert), silenced_by=one.silenced_by, inhibited_by=one.inhibited_by,
        timeline=[
            TimelineLine(
                at=rfc3339(line.at_ms), status=_word(line.status), reason=line.reason, by=line.by or None,
                comment=line.comment or None,
            )
            for line in found.timeline
        ],
        deliveries=deliveries,
        not_told=[
            NotTold(receiver=why.receiver, reason=why.text, until=rfc3339(why.until_ms) if why.until_ms else None)
            for why in found.not_told
        ],
        next=[NextStep(at=rfc3339(step.at_ms), what=step.what) for step in found.next],
        values_are_current=values_are_current,
    )  # fmt: skip


def _word(status: str) -> str:
    """For people an alert that a person resolved is resolved."""
    return AlertStatus.RESOLVED.value if status == Status.HUSHED.value else status
