"""The whole fleet as this worker sees it: its own partitions from memory, the others as their owners published them.

There is no partial view: a partition that is recovering or unknown makes it `Incomplete`.
"""

from collections.abc import Callable, Iterable
from typing import Protocol
from weakref import WeakSet

import msgspec

from agents.engine.ownership import Change, Owned, PartitionPhase
from agents.engine.record_counts import RecordCounts
from agents.fleet_topic.reader import FleetReader, Known
from agents.fleet_topic.record import PartitionStatus
from streams.alerting.core import Core
from streams.base.steps import Steps
from streams.partition.summary import PartitionCounts, PartitionLists, counts_of, lists_of
from streams.rates.totals import PartitionTotals
from streams.views.project_views import as_of_ms

QUIET_SECONDS = 2.0  # a partition at its end and silent for so long follows the wall clock


class Incomplete(Exception):
    """No answer for some partition now; the message says which."""


class CountsBytes(Protocol):
    """The part of the changelog that the read side uses."""

    @property
    def bytes_written(self) -> int:
        """Since the start."""


class ReadProgress(Protocol):
    """The part of `agents.engine.progress.Progress` that the read side uses."""

    def is_caught_up(self, owned: Owned, quiet_seconds: float, /) -> bool:
        """Whether a partition was read to its end and is idle."""

    def lag(self, owned: Owned, /) -> int:
        """Readable events of a partition that are not applied yet."""

    def waiting(self, owned: Owned, /) -> int | None:
        """Events of a partition not yet applied, open transactions included; None: unknown."""

    def answered_at(self, owned: Owned, /) -> float | None:
        """When a broker last answered for a partition that is asked for, by the wall clock."""


class Flushes(Protocol):
    """The part of `agents.engine.flusher.Flusher` that the read side uses."""

    @property
    def flushes(self) -> int:
        """How often state was stored."""

    @property
    def flush_seconds(self) -> float:
        """Time spent on storing."""

    @property
    def is_awaited(self) -> bool:
        """Whether something waits for a flush, so that it must not pause."""

    async def flush(self) -> None:
        """Store everything; must not be called under a partition's lock."""


class Emits(Protocol):
    """The part of `agents.engine.emitter.Emitter` that the read side uses."""

    async def emit(self, change: Change, /) -> None:
        """Emit what the partition has to emit."""


class Audits(Protocol):
    """The part of `agents.engine.auditor.Auditor` that the read side uses."""

    @property
    def problem(self) -> str:
        """What keeps checkpoints from being written, in a sentence."""

    @property
    def written(self) -> int:
        """How many it wrote."""

    @property
    def given_up(self) -> int:
        """How many records no checkpoint will cover."""


class EngineView(Protocol):
    """The part of `agents.engine.engine.Engine` that the read side uses."""

    @property
    def core(self) -> Core:
        """Rules and settings."""

    @property
    def owned(self) -> dict[int, Owned]:
        """This worker's partitions by number, live or recovering."""

    @property
    def former(self) -> RecordCounts:
        """Counts of partitions that it no longer owns."""

    @property
    def changelog(self) -> CountsBytes:
        """Where state is stored."""

    @property
    def progress(self) -> ReadProgress:
        """The reading positions."""

    @property
    def flusher(self) -> Flushes:
        """Stores state."""

    @property
    def auditor(self) -> Audits | None:
        """Writes audit checkpoints; None where none are written."""

    @property
    def emitter(self) -> Emits:
        """Sends alerts."""


class LocalPartition:
    """A live partition of this worker."""

    def __init__(self, owned: Owned, at_ms: int) -> None:
        self.owned = owned
        self.counts = counts_of(owned.partition, at_ms)

    @property
    def version(self) -> object:
        """Differs whenever an answer about this partition would."""
        return self.owned.generation, self.owned.partition.clock_ms, self.counts

    def lists(self, max_projects: int) -> Steps[PartitionLists]:
        """Worst projects and active alerts of this moment, in steps."""
        return lists_of(self.owned.partition, max_projects)

    def totals(self) -> PartitionTotals:
        """Brought up to date."""
        totals = self.owned.partition.totals
        totals.fold()
        return totals


