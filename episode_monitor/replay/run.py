"""One replay from beginning to end: records in, partition by partition, and a report at the end; nothing is written."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Generic, TypeVar

import msgspec

from episode_monitor.replay.partition_replay import Outcome, PartitionReplay, Saved
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.report import Report, merged
from episode_monitor.replay.source import ReplayBatch, Source
from streams.alerting.core import Core

MOST_DECODED = 20_000  # projects whose states are kept as objects; beyond that they are packed as if to be stored


class Progress(msgspec.Struct, frozen=True):
    """How far a replay is: `done` of `total` in offsets or bytes; `total` None: not known."""

    events: int
    done: int
    total: int | None


ShowProgress = Callable[[Progress], None]


P = TypeVar("P", bound=PartitionReplay)


class Partitions(Generic[P]):
    """Hands records to the replay of their partition. `make` makes one, which begins at an offset; `shares`: how many
    of these share the memory for states."""

    def __init__(self, make: Callable[[int, int], P], shares: int = 1) -> None:
        self.partitions: dict[int, P] = {}
        self._make = make
        self._most_decoded = MOST_DECODED // shares

    @property
    def events(self) -> int:
        """Records taken."""
        return sum(each.tally.events for each in self.partitions.values())

    def take(self, batch: ReplayBatch) -> None:
        """Records of one partition, whose offsets must rise."""
        taker = self.partitions.get(batch.partition)
        if taker is None:
            first = batch.records[0].offset if batch.records else batch.after or 0
            taker = self.partitions[batch.partition] = self._make(batch.partition, first)
        taker.take(batch.records, batch.after)
        if taker.decoded > self._most_decoded // len(self.partitions):
            taker.pack()

    def advance(self, until_ms: int | None) -> None:
        """Let event time reach this moment, as the wall clock does on an idle partition; None: the newest event's."""
        for each in self.partitions.values():
            each.finish(until_ms)


class Replay(Partitions[PartitionReplay]):
    """Takes records. After that each project's digest, its state and the report can be read."""

    def __init__(self, core: Core, bounds: Sequence[Bounds] = (), saved: Sequence[Saved] = ()) -> None:
        """`bounds`: partitions that belong to the report even where no record comes; `saved`: states to go on from."""
        super().__init__(partial(PartitionReplay, core))
        self.core = core
        before = {each.tally.partition: each for each in saved}
        self.partitions = {
            each.partition: PartitionReplay(core, each.partition, each.first, before.get(each.partition))
            for each in bounds
        }

    @property
    def applied(self) -> int:
        """Events among them that changed a state."""
        return sum(each.tally.applied for each in self.partitions.values())

    @property
    def projects(self) -> int:
        """How many were seen, in each partition."""
        return sum(each.partition.index.projects for each in self.partitions.values())

    def saved(self) -> list[Saved]:
        """The states as they are now, to go on from."""
        return [each.saved() for each in self.partitions.values()]

    def outcomes(self) -> list[Outcome]:
        """What each partition came to."""
        return [each.outcome() for each in self.partitions.values()]

    def report(self, *, all_projects: bool = False, of_source: Sequence[str] = ()) -> Report:
        """What has come of it so far. `all_projects`: with each project's digest, however many there are; `of_source`:
        the warnings of the source."""
        return merged(self.core, self.outcomes(), all_projects=all_projects, of_source=of_source)


async def take_all(
    running: Replay,
    source: Source,
    bounds: Sequence[Bounds],
    *,
    progress: ShowProgress | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> bool:
    """Take the records within these bounds; False where it was stopped before their end.

    `progress` is called and `is_stopped` asked after every batch. Raises what the source raises.
    """
    async for batch in source.batches(bounds):
        running.take(batch)
        if progress is not None:
            progress(Progress(running.events, source.done, source.total))
        if is_stopped():
            return False
    return True


async def replay(core: Core, source: Source, until_ms: int | None = None) -> Report:
    """The report on all records of the source. At their end event time reaches `until_ms` where that is given.

    Raises what the source raises.
    """
    bounds = await source.resolve()
    running = Replay(core, bounds)
    await take_all(running, source, bounds)
    running.advance(until_ms)
    return running.report(of_source=source.warnings)
