"""What the messages about an alert came to: from the database, or from the memory of each worker."""

from collections.abc import Sequence
from typing import Any

import msgspec

from episode_monitor.fleet.errors import Unreachable
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import Question, Scope
from episode_monitor.storage.alert_deliveries import AlertDelivery
from episode_monitor.storage.database_service import DatabaseAway

MOST = 100


class Deliveries(msgspec.Struct, frozen=True):
    """Newest first. `is_all`: no other worker knows of more."""

    found: list[AlertDelivery]
    is_all: bool


class AlertDeliveriesQuestion(Question[Any, Deliveries], frozen=True, kw_only=True):
    """What this worker knows. Raises Unreachable without database."""

    alert_key: str

    async def answer(self, here: LocalState) -> Deliveries:
        try:
            found = await here.deliveries.of_alert(self.alert_key, MOST)
        except DatabaseAway as error:
            raise Unreachable(str(error)) from error
        return Deliveries(found, here.deliveries.is_shared)


class FleetAlertDeliveriesQuestion(AlertDeliveriesQuestion, frozen=True, kw_only=True):
    """What the workers have in memory."""

    scope = Scope.EVERY_OWNER
    found = Deliveries

    def merge(self, parts: Sequence[Deliveries], here: LocalState) -> Deliveries:
        rows = sorted((row for part in parts for row in part.found), key=lambda row: -row.at_ms)
        return Deliveries(rows[:MOST], True)