class RemotePartition:
    """A partition of another worker, as its owner published last."""

    def __init__(self, known: Known, counts: PartitionCounts, core: Core) -> None:
        self.known = known
        self.counts = counts
        self._core = core

    @property
    def version(self) -> object:
        """Differs whenever an answer about this partition would."""
        return self.known.record.generation, self.known.offset

    def lists(self, max_projects: int) -> Steps[PartitionLists]:
        """What the owner listed. Raises Unreadable."""
        yield from ()
        return self.known.body().lists

    def totals(self) -> PartitionTotals:
        """What the owner published. Raises Unreadable."""
        return self.known.totals(self._core)


Part = LocalPartition | RemotePartition


class Owner(msgspec.Struct, frozen=True):
    """Another worker's address and partitions, and the token for requests to it."""

    url: str
    token: str
    partitions: tuple[int, ...]


class FleetView:
    """Puts engine and reader together.

    `partition_count` is of the events topic, 0 while unknown; `now_ms` is the wall clock.
    """

    def __init__(
        self,
        engine: EngineView,
        reader: FleetReader,
        partition_count: Callable[[], int],
        now_ms: Callable[[], int],
        worker_id: str,
    ) -> None:
        self.engine = engine
        self.reader = reader
        self.now_ms = now_ms
        self.partition_count = partition_count
        self._worker_id = worker_id
        self._looked_at: WeakSet[Owned] = WeakSet()

    @property
    def owned(self) -> dict[int, Owned]:
        """This worker's partitions, live or recovering."""
        return self.engine.owned

    @property
    def live(self) -> list[Owned]:
        """This worker's partitions that are live."""
        return [owned for owned in self.engine.owned.values() if self.status(owned) is PartitionStatus.LIVE]

    def status(self, owned: Owned) -> PartitionStatus | None:
        """Whether this worker recovers or serves one of its partitions; None: it has lost it.

        A partition without state is live if its log is empty, and not while its log is unread.
        """
        if owned.phase is PartitionPhase.GONE:
            return None
        if owned.phase is PartitionPhase.RECOVERING:
            return PartitionStatus.RECOVERING
        if owned not in self._looked_at:
            if not owned.partition.next_offset and not self.engine.progress.is_caught_up(owned, 0.0):
                return PartitionStatus.RECOVERING
            self._looked_at.add(owned)
        return PartitionStatus.LIVE

    @property
    def is_alone(self) -> bool:
        """Whether this worker owns every partition."""
        return 0 < self.partition_count() <= len(self.engine.owned)

    def as_of_ms(self, owned: Owned) -> int:
        """The time for which a partition's numbers hold: its clock, or the wall clock while it is idle at its end."""
        clock_ms = owned.partition.clock_ms
        quiet_seconds = QUIET_SECONDS if clock_ms else 0.0
        return as_of_ms(clock_ms, self.now_ms(), self.engine.progress.is_caught_up(owned, quiet_seconds))

    def parts(self) -> list[Part]:
        """Every partition of the events topic, in order. Raises Incomplete."""
        count = self.partition_count()
        if not count:
            raise Incomplete("the number of partitions is not known yet")
        return [self._part(number) for number in range(count)]

    def _part(self, number: int) -> Part:
        owned = self.engine.owned.get(number)
        if owned is not None:
            if self.status(owned) is not PartitionStatus.LIVE:
                raise Incomplete(f"partition {number} is recovering")
            return LocalPartition(owned, self.as_of_ms(owned))
        known = self.reader.known.get(number)
        if known is None:
            raise Incomplete(f"there is no summary of partition {number} yet")
        if known.record.status is not PartitionStatus.LIVE or known.record.counts is None:
            raise Incomplete(f"partition {number} is recovering at its owner")
        return RemotePartition(known, known.record.counts, self.engine.core)

    def stale_partitions(self, parts: Iterable[Part]) -> list[int]:
        """Those whose owner has been silent for too long."""
        far = (part for part in parts if isinstance(part, RemotePartition))
        return [part.counts.partition for part in far if self.reader.is_stale(part.known)]

    def other_owners(self) -> list[Owner]:
        """Each other worker once, with the partitions it owns by the fleet topic."""
        newest: dict[str, Known] = {}
        partitions: dict[str, list[int]] = {}
        for number in range(self.partition_count()):
            known = self.reader.known.get(number)
            if number in self.engine.owned or known is None or known.record.worker_id == self._worker_id:
                continue
            url = known.record.url
            partitions.setdefault(url, []).append(number)
            if url not in newest or newest[url].record.published_at_ms < known.record.published_at_ms:
                newest[url] = known
        return [Owner(url, known.record.token, tuple(partitions[url])) for url, known in newest.items()]
