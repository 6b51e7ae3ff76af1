"""A live monitor and a topic in memory, for comparisons."""

import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import msgspec

from agents.engine.stored_values import StoredValues
from episode_monitor.exits import ExitCode, Failure
from episode_monitor.replay.against.difference import Comparison, Difference
from episode_monitor.replay.against.live import LiveMonitor
from episode_monitor.replay.against.live_run import AgainstLive, Place
from episode_monitor.replay.ranges import Bounds
from episode_monitor.replay.source import Line, ReplayBatch
from models.codec import decode_event
from models.event import Event
from models.project_facts import ProjectFactsAnswer, ProjectStatesPage
from streams.alerting.core import Core
from streams.base.steps import finish
from streams.partition.partition import Partition
from streams.project.state_digest import rules_digest
from streams.views.project_facts import facts_of, rows_from
from testbed.worker_process import make_core

NINE_MS = 1_760_000_400_000  # 2025-10-09T09:00:00Z
PAGE = 3

Records = list[Line | None]  # by offset; None: nothing is there


def event(project: str, number: int, at: int | None = None, kind: str = "episode.created", **fields: Any) -> Line:
    """An event of a project, `at` seconds after nine; without an offset yet."""
    seconds = number if at is None else at
    wire: dict[str, Any] = {
        "event_id": f"{kind}-{project}-{number}-{seconds}", "type": kind, "project_id": project,
        "occurred_at": NINE_MS + seconds * 1000, "episode_id": f"ep-{project}-{number}",
    }  # fmt: skip
    if kind in ("episode.created", "episode.renumbered"):
        wire["episode_number"] = number
    if kind == "episode.created":
        wire["duration_seconds"] = 0.5
    value = json.dumps(wire | fields).encode()
    return Line(0, value, NINE_MS + seconds * 1000, project.encode())


def at_offsets(records: Sequence[Line | None]) -> list[Line]:
    """Records with their offsets."""
    return [Line(at, one.value, one.timestamp, one.key) for at, one in enumerate(records) if one is not None]


class Topic:
    """A topic whose partitions are lists. `begins`: what lies before it is gone."""

    name, is_topic, done = "events", True, 0
    warnings: tuple[str, ...] = ()
    total: int | None = None

    def __init__(self, *partitions: Sequence[Line | None], begins: int = 0, only: int | None = None) -> None:
        self.partitions = [at_offsets(records) for records in partitions]
        self.ends = [len(records) for records in partitions]
        self.begins = begins
        self.only = only

    def of(self, partition: int | None) -> "Topic":
        """The source of one partition."""
        one = Topic(begins=self.begins, only=partition)
        one.partitions, one.ends = self.partitions, self.ends
        return one

    async def resolve(self) -> tuple[Bounds, ...]:
        numbers = range(len(self.partitions)) if self.only is None else [self.only]
        return tuple(Bounds(number, self.begins, self.ends[number]) for number in numbers)

    async def batches(self, bounds: Sequence[Bounds]) -> AsyncIterator[ReplayBatch]:
        for one in bounds:
            records = [each for each in self.partitions[one.partition] if each.offset >= one.first]
            for begin in range(0, len(records), 4):
                yield ReplayBatch(one.partition, records[begin : begin + 4])
            yield ReplayBatch(one.partition, [], one.end)


class Live:
    """What a worker answers. `clock_ms` is when it took each record."""

    def __init__(self, *partitions: Sequence[Line | None], core: Core | None = None, topic: str = "events") -> None:
        self.core = core or make_core()
        self.topic = topic
        self.monitor_id = "m"
        self.generation = 1
        self.asked: list[str] = []
        self.failures: list[Failure] = []  # for the next requests
        self.partitions = [Partition(self.core, number, StoredValues()) for number in range(len(partitions))]
        for number, records in enumerate(partitions):
            self.take(number, at_offsets(records))

    def take(self, number: int, records: Sequence[Line], read_ms: int | None = None) -> None:
        """Records of a partition."""
        partition = self.partitions[number]
        for record in records:
            written_ms = record.timestamp or 0
            clock_ms = written_ms if read_ms is None else read_ms
            decoded = decode_event(record.key, record.value, (), clock_ms)
            if isinstance(decoded, Event):
                partition.take(decoded, record.offset, written_ms, clock_ms)
            else:
                partition.pass_over(record.offset)

    async def get(self, path: str, parameters: dict[str, Any]) -> Any:
        """As `WorkerClient.get`."""
        self.asked.append(path)
        if self.failures:
            raise self.failures.pop(0)
        number = parameters["partition"]
        if number >= len(self.partitions):
            raise Failure(f"The events topic has no partition {number}. (unknown_partition)", ExitCode.USAGE)
        partition = self.partitions[number]
        if path == "/integrity/facts":
            facts = facts_of(partition, parameters["project_id"])
            return json.loads(msgspec.json.encode(ProjectFactsAnswer(partition=number, facts=facts)))
        rows, following = finish(rows_from(partition, int(parameters.get("cursor", 0)), PAGE))
        page = ProjectStatesPage(
            monitor_id=self.monitor_id, topic=self.topic, partition=number, partitions=len(self.partitions),
            generation=self.generation, next_offset=partition.next_offset, projects_total=partition.index.projects,
            rules_digest=rules_digest(self.core), rows=rows, next_cursor=None if following is None else str(following),
        )  # fmt: skip
        return json.loads(msgspec.json.encode(page))


async def at_once(seconds: float) -> None:
    """A sleep that takes no time."""


async def compared(
    topic: Topic, live: Live, core: Core | None = None, letters: dict[int, dict[int, str]] | None = None
) -> Comparison:
    """The topic beside the live monitor."""

    async def found(name: str) -> dict[int, dict[int, str]]:
        return letters or {}

    place = Place(source=topic.of, letters=found, monitor_id="m")
    return await AgainstLive(
        core or make_core(),
        place,
        LiveMonitor("http://here", live.get, at_once),
    ).run()


def named(found: Comparison) -> list[tuple[str, str]]:
    """Project and kind of each difference."""
    return [(one.project_id, one.what) for one in found.differences]


def only(found: Comparison) -> Difference:
    """The one difference."""
    (one,) = found.differences
    return one
