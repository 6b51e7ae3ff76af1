"""What the locked rows must look like before a plan is applied or rolled back. Pure."""

from collections.abc import Container, Sequence

import msgspec

from episode_monitor.repair.errors import OnlyNewer, RowsMoved
from episode_monitor.repair.plan_state import KeptPlan, Plan, PlanAction, fingerprint
from episode_monitor.repair.planning import Change, EpisodeRow, inverse
from models.event import MAX_EPISODE_NUMBER


class NewerEpisodes(msgspec.Struct, frozen=True, kw_only=True):
    """Episodes created since the plan was made, as `RepairProgress` has them."""

    newer: list[Change]
    newer_since: list[Change]
    left_behind: int


def newer_episodes(kept: KeptPlan, act: PlanAction, rows: Sequence[EpisodeRow]) -> NewerEpisodes:
    """Checks the locked rows, and says which newer episodes move along. Raises RowsMoved."""
    progress = kept.progress
    if act is PlanAction.APPLY:
        return NewerEpisodes(newer=_applying(kept, rows), newer_since=[], left_behind=progress.left_behind)
    return NewerEpisodes(
        newer=progress.newer, newer_since=_rolling_back(kept, rows), left_behind=_left_behind(kept, rows)
    )


def _applying(kept: KeptPlan, rows: Sequence[EpisodeRow]) -> list[Change]:
    plan = kept.plan
    newer = _above(plan.before.max_number, rows)
    _refuse_moved_rows(plan, rows, {row.episode_id for row in newer})
    if newer and not kept.progress.with_newer:
        count = "an episode was" if len(newer) == 1 else f"{len(newer)} episodes were"
        raise OnlyNewer(f"{count} created since the plan was made")
    distance = plan.after.max_number - plan.before.max_number
    return [_change(row, row.number, row.number + distance) for row in _in_range(newer, distance)]


def _refuse_moved_rows(plan: Plan, rows: Sequence[EpisodeRow], newer: Container[str]) -> None:
    """Every row must be as it was when the plan was made."""
    held = {row.episode_id: (row.number, row.version) for row in rows}
    moved = [one for one in plan.changes if held.get(one.episode_id) != (one.old_number, one.version)]
    if moved:
        raise RowsMoved(
            f"episode {moved[0].episode_id} has been changed since the plan was made ({len(moved)} of them have)"
        )
    if fingerprint(row for row in rows if row.episode_id not in newer) != plan.seen:
        raise RowsMoved("episodes of the project were created, deleted or renumbered since the plan was made")


def _rolling_back(kept: KeptPlan, rows: Sequence[EpisodeRow]) -> list[Change]:
    plan, numbers = kept.plan, {row.episode_id: row.number for row in rows}
    back = inverse([*plan.changes, *kept.progress.newer])
    for change in back:
        if numbers.get(change.episode_id) != change.old_number:
            raise RowsMoved(
                f"episode {change.episode_id} no longer has the number {change.old_number} that it was given"
            )
    ours = {change.episode_id for change in back}
    others = [row for row in rows if row.episode_id not in ours]
    newer = _above(plan.after.max_number, others)
    distance = plan.before.max_number - plan.after.max_number
    taken_along = _in_range(newer, distance) if kept.progress.with_newer else []
    moving = {row.episode_id for row in taken_along}
    holders = {row.number: row for row in others if row.episode_id not in moving}
    for change in back:
        holder = holders.get(change.new_number)
        if holder is not None and change.new_number not in plan.shared:
            kind = OnlyNewer if holder in newer else RowsMoved
            raise kind(f"number {change.new_number} is now held by {holder.episode_id}")
    return [_change(row, row.number + distance, row.number) for row in taken_along]


def _left_behind(kept: KeptPlan, rows: Sequence[EpisodeRow]) -> int:
    """Newer episodes that will stand above numbers which the rollback gives up."""
    plan = kept.plan
    if kept.progress.with_newer or plan.after.max_number <= plan.before.max_number:
        return 0
    ours = {change.episode_id for change in (*plan.changes, *kept.progress.newer)}
    return sum(row.episode_id not in ours for row in _above(plan.after.max_number, rows))


def _above(highest: int, rows: Sequence[EpisodeRow]) -> list[EpisodeRow]:
    """Episodes that were created after the plan: a creator takes a number above the highest."""
    return [row for row in rows if highest < row.number <= MAX_EPISODE_NUMBER]


def _in_range(newer: Sequence[EpisodeRow], distance: int) -> Sequence[EpisodeRow]:
    """Those that move by `distance`; none where it is 0. Raises RowsMoved where they cannot."""
    if not distance:
        return []
    if len({row.number for row in newer}) < len(newer):
        raise RowsMoved("episodes that were created since the plan was made have the same number")
    if any(row.number + distance > MAX_EPISODE_NUMBER for row in newer):
        raise RowsMoved(f"there is no number left above {MAX_EPISODE_NUMBER} for the episodes created since")
    return newer


def _change(row: EpisodeRow, old_number: int, new_number: int) -> Change:
    return Change(episode_id=row.episode_id, old_number=old_number, new_number=new_number)
