"""The findings of one project."""

from episode_monitor.fleet.local_state import LocalPart
from episode_monitor.fleet.question import OfProject
from models.finding_views import FindingList
from streams.views.finding_views import finding_list


class FindingsQuestion(OfProject[FindingList], frozen=True, kw_only=True):
    """None if no event ever named the project."""

    found = FindingList

    def of(self, part: LocalPart) -> FindingList:
        return finding_list(part.state, part.at_ms)
