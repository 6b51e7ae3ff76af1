"""How the numbers of a project are judged, as far as the settings decide it."""

from enum import Enum


class DeletedNumbers(Enum):
    """What the number of a deleted episode counts as while no other episode holds it."""

    GAP = "gap"
    HOLE = "hole"


# What a trace says of numbers first … last:
MISSING = 0  # no episode holds them any longer, or a higher one was taken
HELD = 1  # an episode took one that was suspect
FILLED = 2  # that was an open gap, or lies above the highest number now
ABOVE_TOP = 3  # whatever is greater is missing no longer
SHARED = 4  # another episode took it, too
UNSHARED = 5  # one episode alone holds one that was suspect
HEALED = 6  # that was an open duplicate
SET_ASIDE = 7  # implausible
Trace = list[tuple[int, int, int]]  # what, first, last; in the order of the changes


class NumberingRules:
    """Settings of the numbering: event time in milliseconds, numbers as they are."""

    __slots__ = ("deleted", "first_number", "max_episodes", "max_jump", "settle_ms", "trace")

    def __init__(
        self,
        settle_ms: int = 60_000,
        deleted: DeletedNumbers = DeletedNumbers.GAP,
        first_number: int | None = 1,
        max_jump: int = 1000,
        max_episodes: int = 100_000,
        trace: Trace | None = None,
    ) -> None:
        """`first_number` None: whatever is seen first; a lower number seen later lowers it. `trace`: where all projects
        note which numbers begin or cease to be out of order; the caller empties it."""
        self.settle_ms = settle_ms
        self.deleted = deleted
        self.first_number = first_number
        self.max_jump = max_jump
        self.max_episodes = max_episodes
        self.trace = trace


def health_score(max_number: int, gaps: int, duplicates: int) -> float:
    """`100 · (1 − (gaps + duplicates) / max)` to one decimal and never below 0; 100.0 without episodes."""
    if max_number == 0:
        return 100.0
    return max(0.0, round(100.0 * (1.0 - (gaps + duplicates) / max_number), 1))
