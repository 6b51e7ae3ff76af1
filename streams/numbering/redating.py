"""Since when numbers are missing or shared, computed again from the newest changes in the order of their event times.

As long as events come in order, the times in `streams.numbering.suspects` are right. An event out of order may show
that a number was taken, or left, at another time: then the suspects are dated again.
"""

from typing import Final

from streams.numbering.chunks import CHUNK_SHIFT
from streams.numbering.episodes import Episodes
from streams.numbering.suspects import Hole, Suspects

KEPT: Final = 256  # changes remembered of a project
MOST_HOLES = 1000  # with more, holes keep their times
OLD = 0  # before everything that is remembered

Change = tuple[int, bool, int]  # event time, whether a number was left (else taken), the number


def newest(changes: list[Change]) -> list[Change]:
    """The newest `KEPT` in order. At equal times numbers are taken before others are left, as in a swap."""
    changes.sort()
    return changes[-KEPT:]


def redate(episodes: Episodes, suspects: Suspects, changes: list[Change], horizon_ms: int) -> None:
    """Date every suspect by these changes, which are in order."""
    if len(changes) >= KEPT:
        horizon_ms = changes[0][0]  # earlier ones are forgotten
    replayed = _Replay(episodes, changes)
    shared = {number: replayed.shared_since_ms(number, since, horizon_ms) for number, since in suspects.shared.items()}
    holes = suspects.holes
    if len(holes) <= MOST_HOLES:
        holes = [part for hole in holes for part in replayed.parts(hole, horizon_ms)]
    suspects.replace(_joined(holes), {number: max(since_ms, 1) for number, since_ms in shared.items()})


class _Replay:
    """What happened to the numbers that changed. `free_ms` and `shared_ms`: since when no episode, or several, hold
    them; `tops`: the highest number held, from each time on."""

    def __init__(self, episodes: Episodes, changes: list[Change]) -> None:
        held = _held_before(episodes, changes)
        untouched = _highest_untouched(episodes, held)
        self.free_ms = {number: OLD for number, count in held.items() if count <= 0}
        self.shared_ms = {number: OLD for number, count in held.items() if count > 1}
        tops = [(OLD, max([untouched, *(number for number, count in held.items() if count > 0)]))]
        for at_ms, is_left, number in changes:
            count = held[number] = held[number] + (-1 if is_left else 1)
            if count == 0:
                self.free_ms[number] = at_ms
            elif count == 1 and not is_left:
                self.free_ms.pop(number, None)
            elif count == 2 and not is_left:
                self.shared_ms[number] = at_ms
            top = tops[-1][1]
            if not is_left and number > top:
                tops.append((at_ms, number))
            elif is_left and number == top and count == 0:
                tops.append((at_ms, max([untouched, *(each for each, count in held.items() if count > 0)])))
        self.tops = tops

    def shared_since_ms(self, number: int, since_ms: int, horizon_ms: int) -> int:
        """Since when several episodes hold a number without a break; `since_ms` is the time known so far."""
        shared_ms = self.shared_ms.get(number)
        if shared_ms is None:
            return since_ms
        return min(since_ms, horizon_ms) if shared_ms == OLD else shared_ms

    def exceeded_ms(self, number: int) -> int:
        """Since when a higher number is held without a break."""
        since_ms = OLD
        for place in range(len(self.tops) - 1, -1, -1):
            at_ms, top = self.tops[place]
            if top <= number:
                break
            since_ms = at_ms
        return since_ms

    def parts(self, hole: Hole, horizon_ms: int) -> list[Hole]:
        """The hole, cut where its numbers are missing since different times."""
        inside = {number for number in self.free_ms if hole.start <= number <= hole.end}
        cuts = inside | {number + 1 for number in inside}
        cuts |= {top for _, top in self.tops}
        starts = [hole.start, *sorted(cut for cut in cuts if hole.start < cut <= hole.end)]
        ends = [start - 1 for start in starts[1:]] + [hole.end]
        return [self._part(start, end, hole, horizon_ms) for start, end in zip(starts, ends, strict=True)]

    def _part(self, start: int, end: int, hole: Hole, horizon_ms: int) -> Hole:
        free_ms, exceeded_ms = self.free_ms.get(start, OLD), self.exceeded_ms(start)
        if start not in self.free_ms and hole.floor_ms:  # left before the oldest remembered change
            free_ms = hole.floor_ms
        since_ms = max(free_ms, exceeded_ms)
        if since_ms == OLD:
            since_ms = min(hole.since_ms, max(horizon_ms, 1))
        return Hole(start, end, since_ms, since_ms if free_ms >= exceeded_ms and free_ms > OLD else 0)


def _held_before(episodes: Episodes, changes: list[Change]) -> dict[int, int]:
    """By how many episodes each number that changed was held before it did."""
    held: dict[int, int] = {}
    for _, is_left, number in changes:
        held[number] = held.get(number, 0) + (1 if is_left else -1)
    for number, less in held.items():
        owners = episodes.duplicates.get(number)
        now = len(owners) if owners is not None else int(episodes.owner(number) is not None)
        held[number] = max(0, now + less)
    return held


def _highest_untouched(episodes: Episodes, touched: dict[int, int]) -> int:
    """The highest number that is held and did not change; 0 where there is none."""
    for chunk in reversed(episodes.chunks):
        for place in range(int(chunk.end()) - 1, -1, -1):
            number = (chunk.index << CHUNK_SHIFT) + place
            if number not in touched and chunk.owner(place) is not None:
                return number
    return 0


def _joined(holes: list[Hole]) -> list[Hole]:
    """Neighbours that were never held and are missing since the same moment are one hole, as when they were found."""
    found: list[Hole] = []
    for hole in holes:
        last = found[-1] if found else None
        if (
            last is None
            or last.end + 1 != hole.start
            or last.floor_ms
            or hole.floor_ms
            or last.since_ms != hole.since_ms
        ):
            found.append(hole)
        else:
            last.end = hole.end
    return found
