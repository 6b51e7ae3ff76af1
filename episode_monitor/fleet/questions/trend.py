"""A point an hour, or a minute up to two hours, of the fleet or of one project. Hours without data are left out."""

import asyncio
from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalPart, LocalState, parts_of_fleet, totals_of
from episode_monitor.fleet.measured import MeasuredPart
from episode_monitor.fleet.question import OfProject, OfProjectParts, Question
from models.performance_views import PerformanceTrend
from streams.rates import performance
from streams.views.project_views import newest_ms


class FleetTrendQuestion(Question[PerformanceTrend, PerformanceTrend], frozen=True, kw_only=True):
    """Of the fleet, which remembers a week."""

    hours: int
    before_hours: int = 0  # the range ends so many hours before now

    async def answer(self, here: LocalState) -> PerformanceTrend:
        parts = parts_of_fleet(here.view)
        at_ms, found = newest_ms(part.counts for part in parts), []
        for part in parts:
            found.append(performance.intervals(totals_of(part).series, self.hours, at_ms, self.before_hours))
            await asyncio.sleep(0)
        return performance.trend(None, performance.merge_intervals(found), self.hours, at_ms, self.before_hours)


class ProjectTrendQuestion(OfProject[PerformanceTrend], frozen=True, kw_only=True):
    """Of one project, which remembers 25 hours; None if no event ever named it."""

    found = PerformanceTrend
    hours: int
    before_hours: int = 0  # the range ends so many hours before now

    def of(self, part: LocalPart) -> PerformanceTrend:
        intervals = performance.intervals(part.state.series, self.hours, part.at_ms, self.before_hours)
        return performance.trend(self.project_id, intervals, self.hours, part.at_ms, self.before_hours)

    def of_all_parts(self) -> "TrendOfPartsQuestion":
        return TrendOfPartsQuestion(project_id=self.project_id, hours=self.hours, before_hours=self.before_hours)


class TrendOfPartsQuestion(OfProjectParts[MeasuredPart, PerformanceTrend | None], frozen=True, kw_only=True):
    """The same from all parts of a project in several partitions, each up to its own time."""

    found = list[MeasuredPart]
    hours: int
    before_hours: int = 0  # the range ends so many hours before now

    def of(self, part: LocalPart) -> MeasuredPart:
        return MeasuredPart.of(
            part, performance.intervals(part.state.series, self.hours, part.at_ms, self.before_hours)
        )

    def join(self, parts: Sequence[MeasuredPart], here: LocalState) -> PerformanceTrend | None:
        if not parts:
            return None
        found = performance.merge_intervals(part.intervals() for part in parts)
        at_ms = max(part.at_ms for part in parts)
        return performance.trend(self.project_id, found, self.hours, at_ms, self.before_hours)
