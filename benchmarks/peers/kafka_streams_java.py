"""Kafka Streams, in Java."""

import asyncio
import struct
from contextlib import AbstractContextManager

from benchmarks.peers import java_programs, kafka_side
from benchmarks.peers.contender import Contender, Counts, Ending, Expected, Job, Runs, differences
from benchmarks.peers.running import ProgramRuns
from testbed.apache_kafka import java

HEAP = "-Xmx1g"


class KafkaStreams(Contender):
    """One thread a worker and an aggregate of four counts; all other settings as they come."""

    name, title, ending = "kafka-streams", f"Kafka Streams {java_programs.KAFKA_STREAMS_VERSION} (Java)", Ending.STOPPED

    def prepare(self) -> None:
        """Its jars, and its program compiled."""
        _class_path()

    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """One process a worker, all of one application."""
        options = [HEAP, "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
        return ProgramRuns(job, lambda _: [java(), *options, "-cp", _class_path(), "Counts"])

    def check(self, job: Job, expected: Expected) -> str:
        """The changelog's values are four long integers."""
        stored = asyncio.run(kafka_side.latest_values(job.servers, f"{job.name}-counts-changelog"))
        # From Kafka Streams 4.3 on a record's headers may stand before its value, so the end is what counts.
        counts = {key.decode(): Counts(*struct.unpack(">4q", value[-32:])) for key, value in stored.items()}
        return differences(counts, expected.counts)


def _class_path() -> str:
    return java_programs.class_path(java_programs.KAFKA_STREAMS, java_programs.sources("kafka_streams"))
