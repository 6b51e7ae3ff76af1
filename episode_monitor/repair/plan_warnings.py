"""Warnings that a new plan carries. Pure."""

from collections.abc import Sequence
from typing import Final

from episode_monitor.repair.announcer import can_be_announced
from episode_monitor.repair.errors import CannotPlan
from episode_monitor.repair.planning import Change, EpisodeRow, Strategy, after, numbers_of, plan
from models.event import MAX_EPISODE_NUMBER

SMALLER_BY: Final = 3  # times fewer changes are worth a warning
WARNED_IDS: Final = 5  # named in a warning


def warnings(rows: Sequence[EpisodeRow], strategy: Strategy, changes: Sequence[Change]) -> list[str]:
    """One sentence each."""
    return [*_odd_episodes(rows), *_smaller_plan(rows, strategy, changes)]


def _odd_episodes(rows: Sequence[EpisodeRow]) -> list[str]:
    odd = [row.episode_id for row in rows if not 1 <= row.number <= MAX_EPISODE_NUMBER]
    silent = [row.episode_id for row in rows if not can_be_announced(row.episode_id, 1)]
    said = []
    if odd:
        said.append(f"{len(odd)} episodes have numbers outside 1 to {MAX_EPISODE_NUMBER}: {_some(odd)}.")
    if silent:
        said.append(f"{len(silent)} episodes have ids that are not valid in events, so the stream cannot show them.")
    return said


def _smaller_plan(rows: Sequence[EpisodeRow], strategy: Strategy, changes: Sequence[Change]) -> list[str]:
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
