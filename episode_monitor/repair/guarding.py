"""What must hold before numbers are changed, and what is said where it does not. Pure."""

from collections.abc import Sequence
from typing import Final

from episode_monitor.repair.announcer import can_be_told
from episode_monitor.repair.episodes import Moved
from episode_monitor.repair.planning import Change, EpisodeRow, inverse
from episode_monitor.repair.record import Act, Plan, fingerprint
from episode_monitor.repair.refusals import Code, RepairRefused
from models.event import MAX_EPISODE_NUMBER

WARNED_IDS: Final = 5  # named in a warning


def guarded(plan: Plan, act: Act, rows: Sequence[EpisodeRow]) -> list[Change]:
    """The changes, if the locked rows are as they must be. Raises Moved."""
    held = {row.episode_id: row for row in rows}
    if act is Act.APPLY:
        moved = [
            change.episode_id
            for change in plan.changes
            if change.episode_id not in held
            or (held[change.episode_id].number, held[change.episode_id].version) != (change.old_number, change.version)
        ]
        if moved:
            raise Moved(f"episode {moved[0]} has been changed since the plan was made ({len(moved)} of them have)")
        if fingerprint(rows) != plan.seen:
            raise Moved("episodes of the project were created, deleted or renumbered since the plan was made")
        return plan.changes
    back = inverse(plan.changes)
    for change in back:
        row = held.get(change.episode_id)
        if row is None or row.number != change.old_number:
            raise Moved(f"episode {change.episode_id} no longer has the number {change.old_number} that it was given")
    ours = {change.episode_id for change in back}
    taken = {row.number: row.episode_id for row in rows if row.episode_id not in ours}
    for change in back:
        if change.new_number in taken and change.new_number not in plan.shared:
            raise Moved(f"number {change.new_number} is now held by {taken[change.new_number]}")
    return back


def warnings(rows: Sequence[EpisodeRow]) -> list[str]:
    odd = [row.episode_id for row in rows if not 1 <= row.number <= MAX_EPISODE_NUMBER]
    silent = [row.episode_id for row in rows if not can_be_told(row.episode_id, 1)]
    said = []
    if odd:
        said.append(f"{len(odd)} episodes have numbers outside 1 to {MAX_EPISODE_NUMBER}: {_some(odd)}.")
    if silent:
        said.append(f"{len(silent)} episodes have ids that no event can name, so the stream will not follow them.")
    return said


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:WARNED_IDS]) + (", …" if len(ids) > WARNED_IDS else "")


def same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def contended(project_id: str) -> RepairRefused:
    return RepairRefused(
        Code.CONTENDED,
        f"Others kept changing {project_id} at the same moment, so nothing was changed: try again when it is quieter.",
    )
