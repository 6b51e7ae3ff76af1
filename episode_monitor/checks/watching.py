"""Enhanced monitoring: while a critical alert of a project fires, that project is checked every minute.

Each look is compared with the one a minute before; what both agree on is drift, and told at once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable

import structlog
from aiokafka.errors import KafkaError

from agents.fleet.sight import Sight
from episode_monitor.checks.deep import OpenReader
from episode_monitor.checks.drift_alerts import Drifting, Drifts, drifting, firing, transitions
from episode_monitor.checks.failing import CheckFailed
from episode_monitor.checks.looking import Look, Stream, agreed, look
from episode_monitor.service_database.errors import ServiceDatabaseError
from models.alert import Alert, Severity
from streams.alerts import Phase
from streams.numbering import NumberingRules
from streams.partition import Partition

log = structlog.get_logger(__name__)

WATCH_SECONDS = 60.0
MAX_WATCHED = 256  # projects of one worker; with more in trouble at once, the others wait for the deep check

Tell = Callable[[Iterable[Alert]], Awaitable[None]]


class Watch:
    """Watches this worker's own projects. `known` is what the last deep check found: it is not told again."""

    def __init__(
        self,
        sight: Sight,
        stream: Stream,
        open_reader: OpenReader,
        rules: NumberingRules,
        tell: Tell,
        now_ms: Callable[[], int],
        known: Callable[[], Drifts],
    ) -> None:
        self.drifts: dict[str, Drifting] = {}
        self.watched: list[str] = []
        self._sight = sight
        self._stream = stream
        self._open_reader = open_reader
        self._rules = rules
        self._tell = tell
        self._now_ms = now_ms
        self._known = known
        self._before = Look({}, 0)
        self._failing = ""

    async def run(self) -> None:
        """Watch for ever. What fails is tried again a minute later."""
        while True:
            await asyncio.sleep(WATCH_SECONDS)
            try:
                await self.once()
                self._failing = ""
            except (CheckFailed, ServiceDatabaseError, KafkaError) as error:
                if str(error) != self._failing:
                    self._failing = str(error)
                    log.warning("projects with critical alerts cannot be checked every minute", reason=self._failing)

    async def once(self) -> None:
        """One look at each project that needs it. Raises CheckFailed, ServiceDatabaseError, KafkaError."""
        critical = sorted({project for owned in self._sight.live for project in critical_projects(owned.partition)})
        self.watched = list(dict.fromkeys([*self.drifts, *critical]))[:MAX_WATCHED]
        if not self.watched:
            self._before = Look({}, 0)
            return
        async with self._open_reader() as reader:
            now = await look(reader, self._stream, dict.fromkeys(self.watched, 0), self._rules, caught_up=True)
        found, self._before = agreed(self._before, now), now
        before = {**self._known(), **self.drifts}
        drifts = {
            project: drifting(
                before, project, seen.differences, 0 if seen.held is None else len(seen.held.numbers), self._now_ms()
            )
            for project, seen in found.items()
        }
        # A drift that one look no longer shows is over; one that only the second look shows has to wait for a third.
        told = firing(self._known()).keys() | firing(self.drifts).keys()
        news = [
            one
            for one in transitions(self.drifts, drifts, self._now_ms())
            if one.ends_at_ms or one.alert_id not in told
        ]
        if news:
            await self._tell(news)
        self.drifts = drifts


def critical_projects(partition: Partition) -> Iterable[str]:
    """Projects of which a critical alert fires."""
    by_id = partition.core.rules.by_id
    for project in list(partition.alerting):
        state = partition.state(project)
        if state is not None and any(
            memory.phase is Phase.FIRING and rule_id in by_id and by_id[rule_id].severity is Severity.CRITICAL
            for rule_id, memory in state.alerts.items()
        ):
            yield project
