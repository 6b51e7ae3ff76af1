"""Looks at what the stream shows after a repair, and at the database once more. Pure but for the waiting.

What the stream says is wrong only where the database contradicts it; what both say is not the repair's doing.
"""

import asyncio
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Sequence

from episode_monitor.fleet.errors import ViewError
from episode_monitor.repair.plan_state import KeptPlan, Verification
from episode_monitor.repair.planning import EpisodeRow
from models.integrity_views import ProjectView

VERIFY_SECONDS = 15.0
FIRST_PAUSE_SECONDS = 0.1
LAST_PAUSE_SECONDS = 1.0

Look = Callable[[], Awaitable[Sequence[EpisodeRow]]]
AskStream = Callable[[str], Awaitable[ProjectView | None]]
Verdict = tuple[Verification, str]


def contradictions(view: ProjectView, rows: Iterable[EpisodeRow]) -> int:
    """Numbers that the stream calls missing or doubled, settled or not, and the database does not."""
    holders = Counter(row.number for row in rows)
    held = sorted(holders)
    gaps = [*view.gap_ranges, *_suspected(view, "gap")]
    doubled = {*view.duplicates, *(first for first, _ in _suspected(view, "duplicate"))}
    wrong_gaps = sum(bisect_right(held, last) - bisect_left(held, first) for first, last in gaps)
    return wrong_gaps + sum(1 for number in doubled if holders[number] < 2)


def _suspected(view: ProjectView, kind: str) -> list[tuple[int, int]]:
    return [(suspect.first_number, suspect.last_number) for suspect in view.suspects if suspect.kind == kind]


def came_with_an_old_number(kept: KeptPlan, rows: Iterable[EpisodeRow]) -> int | None:
    """The number of an episode that was numbered from the highest of before; it would leave a gap behind it.

    Only a creator that does not take the advisory lock can do this.
    """
    along = kept.progress.newer
    before = max(kept.plan.before.max_number, *(change.old_number for change in along), 0)
    after = max(kept.plan.after.max_number, *(change.new_number for change in along), 0)
    above = sorted({row.number for row in rows if row.number > after})
    if after >= before or not above or above[-1] <= before or len(above) == above[-1] - after:
        return None
    return next(number for number in above if number > before)


async def verdict(kept: KeptPlan, ask: AskStream, look: Look, wait_seconds: float = VERIFY_SECONDS) -> Verdict:
    """Waits until the stream has applied the last event of the act, and at most `wait_seconds` for it to agree."""
    deadline = asyncio.get_running_loop().time() + wait_seconds
    pause, found = FIRST_PAUSE_SECONDS, (Verification.INCONCLUSIVE, "The stream has not processed the events yet.")
    while True:
        found = await _look(kept, ask, look, found)
        left = deadline - asyncio.get_running_loop().time()
        if found[0] in (Verification.PASSED, Verification.SKIPPED) or left <= 0:
            return found
        await asyncio.sleep(min(pause, left))
        pause = min(2 * pause, LAST_PAUSE_SECONDS)


async def _look(kept: KeptPlan, ask: AskStream, look: Look, before: Verdict) -> Verdict:
    try:
        view = await ask(kept.plan.project_id)
    except ViewError:
        return before  # it is read back, or another worker does not answer: neither good nor bad
    progress = kept.progress
    if progress.partition is None or progress.sent_offset is None:
        return Verification.SKIPPED, "The stream does not know this project, so it cannot confirm the repair."
    if view is None:
        return before
    if view.applied.partition != progress.partition or view.applied.offset < progress.sent_offset:
        return before
    rows = await look()
    number = came_with_an_old_number(kept, rows)
    if number is not None and progress.state is progress.state.APPLIED:
        return Verification.FAILED, (
            f"Number {number} was derived from the old highest number: code that creates episodes must hold the "
            "advisory lock from reading the highest number until the insert."
        )
    wrong = contradictions(view, rows)
    if wrong > progress.surplus:
        return Verification.FAILED, (
            f"Numbers that the stream still reports as missing or duplicate and are not: {wrong}."
        )
    return Verification.PASSED, "The stream shows the new numbers."
