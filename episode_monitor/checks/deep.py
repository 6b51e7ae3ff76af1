"""The deep check: every project by itself, and where DATABASE_URL is set the table compared with the stream.

A difference is called drift when two looks, GAP_SETTLE_SECONDS apart, agree on it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import msgspec

from episode_monitor.checks.close_compare import Seen
from episode_monitor.checks.stream_side import StreamSide
from episode_monitor.checks.table_comparison import OpenReader, compare_with_table
from episode_monitor.fleet.questions.issues import StreamIssue, StreamIssues
from models.check_views import DatabaseSummary, DeepCheckResult, Drift, DriftNumber, ProjectIssue, SplitProject
from models.integrity_views import Applied
from models.times import rfc3339
from streams.base.intervals import IntervalSet
from streams.base.numbering_rules import NumberingRules, health_score
from streams.base.ranking import rank
from streams.partition.drift import counts
from streams.partition.drift_alerts import drifting as drifting_now
from streams.partition.drift_values import DIFFERENT_OWNER, MISSING_IN_DATABASE, MISSING_IN_STREAM, Drifting, Drifts

MAX_ISSUES = 500  # listed; the result is kept, and sent to browsers
MAX_NUMBERS = 200  # of each kind and project
MAX_DRIFT_NUMBERS = 100  # of each project

Progress = Callable[[int, int | None], None]


class DeepCheck(msgspec.Struct, frozen=True, kw_only=True):
    """What one needs. `open_reader` None: there is no database. `before`: what drifted at the last check; `at_ms`: when
    this one began."""

    stream: StreamSide
    open_reader: OpenReader | None
    rules: NumberingRules
    settle_seconds: float
    at_ms: int
    before: Drifts
    progress: Progress
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def run(self) -> tuple[DeepCheckResult, dict[str, Drifting]]:
        """The result, and all that drifts. Raises ServiceDatabaseError, CheckFailed."""
        began = time.monotonic()
        summary = await self.stream.summary()
        self.progress(0, summary.total_projects)
        database: DatabaseSummary | None = None
        drifting: dict[str, Seen] = {}
        if self.open_reader is not None:
            database, drifting = await self._compare(self.open_reader, summary.total_projects)
        drifts = {project: self._remembered(project, seen) for project, seen in drifting.items()}
        found = await self.stream.issues(MAX_ISSUES, MAX_NUMBERS)
        checked = found.projects + sum(seen.held is None for seen in drifting.values())
        self.progress(checked, checked)
        totals = totals_of(found, drifting)
        result = DeepCheckResult(
            status="completed",
            duration_seconds=round(time.monotonic() - began, 3),
            projects_checked=checked,
            projects_with_issues=totals.projects,
            total_issues=totals.issues,
            project_issues=_listed(found.issues, drifting, drifts),
            database=database,
            split=[SplitProject(project_id=one.project_id, partitions=list(one.partitions)) for one in found.splits],
            truncated=totals.projects > MAX_ISSUES,
        )
        return result, drifts

    def _remembered(self, project: str, seen: Seen) -> Drifting:
        episodes = 0 if seen.held is None else len(seen.held.numbers)
        return drifting_now(self.before, project, seen.differences, episodes, self.at_ms)

    async def _compare(self, open_reader: OpenReader, total: int) -> tuple[DatabaseSummary, dict[str, Seen]]:
        found = await compare_with_table(
            self.stream, open_reader, self.rules, progress=lambda done: self.progress(min(done, total), total),
            settle=partial(self.sleep, self.settle_seconds),
        )  # fmt: skip
        passed, drifting = found.passed, found.drifting
        kinds = counts(difference for seen in drifting.values() for difference in seen.differences)
        summary = DatabaseSummary(
            episodes_read=passed.rows,
            projects_read=passed.projects,
            projects_with_drift=len(drifting),
            missing_in_stream=kinds[MISSING_IN_STREAM],
            missing_in_database=kinds[MISSING_IN_DATABASE],
            different_owner=kinds[DIFFERENT_OWNER],
            projects_not_examined=found.not_examined,
            invalid_rows=passed.invalid_rows,
        )
        return summary, drifting


class Totals(msgspec.Struct, frozen=True):
    """Projects with issues, and their gaps, duplicates and differences."""

    projects: int
    issues: int


def totals_of(found: StreamIssues, drifting: Mapping[str, Seen]) -> Totals:
    """Of the projects that are listed and of those beyond. A project that drifts counts as the second look saw it."""
    listed = {issue.project_id for issue in found.issues}
    alone = [issue for issue in found.issues if issue.project_id not in drifting]
    counted_beyond = [seen for project, seen in drifting.items() if project not in listed and _findings_held(seen)]
    projects = len(alone) + len(drifting) + max(found.unlisted_projects - len(counted_beyond), 0)
    issues = sum(issue.gaps_total + issue.duplicates_total for issue in alone)
    issues += sum(len(seen.differences) + _findings_held(seen) for seen in drifting.values())
    issues += max(found.unlisted_findings - sum(map(_findings_held, counted_beyond)), 0)
    return Totals(projects, issues)


def _listed(issues: Sequence[StreamIssue], drifting: Mapping[str, Seen], drifts: Drifts) -> list[ProjectIssue]:
    """Worst first, those with drift among them."""
    ranked = []
    for issue in issues:
        if issue.project_id not in drifting:
            place = rank(issue.project_id, issue.gaps_total, issue.duplicates_total, issue.max_number)
            ranked.append((place, _of_stream(issue)))
    for project, seen in drifting.items():
        since = rfc3339(drifts[project].since_ms)
        ranked.append((_place(project, seen), drift_issue(project, seen, since)))
    ranked.sort(key=lambda entry: entry[0])
    return [issue for _, issue in ranked[:MAX_ISSUES]]


def _of_stream(issue: StreamIssue) -> ProjectIssue:
    return ProjectIssue(
        project_id=issue.project_id,
        gaps=issue.gaps,
        duplicates=issue.duplicates,
        health_score=health_score(issue.max_number, issue.gaps_total, issue.duplicates_total),
        gaps_total=issue.gaps_total,
        duplicates_total=issue.duplicates_total,
    )


def _findings(seen: Seen) -> tuple[IntervalSet, list[int], int]:
    """Gaps and duplicates that either side knows, and the highest number of both."""
    gaps, duplicates, highest = IntervalSet(list(seen.gaps)), set(seen.duplicates), seen.max_number
    if seen.held is not None:
        for start, end in seen.held.gaps:
            gaps.add(start, end)
        duplicates.update(seen.held.duplicates)
        highest = max([highest, *seen.held.numbers[-1:]])
    return gaps, sorted(duplicates), highest


def _findings_held(seen: Seen) -> int:
    """Open gaps and duplicates that the stream counts by itself."""
    if seen.held is None:
        return 0
    return sum(end - start + 1 for start, end in seen.held.gaps) + len(seen.held.duplicates)


def _place(project: str, seen: Seen) -> tuple[int, int, str]:
    gaps, duplicates, highest = _findings(seen)
    return rank(project, gaps.count, len(duplicates) + len(seen.differences), max(highest, 1))


def drift_issue(project: str, seen: Seen, since: str) -> ProjectIssue:
    """A project with drift as people see it."""
    gaps, duplicates, highest = _findings(seen)
    kinds = counts(seen.differences)
    first = sorted(seen.differences)[:MAX_DRIFT_NUMBERS]
    held = seen.held
    return ProjectIssue(
        project_id=project,
        gaps=gaps.first_numbers(MAX_NUMBERS),
        duplicates=duplicates[:MAX_NUMBERS],
        health_score=health_score(highest, gaps.count, len(duplicates)),
        gaps_total=gaps.count,
        duplicates_total=len(duplicates),
        drift=Drift(
            missing_in_stream=kinds[MISSING_IN_STREAM],
            missing_in_database=kinds[MISSING_IN_DATABASE],
            different_owner=kinds[DIFFERENT_OWNER],
            numbers=[
                DriftNumber(number=one.number, kind=one.kind, stream=list(one.stream), database=list(one.database))
                for one in first
            ],
            applied=None if held is None else Applied(partition=held.partition, offset=held.applied),
            since=since,
        ),
    )
