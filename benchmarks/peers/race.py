"""Runs contenders in turns over one topic that is full, and measures each from its first event to its last effect.

One at a time: two at once would measure each other. All rounds are interleaved, so that a slow minute of the machine
does not fall on one contender alone.
"""

import asyncio
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from aiokafka.errors import KafkaError

from benchmarks import rig
from benchmarks.peers import kafka_side
from benchmarks.peers.contender import CannotRun, Contender, Counts, Ending, Job, Runs
from benchmarks.peers.measuring import Sampler
from benchmarks.peers.monitor import Monitor
from benchmarks.peers.shapes import Ledger, Shape
from episode_monitor.demo.guarded import ServerError
from testbed.apache_kafka import ApacheKafka

START_SECONDS = 180.0
PATIENCE_SECONDS = 1800.0
END_SECONDS = 120.0


@dataclass(frozen=True)
class Filled:
    """A topic with all events of a shape, and what everybody must count."""

    topic: str
    partitions: int
    last_offsets: dict[int, int]
    expected: dict[str, Counts]


@dataclass(frozen=True)
class Figures:
    """One run of one contender, or the medians of several."""

    events: int
    events_per_second: float  # from the first event to the last effect stored and acknowledged
    events_per_second_taken: float  # from the first event to the last one taken
    cpu_seconds_per_million_events: float  # all its processes, without the broker
    peak_memory_mb: float
    changelog_bytes_per_event: float  # on the broker's disk


@dataclass(frozen=True)
class Measured:
    """A contender's figures in one shape; `problem` says why there are none, `wrong` what it counted wrong."""

    name: str
    title: str
    done: str
    figures: Figures | None
    rounds: tuple[Figures, ...] = ()
    problem: str = ""
    wrong: str = ""
    more: dict[str, float] | None = None  # what is measured of this project alone

    def as_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


def fill(kafka: ApacheKafka, shape: Shape, operations: int, partitions: int) -> Filled:
    """Writes the events of a shape to a new topic."""
    topic, ledger = f"events-{uuid.uuid4().hex[:8]}", Ledger()
    written: dict[int, int] = {}

    async def write() -> None:
        await kafka_side.create_topic(kafka.bootstrap_servers, topic, partitions)
        await rig.feed(kafka.bootstrap_servers, topic, ledger.watched(shape.records(operations)), partitions)

    asyncio.run(write())
    expected = ledger.counts()
    for project, counts in expected.items():
        number = rig.partition_of(project.encode(), partitions)
        written[number] = written.get(number, 0) + counts.events
    return Filled(topic, partitions, {number: count - 1 for number, count in sorted(written.items())}, expected)


def race(
    kafka: ApacheKafka,
    contenders: Sequence[Contender],
    shape: Shape,
    operations: int,
    share: int,
    *,
    partitions: int,
    workers: int,
    rounds: int,
) -> list[Measured]:
    """All contenders in turns, `rounds` times. `share`: operations for those that get a share only."""
    whole = fill(kafka, shape, operations, partitions)
    part = fill(kafka, shape, share, partitions) if any(each.takes_a_share for each in contenders) else whole
    measured: dict[str, list[Figures]] = {each.name: [] for each in contenders}
    problems: dict[str, str] = {}
    wrongs: dict[str, str] = {}
    more: dict[str, float] | None = None
    for number in range(rounds):
        for contender in (each for each in contenders if each.name not in problems):
            say(f"round {number + 1}/{rounds}, {shape.name}: {contender.title}")
            try:
                figures, found, wrong = _once(kafka, contender, part if contender.takes_a_share else whole, workers)
            except (CannotRun, ServerError, KafkaError, TimeoutError, OSError) as error:
                problems[contender.name] = str(error)
                say(f"  {error}")
                continue
            measured[contender.name].append(figures)
            more = found or more
            if wrong:
                wrongs[contender.name] = wrong
                say(f"  counted wrong: {wrong}")
            say(f"  {figures.events_per_second:,.0f} events/s, {figures.events} events")
    return [
        Measured(
            each.name, each.title, each.ending.value, medians(measured[each.name]), tuple(measured[each.name]),
            problems.get(each.name, ""), wrongs.get(each.name, ""), more if each.name == Monitor.name else None,
        )
        for each in contenders
    ]  # fmt: skip


def _once(
    kafka: ApacheKafka, contender: Contender, filled: Filled, workers: int
) -> tuple[Figures, dict[str, float] | None, str]:
    """One run: figures, what only this project has, what was counted wrong. Raises CannotRun."""
    with tempfile.TemporaryDirectory(prefix="episode-monitor-bench-") as folder:
        job = Job(
            f"bench-{contender.name}-{uuid.uuid4().hex[:8]}", kafka.bootstrap_servers, filled.topic, filled.partitions,
            filled.last_offsets, workers, Path(folder),
        )  # fmt: skip
        try:
            with contender.open(job) as runs, Sampler(runs.pids) as sampler:
                figures = _timed(contender, job, runs, sampler)
                wrong = contender.check(job, filled.expected)
            stored = kafka_side.bytes_on_disk(kafka.data_folder, job.name)
            more = contender.more(job, len(filled.expected)) if isinstance(contender, Monitor) else None
        finally:
            asyncio.run(kafka_side.delete_topics(kafka.bootstrap_servers, job.name))
    return replace(figures, changelog_bytes_per_event=round(stored / job.events, 1)), more, wrong


def _timed(contender: Contender, job: Job, runs: Runs, sampler: Sampler) -> Figures:
    _until(runs, lambda: runs.first_at is not None, START_SECONDS, "the first event")
    _until(runs, lambda: runs.last_at is not None, PATIENCE_SECONDS, "the last event")
    sampler.sample()
    assert runs.first_at is not None
    assert runs.last_at is not None
    stored_at = runs.last_at
    if contender.ending is Ending.EXITED:
        _until(runs, runs.have_ended, END_SECONDS, "the end of its process")
        stored_at = time.time()
    elif contender.ending is not Ending.READ:
        if contender.ending is Ending.STOPPED:
            runs.ask_to_stop()
        stored_at = asyncio.run(
            kafka_side.until_committed(job.servers, job.name, job.topic, job.last_offsets, END_SECONDS, runs.look)
        )
    if contender.ending is Ending.STOPPED:
        _until(runs, runs.have_ended, END_SECONDS, "the end of its processes")
    sampler.sample()
    return Figures(
        events=job.events,
        events_per_second=round(job.events / (stored_at - runs.first_at)),
        events_per_second_taken=round(job.events / max(runs.last_at - runs.first_at, 0.001)),
        cpu_seconds_per_million_events=round(sampler.cpu_seconds(runs.first_at, stored_at) / job.events * 1e6, 1),
        peak_memory_mb=round(sampler.peak_memory_bytes / 1e6),
        changelog_bytes_per_event=0.0,
    )


def _until(runs: Runs, condition: Any, seconds: float, what: str) -> None:
    def looked() -> bool:
        runs.look()
        return bool(condition())

    rig.until(looked, seconds, what, every=0.02)


def medians(rounds: Sequence[Figures]) -> Figures | None:
    """Each figure's median over the rounds; None without any."""
    if not rounds:
        return None
    columns = [asdict(each) for each in rounds]
    middle = {name: statistics.median(column[name] for column in columns) for name in columns[0]}
    return Figures(**{**middle, "events": rounds[0].events})


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)
