"""The numbers of a replay of the whole topic, as a comparison with the project service's table asks for them.

It goes on to the present end of the topic whenever it is to catch up.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing

import msgspec

from episode_monitor.replay.ranges import Bounds, Range
from episode_monitor.replay.run import Progress, Replay, ShowProgress
from episode_monitor.replay.source import Source
from streams.alerting.core import Core
from streams.partition.drift_values import Holdings
from streams.partition.holdings import digest_of, holdings_of, known_projects
from streams.partition.partition import Partition

PAGE_PROJECTS = 5_000


class ReplayedNumbers:
    """A `checks.numbers_side.NumbersSide`. What reads the topic raises what the source raises."""

    def __init__(
        self, core: Core, source: Callable[[Range], Source], progress: ShowProgress = lambda progress: None
    ) -> None:
        self._source = source
        self._replay = Replay(core)
        self._next: dict[int, int] = {}  # partition -> the offset to go on from
        self._progress = progress
        self.split: set[str] = set()  # projects asked for that are in several partitions
        self.bounds: tuple[Bounds, ...] = ()  # of each partition, from the first record that there is

    @property
    def partitions(self) -> list[Partition]:
        """All of them, in the order of their numbers."""
        return [each.partition for _, each in sorted(self._replay.partitions.items())]

    async def catch_up(self) -> None:
        """Take all that the topic has now."""
        source = self._source(Range(first=self._next or None))
        found = await source.resolve()
        begins = {each.partition: each.first for each in self.bounds}
        async with aclosing(source.batches(found)) as batches:  # type: ignore[type-var]
            async for batch in batches:
                self._replay.take(batch)
                self._progress(Progress(self._replay.events, source.done, source.total))
        self._next = {each.partition: each.first if each.end is None else each.end for each in found}
        self.bounds = tuple(
            Bounds(number, begins.get(number, each.first), self._next[number])
            for each in found for number in [each.partition]
        )  # fmt: skip

    async def compare(self, projects: Sequence[tuple[str, int]]) -> list[int]:
        """As the fleet answers it; of a project in several partitions every part must be equal."""
        partitions = self.partitions
        return [
            place
            for place, (project, wanted) in enumerate(projects)
            if {found for one in partitions if (found := digest_of(one, project)) is not None} != {wanted}
        ]

    async def holdings(self, projects: Sequence[str]) -> dict[str, Holdings]:
        """Of a project in several partitions the largest part."""
        found: dict[str, Holdings] = {}
        for project in projects:
            parts = [part for one in self.partitions if (part := holdings_of(one, project)) is not None]
            if parts:
                largest = max(parts, key=lambda part: len(part.numbers))
                found[project] = msgspec.structs.replace(largest, is_split=len(parts) > 1)
            if len(parts) > 1:
                self.split.add(project)
        return found

    async def known(self) -> AsyncIterator[list[str]]:
        """By partition, in the order in which they became known."""
        for partition in self.partitions:
            start: int | None = 0
            while start is not None:
                projects, start = known_projects(partition, start, PAGE_PROJECTS)
                yield projects
