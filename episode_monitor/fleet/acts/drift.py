"""What checks find, handed to the worker that keeps the alerts about drift.

It keeps them in the state of one partition. The same report twice changes nothing.
"""

from collections.abc import Callable

import msgspec

from agents.engine.ownership import Owned
from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import Scope
from episode_monitor.fleet.transaction import Act, Performed
from models.alert import Alert
from streams.partition.drift_alerts import DriftAlerts
from streams.partition.drift_values import Named

_MOVED = "look at the alerts about drift, then try again."


class ReportDrift(Act[bool, bool], frozen=True, kw_only=True):
    """All that drifts, or, of the projects that were looked at, those that drift and those that do not any more."""

    scope = Scope.ONE_PARTITION
    found = bool
    moved = _MOVED
    is_all: bool
    drifting: list[Named]
    over: list[str] = msgspec.field(default_factory=list)

    def place(self, here: LocalState) -> Owned | None:
        return here.drift_keeper

    def perform(self, owned: Owned, view: FleetView) -> Performed[bool] | bool:
        if self.is_all:
            return _changed(owned, lambda kept: kept.replace(self.drifting, view.now_ms()))
        return _changed(owned, lambda kept: kept.change(self.drifting, self.over, view.now_ms()))


def _changed(owned: Owned, change: Callable[[DriftAlerts], list[Alert]]) -> Performed[bool] | bool:
    kept = owned.drift_alerts
    before, was_dirty = kept.encode(), kept.is_dirty

    def undo() -> None:
        kept.restore(before)
        kept.is_dirty = was_dirty

    emits = change(kept)
    return Performed(answer=True, emits=emits, undo=undo) if kept.is_dirty else True
