"""Records for replays, and a source of batches at hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.report import Report, merged
from episode_monitor.replay.source import Line, ReplayBatch
from episode_monitor.replay.work import Done, Work, do
from streams.alerting.core import Core

NOON_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z
WRITTEN_MS = NOON_MS + 36_000_000


def event(project: str, at_seconds: int, kind: str, episode: str, number: int | None = None) -> bytes:
    """One event `at_seconds` after noon."""
    fields: dict[str, Any] = {
        "event_id": f"{at_seconds}-{kind}-{episode}-{number}", "type": f"episode.{kind}", "project_id": project,
        "occurred_at": NOON_MS + at_seconds * 1000, "episode_id": episode,
    }  # fmt: skip
    return json.dumps(fields if number is None else fields | {"episode_number": number}).encode()


class Held:
    """Partitions held in memory, read within bounds in batches of two records."""

    name, is_topic, done = "held", True, 0
    warnings: tuple[str, ...] = ()
    total: int | None = None

    def __init__(self, *partitions: Sequence[bytes]) -> None:
        self._partitions = partitions

    async def resolve(self) -> tuple[Bounds, ...]:
        return tuple(Bounds(number, 0, len(lines)) for number, lines in enumerate(self._partitions))

    async def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        for each in bounds:
            assert each.end is not None
            for at in range(each.first, each.end, 2):
                offsets = range(at, min(at + 2, each.end))
                lines = self._partitions[each.partition]
                yield ReplayBatch(each.partition, [Line(offset, lines[offset], WRITTEN_MS) for offset in offsets])


def done(core: Core, source: Held, work: Work, stop_after: int = 10**9) -> Done:
    """The work done, or stopped after so many batches."""
    batches = iter(range(1, 10**9))
    return asyncio.run(do(core, source, work, None, lambda: next(batches) >= stop_after))


def as_json(core: Core, found: Done) -> bytes:
    """The report as it is printed."""
    report: Report = merged(core, found.outcomes)
    return msgspec.json.encode(report)
