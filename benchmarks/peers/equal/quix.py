"""Quix Streams with the whole job."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import msgspec

from benchmarks.peers import kafka_side, tools
from benchmarks.peers.contender import ROOT, Expected, Job, Runs
from benchmarks.peers.equal.contender import EqualContender, plural
from benchmarks.peers.equal.reference import Counts
from benchmarks.peers.equal.stored_form import Found, wrong_window
from benchmarks.peers.running import ProgramRuns

_decode = msgspec.json.decode


class EqualQuix(EqualContender):
    """A worker is a process."""

    def __init__(self, precision: str) -> None:
        name = "quix-hopping" if precision == "hopping" else "quix-function"
        title = "Quix Streams 3.28, " + ("its windows" if precision == "hopping" else "a stateful function")
        super().__init__(name, title, precision, "exactly-once")
        self.takes_a_share = True

    def share_out(self, workers: int) -> str:
        """Processes."""
        return plural(workers, "process")

    def prepare(self) -> None:
        """Its package."""
        tools.python_with("quixstreams")

    @contextmanager
    def open(self, job: Job) -> Iterator[Runs]:
        """One application a worker, all of one consumer group."""
        self.make_alerts_topic(job)
        command = [str(tools.python_with("quixstreams")), "-P", "-m", "benchmarks.peers.programs.quix_equal"]
        with ProgramRuns(job, lambda _: command, {"PYTHONPATH": str(ROOT), **self.environment(job)}) as runs:
            yield runs

    def check(self, job: Job, expected: Expected) -> str:
        """By its changelogs, whose keys are `project|name` in JSON, and `project|beginning|end` for windows."""
        kept: dict[str, dict[str, Any]] = {}
        windows: dict[tuple[str, int, int], Counts] = {}
        for topic in asyncio.run(kafka_side.topics_of(job.servers, job.name)):
            if not topic.startswith("changelog__"):
                continue
            stored = asyncio.run(kafka_side.latest_values(job.servers, topic))
            if "hopping_window" in topic:
                windows |= _windows(stored)
                continue
            for key, value in stored.items():
                project, _, name = key.partition(b"|")
                if not name.startswith(b'"ids'):  # bytes, and no JSON
                    kept.setdefault(_decode(project), {})[_decode(name)] = _decode(value)
        found = {project: _found(values) for project, values in kept.items()}
        words = self.wrong(job, found, expected.projects)
        return words or (wrong_window(windows, expected.projects) if self.precision == "hopping" else "")


def _found(values: Mapping[str, Any]) -> Found:
    head = values["head"]
    owners: dict[int, set[str]] = {}
    for name, value in values.items():
        if name.startswith("numbers-"):
            owners |= {int(number): set(holders) for number, holders in value.items()}
    latencies = Counter({int(bucket): count for bucket, count in values.get("latencies", {}).items()})
    has_windows = "long" in head
    return Found(
        head["events"], head["resent"], tuple(head["totals"]), head["highest"], head["held"], head["duplicates"],
        owners, latencies, head["firing"] if has_windows else None,
        (tuple(head["long"]), tuple(head["short"])) if has_windows else None,
    )  # fmt: skip


def _windows(stored: Mapping[bytes, bytes]) -> dict[tuple[str, int, int], Counts]:
    windows = {}
    for key, value in stored.items():
        project, _, bounds = key.partition(b"|")
        if len(bounds) != 17:  # beginning, a bar, end: the others say which windows have expired
            continue
        first, end = int.from_bytes(bounds[:8]) // 60_000, int.from_bytes(bounds[9:]) // 60_000
        windows[_decode(project), first, end - first] = tuple(_decode(value)[:5])
    return windows
