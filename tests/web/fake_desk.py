"""An alert desk that answers from what a fleet measures: a dispatcher has read all of it, and nobody has acted."""

from episode_monitor.fleet.ask import Asks
from episode_monitor.fleet.questions.active_alerts import ActiveAlertsQuestion
from episode_monitor.web.alert_desk import ActivePage, AlertAct, details_of_history
from models.alert import Alert
from models.alert_views import AlertDetails
from streams.dispatch.views import Seen


class FakeDesk:
    """See `episode_monitor.web.alert_desk.AlertDesk`."""

    def __init__(self, fleet: Asks) -> None:
        self._fleet = fleet

    async def active(self, limit: int, cursor: str | None) -> ActivePage:
        """All in one page."""
        alerts = await self._fleet.ask(ActiveAlertsQuestion())
        return ActivePage([Seen(alert, [], []) for alert in alerts], len(alerts))

    async def perform(self, act: AlertAct) -> Alert:
        """Nobody acts here."""
        raise NotImplementedError

    async def details(self, alert_key: str) -> AlertDetails | None:
        """What the history knows."""
        alerts = await self._fleet.ask(ActiveAlertsQuestion())
        active = next((alert for alert in alerts if alert.alert_key == alert_key), None)
        return await details_of_history(self._fleet, alert_key, active)
