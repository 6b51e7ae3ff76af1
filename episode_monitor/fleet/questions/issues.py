"""The projects with open findings: the worst one by one, the others as sums."""

from collections.abc import Sequence

import msgspec

from agents.engine.ownership import Owned
from agents.time_slices import in_slices
from episode_monitor.fleet.local_state import LocalState
from episode_monitor.fleet.question import LONG_ANSWER_SECONDS, Question, Scope, once_per_project
from streams.base.ranking import Lowest, Rank, rank
from streams.base.steps import Steps
from streams.partition.summary import STATE_STEP, STEP, SplitFacts, splits_of


class StreamIssue(msgspec.Struct, frozen=True, kw_only=True):
    """One project with open findings."""

    project_id: str
    gaps: list[int]
    gaps_total: int
    duplicates: list[int]
    duplicates_total: int
    max_number: int


class StreamIssues(msgspec.Struct, frozen=True, kw_only=True):
    """What some partitions find, all of one moment."""

    issues: list[StreamIssue]  # worst first
    projects: int  # all that are known, healthy ones too
    unlisted_projects: int = 0  # with open findings, beyond the limit
    unlisted_findings: int = 0  # their gaps and duplicates
    splits: list[SplitFacts] = []  # projects in several partitions


class IssuesQuestion(Question[StreamIssues, StreamIssues], frozen=True, kw_only=True):
    """At most `limit` projects, worst first; of each at most so many `numbers` of a kind."""

    scope = Scope.EVERY_OWNER
    seconds = LONG_ANSWER_SECONDS
    found = StreamIssues
    limit: int
    numbers: int

    async def answer(self, here: LocalState) -> StreamIssues:
        return await in_slices(_issues(here.live, self))

    def merge(self, parts: Sequence[StreamIssues], here: LocalState) -> StreamIssues:
        issues = once_per_project(
            (part.issues for part in parts),
            lambda one: one.project_id,
            order=lambda one: rank(one.project_id, one.gaps_total, one.duplicates_total, one.max_number),
        )
        beyond = issues[self.limit :]
        return StreamIssues(
            issues=issues[: self.limit],
            splits=[facts for part in parts for facts in part.splits][: self.limit],
            projects=sum(part.projects for part in parts),
            unlisted_projects=len(beyond) + sum(part.unlisted_projects for part in parts),
            unlisted_findings=sum(one.gaps_total + one.duplicates_total for one in beyond)
            + sum(part.unlisted_findings for part in parts),
        )


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
    if state is None or not state.numbering.anomalies.findings:
        return None
    anomalies = state.numbering.anomalies
    return StreamIssue(
        project_id=project_id,
        gaps=anomalies.open_gaps.first_numbers(limit),
        gaps_total=anomalies.open_gaps.count,
        duplicates=sorted(anomalies.open_duplicates)[:limit],
        duplicates_total=len(anomalies.open_duplicates),
        max_number=state.numbering.max_number,
    )
