"""A file with one event a line as the source of a replay: line n is the record at offset n - 1 of partition 0.

A line has no time of writing. So a range between two moments goes by the events' own times; a line that is no event
has none and is always in the range.
"""

import sys
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from episode_monitor.replay.lines import lines_of_file
from episode_monitor.replay.ranges import (
    BadRange,
    Bounds,
    Moment,
    Position,
    Range,
    at_partition,
    check_order,
    named_partitions,
)
from episode_monitor.replay.source import Line, ReplayBatch
from models.codec import decode_event
from models.event import Event

LINES = 1_000  # of a file in one batch


class LinesSource:
    """Lines at hand. `now_ms` stands for the time at which each was written."""

    is_topic = False
    warnings: tuple[str, ...] = ()
    name = "lines"

    def __init__(self, lines: Iterable[bytes], now_ms: int, wanted: Range = Range()) -> None:  # noqa: B008
        self._lines = lines
        self._now_ms = now_ms
        self._wanted = wanted
        self.done = 0
        self.total: int | None = None

    async def resolve(self) -> tuple[Bounds, ...]:
        """One partition. Raises BadRange."""
        wanted = self._wanted
        if wanted.partition or named_partitions(wanted) - {0}:
            raise BadRange("A file has only partition 0; leave out the others.")
        check_order(wanted)
        return (Bounds(0, at_partition(wanted.first, 0) or 0, at_partition(wanted.end, 0)),)

    async def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        """Blank lines are passed over."""
        records = self._records(bounds[0])
        while batch := list(islice(records, LINES)):
            yield ReplayBatch(0, batch)

    def _records(self, bounds: Bounds) -> Iterator[Line]:
        since_ms, until_ms = _moment(self._wanted.first), _moment(self._wanted.end)
        for offset, line in enumerate(islice(self._lines, bounds.end)):
            value = line.strip()
            if offset < bounds.first or not value:
                continue
            if since_ms is not None or until_ms is not None:
                event = decode_event(None, value, (), self._now_ms)
                if isinstance(event, Event) and not _is_between(event.occurred_at_ms, since_ms, until_ms):
                    continue
            yield Line(offset, value, self._now_ms)


class FileSource(LinesSource):
    """A file of lines; `-` is standard input. Reading raises UnreadableFile, OSError."""

    def __init__(self, path: Path, now_ms: int, wanted: Range = Range()) -> None:  # noqa: B008
        super().__init__(lines_of_file(path, sys.stdin.buffer), now_ms, wanted)
        self.name = str(path)


def _moment(position: Position | None) -> int | None:
    return position.at_ms if isinstance(position, Moment) else None


def _is_between(at_ms: int, since_ms: int | None, until_ms: int | None) -> bool:
    return (since_ms is None or at_ms >= since_ms) and (until_ms is None or at_ms < until_ms)
