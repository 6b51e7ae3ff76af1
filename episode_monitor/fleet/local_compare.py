"""What this worker's own partitions say to a check: digests, holdings, findings, positions. Answered from memory."""

from collections.abc import Sequence

from agents.engine.ownership import Owned
from agents.fleet.fleet_view import FleetView
from agents.time_slices import in_slices
from episode_monitor.fleet.peer_protocol import (
    Compared,
    CompareQuestion,
    HoldingsQuestion,
    IssuesQuestion,
    KnownPage,
    KnownQuestion,
    PartialAnswer,
    Position,
    PositionsQuestion,
    StreamIssue,
    StreamIssues,
)
from streams.base.ranking import Lowest, Rank, rank
from streams.base.steps import Steps
from streams.partition.drift_values import Holdings
from streams.partition.holdings import digest_of, holdings_of, known_projects
from streams.partition.summary import STATE_STEP, STEP, splits_of

COMPARE_STEP = 32  # digests between two steps, about half a millisecond


class OwnNumbers:
    """Only live partitions are spoken for."""

    def __init__(self, sight: FleetView) -> None:
        self._sight = sight

    async def compare(self, question: CompareQuestion) -> PartialAnswer[Compared]:
        """Which projects are the same here as the question says."""
        live = self._sight.live
        found = await in_slices(_compared(live, question.projects))
        return PartialAnswer(partitions=_numbers(live), found=found)

    async def holdings(self, question: HoldingsQuestion) -> PartialAnswer[list[Holdings]]:
        """Those of the projects that are here."""
        live = self._sight.live
        found = await in_slices(_held(live, question.projects))
        return PartialAnswer(partitions=_numbers(live), found=found)

    async def known(self, question: KnownQuestion) -> PartialAnswer[KnownPage]:
        """A page of a partition's projects; found is None where the partition is not here."""
        live = self._sight.live
        for owned in live:
            if owned.number == question.partition:
                projects, next_start = known_projects(owned.partition, question.start, question.limit)
                page = KnownPage(projects=projects, next_start=next_start, generation=owned.generation)
                return PartialAnswer(partitions=_numbers(live), found=page)
        return PartialAnswer(partitions=_numbers(live), found=None)

    async def issues(self, question: IssuesQuestion) -> PartialAnswer[StreamIssues]:
        """The worst projects, worst first, and what there is besides."""
        live = self._sight.live
        found = await in_slices(_issues(live, question))
        return PartialAnswer(partitions=_numbers(live), found=found)

    async def positions(self, question: PositionsQuestion) -> PartialAnswer[list[Position]]:
        """How far each partition is."""
        live = self._sight.live
        engine = self._sight.engine
        found = [Position(owned.number, owned.position, owned.position + engine.lag(owned)) for owned in live]
        return PartialAnswer(partitions=_numbers(live), found=found)


def _numbers(live: Sequence[Owned]) -> list[int]:
    return [owned.number for owned in live]


def _compared(live: Sequence[Owned], projects: list[tuple[str, int]]) -> Steps[Compared]:
    same: list[int] = []
    different: list[int] = []
    for place, (project_id, wanted) in enumerate(projects):
        for owned in live:
            found = digest_of(owned.partition, project_id)
            if found is not None:
                (same if found == wanted else different).append(place)
                break
        if place % COMPARE_STEP == COMPARE_STEP - 1:
            yield
    return Compared(same=same, different=different)


def _held(live: Sequence[Owned], projects: list[str]) -> Steps[list[Holdings]]:
    found = []
    for seen, project_id in enumerate(projects, 1):
        for owned in live:
            held = holdings_of(owned.partition, project_id)
            if held is not None:
                found.append(held)
        if seen % STATE_STEP == 0:
            yield
    return found


def _issues(live: Sequence[Owned], question: IssuesQuestion) -> Steps[StreamIssues]:
    """Projects change between two steps: each is counted once, by what is listed of it or by what it had at first."""
    worst: Lowest[Rank, Owned] = Lowest(question.limit)
    projects = sum(owned.partition.index.counted_projects for owned in live)
    splits = [facts for owned in live for facts in splits_of(owned.partition, question.limit)][: question.limit]
    unlisted = {
        (owned.number, project): sum(found)
        for owned in live
        for project, found in owned.partition.index.unhealthy.items()
    }
    for owned in live:
        for seen, (project_id, (gaps, duplicates)) in enumerate(list(owned.partition.index.unhealthy.items()), 1):
            head = owned.partition.head(project_id)
            if head is not None:
                worst.offer(rank(project_id, gaps, duplicates, head.max_number), owned)
            if seen % STEP == 0:
                yield
    found = []
    for seen, (place, owned) in enumerate(worst.entries(), 1):
        unlisted.pop((owned.number, place[2]), None)
        issue = _issue(owned, place[2], question.numbers)
        if issue is not None:
            found.append(issue)
        if seen % STATE_STEP == 0:
            yield
    return StreamIssues(
        issues=found,
        projects=projects,
        splits=splits,
        unlisted_projects=len(unlisted),
        unlisted_findings=sum(unlisted.values()),
    )


def _issue(owned: Owned, project_id: str, limit: int) -> StreamIssue | None:
    state = owned.partition.look(project_id)
    if state is None or not state.numbering.findings:
        return None
    numbering = state.numbering
    return StreamIssue(
        project_id=project_id,
        gaps=numbering.open_gaps.first_numbers(limit),
        gaps_total=numbering.open_gaps.count,
        duplicates=sorted(numbering.open_duplicates)[:limit],
        duplicates_total=len(numbering.open_duplicates),
        max_number=numbering.max_number,
    )
