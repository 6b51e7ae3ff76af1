"""Where an audit's records come from, in order and up to a given offset: a partition of a topic, or a file of lines."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, Final, Protocol

from aiokafka import TopicPartition

from agents.fetching.reading import some_records
from episode_monitor.audit.records import Audited, Bare
from episode_monitor.exits import ExitCode, Failure

QUIET_POLLS: Final = 20  # of half a second each; an end that the broker named and never reaches
_LINES: Final = 1_000  # in one batch
_offset = attrgetter("offset")


class Records(Protocol):
    """Records of one partition."""

    async def next(self, before: int | None = None) -> Sequence[Audited]:
        """The next ones with offsets below `before` (None: of all); none where there are no more of them."""


class PartitionRecords:
    """Committed records of a partition from `first` to before `end`. Reading raises KafkaError, Failure."""

    def __init__(self, consumer: Any, topic: str, partition: int, first: int, end: int) -> None:
        self.position = first  # the offset after the last record returned
        self._consumer = consumer
        self._tp = TopicPartition(topic, partition)
        self._end = end
        self._held: Sequence[Any] = []
        self._fetched = first
        self._is_assigned = False

    async def next(self, before: int | None = None) -> Sequence[Audited]:
        """See `Records.next`."""
        stop = self._end if before is None else min(before, self._end)
        quiet = 0
        while not self._held and self._fetched < stop:
            self._held = await self._poll()
            quiet = 0 if self._held else quiet + 1
            if quiet > QUIET_POLLS:
                raise Failure(
                    f"Partition {self._tp.partition} of {self._tp.topic} gives nothing more after offset "
                    f"{self._fetched}, and it ends at {self._end}; try again.",
                    ExitCode.UNREACHABLE,
                )
        count = bisect_left(self._held, stop, key=_offset)
        taken, self._held = self._held[:count], self._held[count:]
        if taken:
            self.position = taken[-1].offset + 1
        return taken

    async def peek(self) -> Sequence[Audited]:
        """The next ones, which stay."""
        position = self.position
        self._held = taken = await self.next()
        self.position = position
        return taken

    async def _poll(self) -> Sequence[Any]:
        if not self._is_assigned:
            self._consumer.assign([self._tp])
            self._consumer.seek(self._tp, self._fetched)
            self._is_assigned = True
        records: Sequence[Any] = await some_records(self._consumer, self._tp)
        self._fetched = await self._consumer.position(self._tp)  # also past markers and aborted records
        return records


class LineRecords:
    """Lines of a file, without keys; blank ones are passed over. Reading raises UnreadableFile, OSError."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._batches = self._batched(lines)

    @staticmethod
    def _batched(lines: Iterator[bytes]) -> Iterator[list[Audited]]:
        numbered = ((number, line.strip()) for number, line in enumerate(lines))
        records: Iterator[Audited] = (Bare(number, None, line) for number, line in numbered if line)
        while batch := list(islice(records, _LINES)):
            yield batch

    async def next(self, before: int | None = None) -> Sequence[Audited]:
        """See `Records.next`; a line's offset has no meaning beside the topic, so `before` has none."""
        return next(self._batches, [])


class Continued:
    """Records that were read already, and then the rest."""

    def __init__(self, held: Sequence[Audited], rest: Records) -> None:
        self._held = held
        self._rest = rest

    async def next(self, before: int | None = None) -> Sequence[Audited]:
        """See `Records.next`; without `before`."""
        if not self._held:
            return await self._rest.next()
        held, self._held = self._held, []
        return held
