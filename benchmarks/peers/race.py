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
from benchmarks.peers.contender import CannotRun, Contender, Ending, Expected, Job, Runs
from benchmarks.peers.equal.reference import Reference
from benchmarks.peers.equal.shape import TroubledShape
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
    expected: Expected


@dataclass(frozen=True)
class Figures:
    """One run of one contender, or the medians of several."""

    events: int
    events_per_second: float  # from the first event to the last effect stored and acknowledged
    events_per_second_taken: float  # from the first event to the last one taken
    cpu_seconds_per_million_events: float  # all its processes, without the broker
    peak_memory_mb: float
    changelog_bytes_per_event: float  # on the broker's disk
    events_per_second_warm: float | None = None  # of the events after those that warm up, to the last effect stored


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
    note: str = ""  # what its row says of how it works

    def as_dict(self) -> dict[str, Any]:
        """JSON types."""
        return asdict(self)


def fill(kafka: ApacheKafka, shape: Shape, operations: int, partitions: int) -> Filled:
    """Writes the events of a shape to a new topic."""
    topic, ledger, reference = f"events-{uuid.uuid4().hex[:8]}", Ledger(), Reference()
    records = ledger.watched(shape.records(operations))
    if isinstance(shape, TroubledShape):
        records = reference.watched(records)
    written: dict[int, int] = {}

    async def write() -> None:
        await kafka_side.create_topic(kafka.bootstrap_servers, topic, partitions)
        await rig.feed(kafka.bootstrap_servers, topic, records, partitions)

    asyncio.run(write())
    expected = Expected(ledger.counts(), reference.projects())
    for project, counts in expected.counts.items():
        number = rig.partition_of(project.encode(), partitions)
        written[number] = written.get(number, 0) + counts.events
    last_offsets = {number: count - 1 for number, count in sorted(written.items())}
    return Filled(topic, partitions, last_offsets, expected)


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
    warm_up: int = 0,
) -> list[Measured]:
    """All contenders in turns, `rounds` times. `share`: operations for those that get a share only. `warm_up`: events
    after which a second clock starts, of a contender that gets all of them."""
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
                filled = part if contender.takes_a_share else whole
                figures, found, wrong = _once(kafka, contender, filled, workers, warm_up if filled is whole else 0)
            except (CannotRun, ServerError, KafkaError, TimeoutError, OSError) as error:
                problems[contender.name] = str(error)
                say(f"  {error}")
                continue
            measured[contender.name].append(figures)
            more = found or more
            if wrong:
                wrongs[contender.name] = wrong
                say(f"  counted wrong: {wrong}")
            warm = f", {figures.events_per_second_warm:,.0f} warm" if figures.events_per_second_warm else ""
            say(f"  {figures.events_per_second:,.0f} events/s{warm}, {figures.events} events")
    return [
        Measured(
            each.name, each.title, each.ending.value, medians(measured[each.name]), tuple(measured[each.name]),
            problems.get(each.name, ""), wrongs.get(each.name, ""), more if each.name == Monitor.name else None,
            each.note(workers),
        )
        for each in contenders
    ]  # fmt: skip


def _once(
    kafka: ApacheKafka, contender: Contender, filled: Filled, workers: int, warm_up: int
) -> tuple[Figures, dict[str, float] | None, str]:
    """One run: figures, what only this project has, what was counted wrong. Raises CannotRun."""
    with tempfile.TemporaryDirectory(prefix="episode-monitor-bench-") as folder:
        job = Job(
            f"bench-{contender.name}-{uuid.uuid4().hex[:8]}", kafka.bootstrap_servers, filled.topic, filled.partitions,
            filled.last_offsets, workers, Path(folder),
        )  # fmt: skip
        try:
            with contender.open(job) as runs, Sampler(runs.pids) as sampler:
                figures = _timed(contender, job, runs, sampler, warm_up)
                wrong = contender.check(job, filled.expected)
            stored = kafka_side.bytes_on_disk(kafka.data_folder, job.name)
            more = contender.more(job, len(filled.expected.counts)) if type(contender) is Monitor else None
        finally:
            asyncio.run(kafka_side.delete_topics(kafka.bootstrap_servers, job.name))
    return replace(figures, changelog_bytes_per_event=round(stored / job.events, 1)), more, wrong


def _timed(contender: Contender, job: Job, runs: Runs, sampler: Sampler, warm_up: int) -> Figures:
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
    warm_at = runs.taken_at(warm_up) if 0 < warm_up < job.events else None
    return Figures(
        events=job.events,
        events_per_second=round(job.events / (stored_at - runs.first_at)),
        events_per_second_taken=round(job.events / max(runs.last_at - runs.first_at, 0.001)),
        cpu_seconds_per_million_events=round(sampler.cpu_seconds(runs.first_at, stored_at) / job.events * 1e6, 1),
        peak_memory_mb=round(sampler.peak_memory_bytes / 1e6),
        changelog_bytes_per_event=0.0,
        events_per_second_warm=None if warm_at is None else round((job.events - warm_up) / (stored_at - warm_at)),
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
    known = {name: [column[name] for column in columns if column[name] is not None] for name in columns[0]}
    middle: dict[str, Any] = {name: statistics.median(values) if values else None for name, values in known.items()}
    return Figures(**{**middle, "events": rounds[0].events})


def say(line: str) -> None:
    """Progress, on stderr."""
    print(line, file=sys.stderr, flush=True)
