"""What must hold before numbers are changed, and what is said where it does not. Pure."""

from collections.abc import Sequence
from typing import Final

import msgspec

from episode_monitor.repair.announcer import can_be_told
from episode_monitor.repair.episodes import Moved
from episode_monitor.repair.errors import Code, RepairRefused
from episode_monitor.repair.plan_state import KeptPlan, PlanAction, fingerprint
from episode_monitor.repair.planning import CannotPlan, Change, EpisodeRow, Strategy, after, inverse, numbers_of, plan
from models.event import MAX_EPISODE_NUMBER

SMALLER_BY: Final = 3  # times fewer changes are worth a word
WARNED_IDS: Final = 5  # named in a warning


class OnlyNewer(Moved):
    """Nothing but newer episodes is in the way: the same plan may still be done with them."""


class TooMany(Exception):
    """With the newer episodes it is more than one person may do; the message is one sentence."""


def guarded(kept: KeptPlan, act: PlanAction, rows: Sequence[EpisodeRow]) -> KeptPlan:
    """The plan with the newer episodes that it takes along, if the locked rows are as they must be. Raises Moved."""
    if act is PlanAction.APPLY:
        newer = _applying(kept, rows)
        return _replaced(kept, newer=newer, newer_since=[])
    newer_since = _rolling_back(kept, rows)
    return _replaced(kept, newer_since=newer_since, left_behind=_left_behind(kept, rows))


def _applying(kept: KeptPlan, rows: Sequence[EpisodeRow]) -> list[Change]:
    plan = kept.plan
    held = {row.episode_id: row for row in rows}
    moved = [
        change.episode_id
        for change in plan.changes
        if change.episode_id not in held
        or (held[change.episode_id].number, held[change.episode_id].version) != (change.old_number, change.version)
    ]
    if moved:
        raise Moved(f"episode {moved[0]} has been changed since the plan was made ({len(moved)} of them have)")
    newer = _above(plan.before.max_number, rows)
    new_ids = {row.episode_id for row in newer}
    if fingerprint(row for row in rows if row.episode_id not in new_ids) != plan.seen:
        raise Moved("episodes of the project were created, deleted or renumbered since the plan was made")
    if newer and not kept.progress.with_newer:
        count = "an episode was" if len(newer) == 1 else f"{len(newer)} episodes were"
        raise OnlyNewer(f"{count} created since the plan was made")
    distance = plan.after.max_number - plan.before.max_number
    return [_change(row, row.number, row.number + distance) for row in _in_range(newer, distance)]


def _rolling_back(kept: KeptPlan, rows: Sequence[EpisodeRow]) -> list[Change]:
    plan, held = kept.plan, {row.episode_id: row for row in rows}
    back = inverse([*plan.changes, *kept.progress.newer])
    for change in back:
        row = held.get(change.episode_id)
        if row is None or row.number != change.old_number:
            raise Moved(f"episode {change.episode_id} no longer has the number {change.old_number} that it was given")
    ours = {change.episode_id for change in back}
    others = [row for row in rows if row.episode_id not in ours]
    newer = _above(plan.after.max_number, others)
    distance = plan.before.max_number - plan.after.max_number
    taken_along = _in_range(newer, distance) if kept.progress.with_newer else []
    new_ids = {row.episode_id for row in newer}
    moving = {row.episode_id for row in taken_along}
    taken = {row.number: row.episode_id for row in others if row.episode_id not in moving}
    for change in back:
        holder = taken.get(change.new_number)
        if holder is not None and change.new_number not in plan.shared:
            kind = OnlyNewer if holder in new_ids else Moved
            raise kind(f"number {change.new_number} is now held by {holder}")
    return [_change(row, row.number + distance, row.number) for row in taken_along]


def _left_behind(kept: KeptPlan, rows: Sequence[EpisodeRow]) -> int:
    """Newer episodes that will stand above numbers which the rollback gives up."""
    plan = kept.plan
    if kept.progress.with_newer or plan.after.max_number <= plan.before.max_number:
        return 0
    ours = {change.episode_id for change in (*plan.changes, *kept.progress.newer)}
    return sum(row.episode_id not in ours for row in _above(plan.after.max_number, rows))


def _above(highest: int, rows: Sequence[EpisodeRow]) -> list[EpisodeRow]:
    """Episodes that were numbered after the plan's: whoever creates takes a number behind the highest."""
    return [row for row in rows if highest < row.number <= MAX_EPISODE_NUMBER]


def _in_range(newer: Sequence[EpisodeRow], distance: int) -> Sequence[EpisodeRow]:
    """Those that move by `distance`; none where it is 0. Raises Moved where they cannot."""
    if not distance:
        return []
    if len({row.number for row in newer}) < len(newer):
        raise Moved("episodes that were created since the plan was made have the same number")
    if any(row.number + distance > MAX_EPISODE_NUMBER for row in newer):
        raise Moved(f"there is no number left behind {MAX_EPISODE_NUMBER} for the episodes created since")
    return newer


def _change(row: EpisodeRow, old_number: int, new_number: int) -> Change:
    return Change(episode_id=row.episode_id, old_number=old_number, new_number=new_number)


def _replaced(kept: KeptPlan, **changes: object) -> KeptPlan:
    return msgspec.structs.replace(kept, progress=msgspec.structs.replace(kept.progress, **changes))


def warnings(rows: Sequence[EpisodeRow]) -> list[str]:
    odd = [row.episode_id for row in rows if not 1 <= row.number <= MAX_EPISODE_NUMBER]
    silent = [row.episode_id for row in rows if not can_be_told(row.episode_id, 1)]
    said = []
    if odd:
        said.append(f"{len(odd)} episodes have numbers outside 1 to {MAX_EPISODE_NUMBER}: {_some(odd)}.")
    if silent:
        said.append(f"{len(silent)} episodes have ids that no event can name, so the stream will not follow them.")
    return said


def smaller_plan(rows: Sequence[EpisodeRow], strategy: Strategy, changes: Sequence[Change]) -> list[str]:
    """Where closing up renumbers far more episodes than ending the duplicates takes, that is said."""
    if strategy is not Strategy.COMPACT or not numbers_of(rows).duplicates:
        return []
    try:
        other = plan(rows, Strategy.DUPLICATES_TO_END)
    except CannotPlan:
        return []
    if len(changes) < SMALLER_BY * len(other):
        return []
    gaps = numbers_of(after(rows, other)).gaps
    left = f" and leave {gaps} missing {'number' if gaps == 1 else 'numbers'}" if gaps else ""
    return [
        f"compact changes {len(changes)} of {len(rows)} episodes; the strategy duplicates_to_end would end the "
        f"duplicates with {len(other)}{left}."
    ]


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:WARNED_IDS]) + (", …" if len(ids) > WARNED_IDS else "")


def same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def contended(project_id: str, error: BaseException) -> RepairRefused:
    constraint = getattr(error, "constraint_name", None)
    if constraint:
        return RepairRefused(
            Code.CONTENDED,
            f"Constraint {constraint} refused new numbers of {project_id} each time, so nothing was changed: others "
            "keep taking numbers, or rows hold them that the plan does not see, such as deleted ones.",
        )
    return RepairRefused(
        Code.CONTENDED,
        f"Others kept changing {project_id} at the same moment, so nothing was changed: try again when it is quieter.",
    )
