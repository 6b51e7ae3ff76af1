"""Rates and latencies over a window, of the fleet or of one project."""

import asyncio
from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalPart, LocalState, parts_of_fleet, totals_of
from episode_monitor.fleet.measured import MeasuredPart
from episode_monitor.fleet.question import OfProject, OfProjectParts, Question
from models.performance_views import PerformanceStats
from streams.rates import performance
from streams.views.project_views import newest_ms


class FleetStatsQuestion(Question[PerformanceStats, PerformanceStats], frozen=True, kw_only=True):
    """Of the fleet, up to the newest time of its partitions."""

    window_minutes: int

    async def answer(self, here: LocalState) -> PerformanceStats:
        parts = parts_of_fleet(here.view)
        at_ms, calendar = newest_ms(part.counts for part in parts), here.view.engine.core.calendar
        measured, today = [], 0
        for part in parts:
            totals = totals_of(part)
            measured.append(performance.window_of_now(totals.series, self.window_minutes, at_ms))
            today += performance.today(totals.days, calendar, at_ms)
            await asyncio.sleep(0)  # each takes a few milliseconds
        return performance.stats(None, performance.add_up(measured), today, self.window_minutes, at_ms)


class ProjectStatsQuestion(OfProject[PerformanceStats], frozen=True, kw_only=True):
    """Of one project, up to its own partition's time; None if no event ever named it."""

    found = PerformanceStats
    window_minutes: int

    def of(self, part: LocalPart) -> PerformanceStats:
        state, at_ms = part.state, part.at_ms
        measured = performance.window_of_now(state.series, self.window_minutes, at_ms)
        today = performance.today(state.days, state.core.calendar, at_ms)
        return performance.stats(state.project_id, measured, today, self.window_minutes, at_ms)

    def of_all_parts(self) -> "StatsOfPartsQuestion":
        return StatsOfPartsQuestion(project_id=self.project_id, window_minutes=self.window_minutes)


class StatsOfPartsQuestion(OfProjectParts[MeasuredPart, PerformanceStats | None], frozen=True, kw_only=True):
    """The same from all parts of a project in several partitions, each up to its own time."""

    found = list[MeasuredPart]
    window_minutes: int

    def of(self, part: LocalPart) -> MeasuredPart:
        window = performance.window_of_now(part.state.series, self.window_minutes, part.at_ms)
        return MeasuredPart.of(part, {0: window})

    def join(self, parts: Sequence[MeasuredPart], here: LocalState) -> PerformanceStats | None:
        if not parts:
            return None
        measured = performance.add_up(found for part in parts for found in part.intervals().values())
        today = sum(int(part.today, 16) for part in parts)
        at_ms = max(part.at_ms for part in parts)
        return performance.stats(self.project_id, measured, today, self.window_minutes, at_ms)
