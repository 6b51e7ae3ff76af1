"""Quix Streams."""

import asyncio
from contextlib import AbstractContextManager

import msgspec

from benchmarks.peers import kafka_side, tools
from benchmarks.peers.contender import ROOT, Contender, Counts, Ending, Expected, Job, Runs, differences
from benchmarks.peers.running import ProgramRuns


class Quix(Contender):
    """RocksDB and changelog topics, exactly as an `Application` has them by itself."""

    name, title, ending = "quix", "Quix Streams 3.28", Ending.STOPPED

    def prepare(self) -> None:
        """Its package."""
        tools.python_with("quixstreams")

    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """One application a worker, all of one consumer group."""
        python = str(tools.python_with("quixstreams"))
        command = [python, "-P", "-m", "benchmarks.peers.programs.quix_counts"]
        return ProgramRuns(job, lambda _: command, {"PYTHONPATH": str(ROOT)})

    def check(self, job: Job, expected: Expected) -> str:
        """The changelog's keys are `"project"|"counts"` in JSON, its values JSON lists."""
        topics = asyncio.run(kafka_side.topics_of(job.servers, job.name))
        changelog = next((topic for topic in topics if topic.startswith("changelog__")), None)
        if changelog is None:
            return "it made no changelog topic"
        stored = asyncio.run(kafka_side.latest_values(job.servers, changelog))
        decode = msgspec.json.decode
        counts = {decode(key.split(b"|")[0]): Counts(*decode(value)) for key, value in stored.items()}
        return differences(counts, expected.counts)
