"""Which episode gets which number: pure, so that a plan can be proven without a database.

The changes come in an order that never gives a number twice on the way, so no unique index is ever in between.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from itertools import count, groupby, islice
from typing import Any

import msgspec

from episode_monitor.repair.errors import CannotPlan
from models.event import MAX_EPISODE_NUMBER
from models.repair import ProjectNumbers, RepairChange

_DIGITS = re.compile(r"([0-9]+)")


class Strategy(Enum):
    """How the numbers are repaired."""

    COMPACT = "compact"  # 1 … n in the present order
    DUPLICATES_TO_END = "duplicates_to_end"  # later holders of a number go behind the highest
    DUPLICATES_TO_GAPS = "duplicates_to_gaps"  # later holders of a number fill the lowest gaps, then go behind


class EpisodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """An episode as the database has it. `age` is its place by time of creation, where a column has it."""

    episode_id: str
    number: int
    version: str = ""
    age: int = 0


class Change(RepairChange, frozen=True, kw_only=True):
    """One episode's new number, and the version its row had when the plan was made."""

    version: str = ""


def plan(rows: Iterable[EpisodeRow], strategy: Strategy) -> list[Change]:
    """The changes, in a safe order; none where nothing has to change. Raises CannotPlan."""
    ordered = sorted(rows, key=_present_order)
    match strategy:
        case Strategy.COMPACT:
            wanted = list(zip(ordered, count(1), strict=False))
        case Strategy.DUPLICATES_TO_END:
            wanted = list(zip(_later_holders(ordered), _behind(ordered), strict=False))
        case Strategy.DUPLICATES_TO_GAPS:
            wanted = list(zip(_later_holders(ordered), _free_numbers(ordered), strict=False))
    changes = [
        Change(episode_id=row.episode_id, old_number=row.number, new_number=new, version=row.version)
        for row, new in wanted
        if row.number != new
    ]
    if any(change.new_number > MAX_EPISODE_NUMBER for change in changes):
        raise CannotPlan(
            f"There is no number left above {MAX_EPISODE_NUMBER}: choose the strategy {Strategy.COMPACT.value}."
        )
    return in_safe_order(changes)


def in_safe_order(changes: Sequence[Change]) -> list[Change]:
    """First those that go down, lowest first; then those that go up, highest first.

    The order of episodes by number is kept, so an episode that goes down to `n` finds `n` left already by one that went
    down before it, and one that goes up to `n` by one that went up before it. Targets outside the changes are free.
    """
    down = sorted((change for change in changes if change.new_number < change.old_number), key=_new_number)
    up = sorted((change for change in changes if change.new_number > change.old_number), key=_new_number, reverse=True)
    return down + up


def inverse(changes: Sequence[Change]) -> list[Change]:
    """What takes `changes` back, in the order that is safe because it is theirs backwards."""
    return [
        Change(episode_id=change.episode_id, old_number=change.new_number, new_number=change.old_number)
        for change in reversed(changes)
    ]


def with_newer(changes: Sequence[Change], newer: Sequence[Change]) -> list[Change]:
    """`changes` and those of episodes behind them all, in a safe order: those that make room go first.

    Every one of `newer` moves by the same distance, so that none of them overtakes another.
    """
    up = sorted((change for change in newer if change.new_number > change.old_number), key=_new_number, reverse=True)
    down = sorted((change for change in newer if change.new_number < change.old_number), key=_new_number)
    return [*up, *changes, *down]


def numbers_of(rows: Iterable[EpisodeRow]) -> ProjectNumbers:
    """What is wrong with these numbers. Takes time by the rows, however far apart the numbers are."""
    held = sorted(row.number for row in rows)
    in_range = [number for number in held if 1 <= number <= MAX_EPISODE_NUMBER]
    highest = in_range[-1] if in_range else 0
    return ProjectNumbers(
        episodes=len(held),
        max_number=highest,
        gaps=highest - len(set(in_range)),
        duplicates=sum(1 for _, holders in groupby(in_range) if len(list(islice(holders, 2))) == 2),
        out_of_range=len(held) - len(in_range),
    )


def with_newer_numbers(numbers: ProjectNumbers, newer: Sequence[int]) -> ProjectNumbers:
    """The same with episodes of these numbers, no two alike and all above its highest."""
    if not newer:
        return numbers
    return msgspec.structs.replace(
        numbers,
        episodes=numbers.episodes + len(newer),
        max_number=max(newer),
        gaps=numbers.gaps + max(newer) - numbers.max_number - len(newer),
    )


def after(rows: Iterable[EpisodeRow], changes: Iterable[Change]) -> list[EpisodeRow]:
    """The rows as they will be."""
    new = {change.episode_id: change.new_number for change in changes}
    return [msgspec.structs.replace(row, number=new.get(row.episode_id, row.number)) for row in rows]


def _present_order(row: EpisodeRow) -> tuple[int, int, list[Any], str]:
    return row.number, row.age, natural(row.episode_id), row.episode_id


def natural(episode_id: str) -> list[Any]:
    """Sorts `ep_9` before `ep_10`: digits count as numbers, compared by length first, for they may be very long."""
    parts = _DIGITS.split(episode_id)
    return [(len(part.lstrip("0")), part.lstrip("0")) if place % 2 else part for place, part in enumerate(parts)]


def _new_number(change: Change) -> int:
    return change.new_number


def _later_holders(ordered: Sequence[EpisodeRow]) -> list[EpisodeRow]:
    return [row for _, holders in groupby(ordered, key=lambda row: row.number) for row in islice(holders, 1, None)]


def _behind(ordered: Sequence[EpisodeRow]) -> Iterator[int]:
    return count(max(0, *(row.number for row in ordered)) + 1) if ordered else count(1)


def _free_numbers(ordered: Sequence[EpisodeRow]) -> Iterator[int]:
    expected = 1
    for row in ordered:
        yield from range(expected, row.number)
        expected = max(expected, row.number + 1)
    yield from count(expected)
