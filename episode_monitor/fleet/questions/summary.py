"""The fleet at a glance."""

from episode_monitor.fleet.local_state import LocalState, parts_of_fleet
from episode_monitor.fleet.question import Question
from models.integrity_views import IntegritySummary
from streams.views.project_views import integrity_summary


class SummaryQuestion(Question[IntegritySummary, IntegritySummary], frozen=True, kw_only=True):
    """Projects, gaps and duplicates in all."""

    async def answer(self, here: LocalState) -> IntegritySummary:
        parts = parts_of_fleet(here.view)
        return integrity_summary((part.counts for part in parts), here.view.stale_partitions(parts))
