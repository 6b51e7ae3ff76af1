"""The shapes of traffic: who sends how much. The events themselves are those of the load driver's generator."""

import bisect
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import msgspec

from benchmarks.peers.contender import Counts
from examples.load_driver.events import episode_events

HOT_SHARE = 0.5

Pick = Callable[[float], int]


def _one_after_the_other(projects: int) -> Pick:
    turns = itertools.cycle(range(projects))
    return lambda chance: next(turns)


def _zipf(projects: int) -> Pick:
    """The second project has half as many events as the first, the third a third, and so on."""
    sums = list(itertools.accumulate(1 / rank for rank in range(1, projects + 1)))
    return lambda chance: min(bisect.bisect(sums, chance * sums[-1]), projects - 1)


def _one_hot(projects: int) -> Pick:
    return lambda chance: 0 if chance < HOT_SHARE else int((chance - HOT_SHARE) / (1 - HOT_SHARE) * projects)


@dataclass(frozen=True)
class Shape:
    """`pick` None: all projects are equally likely."""

    name: str
    about: str
    projects: int
    conflict_ratio: float = 0.0
    pick: Callable[[int], Pick] | None = None

    def records(self, operations: int) -> Iterator[tuple[bytes, bytes]]:
        """Key and value of each event."""
        projects = min(self.projects, max(1, operations))
        pick = self.pick(projects) if self.pick else None
        return episode_events(1, projects, operations, self.conflict_ratio, pick=pick)


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("1000", "1 000 projects, equally likely", 1000),
        Shape("1000000", "1 000 000 projects, every event another key", 1_000_000, pick=_one_after_the_other),
        Shape("zipf", "10 000 projects by Zipf's law", 10_000, pick=_zipf),
        Shape("hot", "1 000 projects, one of which has half of all events", 1000, pick=_one_hot),
        Shape("conflicts", "1 000 projects, 2 % of the operations conflict", 1000, conflict_ratio=0.02),
    )
}


class _Counted(msgspec.Struct):
    type: str
    episode_number: int = 0


class Ledger:
    """Counts records as they are written, so that every contender's counts can be checked."""

    def __init__(self) -> None:
        self._sums: dict[str, list[int]] = {}
        self._decode = msgspec.json.Decoder(_Counted).decode

    def watched(self, records: Iterator[tuple[bytes, bytes]]) -> Iterator[tuple[bytes, bytes]]:
        """The same records, counted."""
        for key, value in records:
            event = self._decode(value)
            sums = self._sums.setdefault(key.decode(), [0, 0, 0, 0])
            sums[0] += 1
            sums[1] += event.type == "episode.creation_failed"
            sums[2] += event.type == "episode.creation_conflict"
            sums[3] = max(sums[3], event.episode_number)
            yield key, value

    def counts(self) -> dict[str, Counts]:
        """What everybody must come to."""
        return {project: Counts(*sums) for project, sums in self._sums.items()}
