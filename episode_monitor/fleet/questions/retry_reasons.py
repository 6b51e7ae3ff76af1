"""Why operations were retried, of the fleet or of one project, since the beginning of the topic: windows keep no
reasons."""

from collections.abc import Sequence

from episode_monitor.fleet.local_state import LocalPart, LocalState, parts_of_fleet, totals_of
from episode_monitor.fleet.question import OfProject, OfProjectParts, Question
from models.performance_views import RetryReason, RetryReasons
from models.times import rfc3339
from streams.base.packed_counts import rate_percentage
from streams.views.project_views import newest_ms

REASONS = ("conflict", "timeout", "error")  # in the order of the counters
Counted = tuple[int, tuple[int, int, int]]  # the time of a part in milliseconds, and its retries by reason


class FleetRetriesQuestion(Question[RetryReasons, RetryReasons], frozen=True, kw_only=True):
    """Of the fleet."""

    async def answer(self, here: LocalState) -> RetryReasons:
        parts = parts_of_fleet(here.view)
        return retry_reasons(
            None, [totals_of(part).retries for part in parts], newest_ms(part.counts for part in parts)
        )


class ProjectRetriesQuestion(OfProject[RetryReasons], frozen=True, kw_only=True):
    """Of one project; None if no event ever named it."""

    found = RetryReasons

    def of(self, part: LocalPart) -> RetryReasons:
        return retry_reasons(self.project_id, [part.state.retries], part.at_ms)

    def of_all_parts(self) -> "RetriesOfPartsQuestion":
        return RetriesOfPartsQuestion(project_id=self.project_id)


class RetriesOfPartsQuestion(OfProjectParts[Counted, RetryReasons | None], frozen=True, kw_only=True):
    """The same from all parts of a project in several partitions."""

    found = list[Counted]

    def of(self, part: LocalPart) -> Counted:
        conflict, timeout, error = part.state.retries
        return part.at_ms, (conflict, timeout, error)

    def join(self, parts: Sequence[Counted], here: LocalState) -> RetryReasons | None:
        if not parts:
            return None
        return retry_reasons(self.project_id, [retries for _, retries in parts], max(at_ms for at_ms, _ in parts))


def retry_reasons(project_id: str | None, counted: Sequence[Sequence[int]], at_ms: int) -> RetryReasons:
    """The view of these counters together."""
    sums = [sum(counters) for counters in zip(*counted, strict=True)] or [0] * len(REASONS)
    total = sum(sums)
    reasons = [
        RetryReason(reason=reason, retries=count, percentage=rate_percentage(count, total))
        for reason, count in zip(REASONS, sums, strict=True)
    ]
    return RetryReasons(project_id=project_id, total_retries=total, reasons=reasons, as_of=rfc3339(at_ms))
