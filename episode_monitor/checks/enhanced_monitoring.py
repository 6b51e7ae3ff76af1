"""Enhanced monitoring: while a critical alert of a project fires, that project is checked every minute.

Each look is compared with the one a minute before; what both agree on is drift, and what a look does not show is none.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from agents.engine.ownership import Owned
from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.checks.close_compare import Look, agreed, look
from episode_monitor.checks.errors import CheckFailed
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.checks.table_comparison import OpenReader
from episode_monitor.fleet.acts.drift import ReportDrift
from episode_monitor.service_database.errors import ServiceDatabaseError
from models.alert import Severity
from streams.alerting.alert_life import is_pending
from streams.alerting.rule import FLEET
from streams.base.numbering_rules import NumberingRules
from streams.partition.drift_alerts import KEEPER, drifting, named
from streams.partition.partition import Partition

log = structlog.get_logger(__name__)

WATCH_SECONDS = 60.0
MAX_WATCHED = 256  # projects of one worker; with more in trouble at once, the others wait for the deep check


class Watch:
    """Watches this worker's own projects, and those of alerts about drift if it keeps these."""

    def __init__(
        self,
        view: FleetView,
        stream: StreamSide,
        open_reader: OpenReader,
        rules: NumberingRules,
        now_ms: Callable[[], int],
    ) -> None:
        self.watched: list[str] = []
        self._view = view
        self._stream = stream
        self._open_reader = open_reader
        self._rules = rules
        self._now_ms = now_ms
        self._before = Look({}, 0)
        self._failing = ""

    async def run(self) -> None:
        """Watch for ever. What fails is tried again a minute later."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.once()
                self._failing = ""
            except (CheckFailed, ServiceDatabaseError) as error:
                if str(error) != self._failing:
                    self._failing = str(error)
                    log.warning("projects with critical alerts cannot be checked every minute", reason=self._failing)

    async def once(self) -> None:
        """One look at each project that needs it. Raises CheckFailed, ServiceDatabaseError."""
        critical = sorted({project for owned in self._view.live for project in critical_projects(owned.partition)})
        self.watched = list(dict.fromkeys([*drifting_projects(self._view.live), *critical]))[:MAX_WATCHED]
        if not self.watched:
            self._before = Look({}, 0)
            return
        async with self._open_reader() as reader:
            now = await look(reader, self._stream, dict.fromkeys(self.watched, 0), self._rules, caught_up=True)
        found, self._before = agreed(self._before, now), now
        drifts = {
            project: drifting(
                {}, project, seen.differences, 0 if seen.held is None else len(seen.held.numbers), self._now_ms()
            )
            for project, seen in found.items()
        }
        # A drift that one look no longer shows is over; one that only the second look shows has to wait for a third.
        over = [] if now.not_examined else [project for project in self.watched if project not in now.projects]
        if drifts or over:
            await self._stream.report(ReportDrift(is_all=False, drifting=named(drifts), over=over))


def drifting_projects(live: Iterable[Owned]) -> list[str]:
    """Projects with alerts about drift of their own, where these are kept."""
    kept = next((owned.drift_alerts for owned in live if owned.number == KEEPER), None)
    return [] if kept is None else [alert.project_id for alert in kept.active() if alert.project_id != FLEET]


def critical_projects(partition: Partition) -> Iterable[str]:
    """Projects of which a critical alert fires."""
    by_id = partition.core.rules.by_id
    for project in list(partition.index.alerting):
        state = partition.look(project)
        if state is not None and any(
            not is_pending(memory) and rule_id in by_id and by_id[rule_id].severity is Severity.CRITICAL
            for rule_id, memory in state.alerts.items()
        ):
            yield project
