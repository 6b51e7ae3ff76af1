"""One finding of one project, with its history."""

from episode_monitor.fleet.errors import Refusal, Refused
from episode_monitor.fleet.local_state import LocalPart
from episode_monitor.fleet.question import OfProject
from models.finding_views import FindingDetail
from streams.views.finding_views import finding_detail

UNKNOWN_FINDING = Refusal(
    404, "unknown_finding", "The project has no finding with this id, now or in its history: list its findings."
)


class FindingQuestion(OfProject[FindingDetail], frozen=True, kw_only=True):
    """None if no event ever named the project. Raises Refused where it has no such finding, and remembers none."""

    found = FindingDetail
    finding_id: str

    def of(self, part: LocalPart) -> FindingDetail:
        detail = finding_detail(part.state, self.finding_id, part.at_ms)
        if detail is None:
            raise Refused(UNKNOWN_FINDING)
        return detail
