"""A person waives an open finding: it leaves totals, health and alerts until its time is over."""

from functools import partial
from typing import Any

from agents.engine.ownership import Owned
from agents.fleet_topic.fleet_view import FleetView
from episode_monitor.fleet.errors import Recovering, Refusal, Refused
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.questions.finding import UNKNOWN_FINDING
from episode_monitor.fleet.transaction import Act, Performed
from models.finding_views import FindingView
from streams.project.findings import BeforeWaiving, WaiverRefusal, waive_and_judge
from streams.views.finding_views import finding_view

REFUSALS = {
    WaiverRefusal.UNKNOWN: UNKNOWN_FINDING,
    WaiverRefusal.NOT_OPEN: Refusal(
        409,
        "finding_not_open",
        "Only an open finding can be waived: this one is still suspect, or already waived.",
    ),
    WaiverRefusal.TOO_MANY: Refusal(
        409,
        "finding_too_many",
        "Too many findings of this project are waived: repair some, or wait until waivers expire.",
    ),
}


class WaiveFinding(Act[FindingView, FindingView], frozen=True, kw_only=True):
    """`until_ms` is by the wall clock."""

    found = FindingView
    moved = "look at the findings, then try again."
    project_id: str
    finding_id: str
    by: str
    reason: str
    until_ms: int

    def place(self, here: LocalState) -> Owned | None:
        return next((part.owned for part in here.counted_parts_of(self.project_id)), None)

    def perform(self, owned: Owned, view: FleetView) -> Performed[FindingView]:
        partition = owned.partition
        state = partition.state_to_change(self.project_id)
        if state is None:
            raise Recovering
        at_ms, before = max(view.as_of_ms(owned), state.now_ms), BeforeWaiving.of(state)
        done = waive_and_judge(
            partition.core, state, self.finding_id, self.by, self.reason, at_ms, self.until_ms
        )  # fmt: skip
        if isinstance(done, WaiverRefusal):
            raise Refused(REFUSALS[done])
        finding, alerts = done
        assert finding.waiver is not None
        return Performed(
            answer=finding_view(finding),
            emits=alerts,
            undo=partial(before.restore, state, finding.waiver),
            keep=partial(partition.touch, state),
        )

    async def conclude(self, found: Any, here: LocalState) -> Any:
        if found is None:
            raise Refused(UNKNOWN_FINDING)
        return found
