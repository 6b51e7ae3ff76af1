"""Kafka Streams with the whole job."""

import asyncio
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from benchmarks.peers import java_programs, kafka_side
from benchmarks.peers.contender import Expected, Job, Runs
from benchmarks.peers.equal.contender import EqualContender, plural
from benchmarks.peers.equal.reference import Counts
from benchmarks.peers.equal.stored_form import all_found, wrong_window
from benchmarks.peers.kafka_streams_java import HEAP
from benchmarks.peers.running import ProgramRuns
from testbed.apache_kafka import java

_GUARANTEES = {"exactly-once": "exactly_once_v2", "at-least-once": "at_least_once"}
_HOPPING = struct.Struct(">5iq")
_WINDOW_KEY_BYTES = 12  # the window's beginning and a sequence number, behind the project


class EqualStreams(EqualContender):
    """One process; a worker is a thread."""

    def __init__(self, precision: str, guarantee: str) -> None:
        name = f"streams-{precision}" + ("-alo" if guarantee == "at-least-once" else "")
        how = {"seconds": "by the second", "minutes": "by the minute", "hopping": "hopping windows"}[precision]
        super().__init__(name, f"Kafka Streams {java_programs.KAFKA_STREAMS_VERSION}, {how}", precision, guarantee)

    def share_out(self, workers: int) -> str:
        """Threads."""
        return plural(workers, "thread")

    def prepare(self) -> None:
        """Its jars, and its program compiled."""
        _class_path()

    @contextmanager
    def open(self, job: Job) -> Iterator[Runs]:
        """One JVM."""
        self.make_alerts_topic(job)
        command = [java(), HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", _class_path(), "EqualStreams"]
        environment = {**self.environment(job), "GUARANTEE": _GUARANTEES[self.guarantee]}
        with ProgramRuns(job, lambda _: command, environment, processes=1) as runs:
            yield runs

    def check(self, job: Job, expected: Expected) -> str:
        """By its changelogs."""
        is_hopping = self.precision == "hopping"
        heads, numbers = (_changelog(job, store) for store in ("heads", "numbers"))
        if words := self.wrong(job, all_found(heads, numbers, has_windows=not is_hopping), expected.projects):
            return words
        if not is_hopping:
            return ""
        return wrong_window(
            _windows(_changelog(job, "long"), 15) | _windows(_changelog(job, "short"), 10), expected.projects
        )


def _changelog(job: Job, store: str) -> dict[bytes, bytes]:
    return asyncio.run(kafka_side.latest_values(job.servers, f"{job.name}-{store}-changelog"))


def _windows(stored: Mapping[bytes, bytes], minutes: int) -> dict[tuple[str, int, int], Counts]:
    windows = {}
    for key, value in stored.items():
        project, first_ms = key[:-_WINDOW_KEY_BYTES].decode(), int.from_bytes(key[-_WINDOW_KEY_BYTES:][:8])
        windows[project, first_ms // 60_000, minutes] = _HOPPING.unpack(value[-_HOPPING.size :])[:5]
    return windows


def _class_path() -> str:
    sources = java_programs.sources("equal_java", "equal_java/streams")
    return java_programs.class_path(java_programs.KAFKA_STREAMS, sources)
