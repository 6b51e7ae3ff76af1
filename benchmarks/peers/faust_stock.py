"""Faust as it comes."""

import asyncio
import sys
from contextlib import AbstractContextManager

import msgspec

from benchmarks.peers import kafka_side
from benchmarks.peers.contender import Contender, Counts, Ending, Expected, Job, Runs, differences
from benchmarks.peers.running import ProgramRuns


class StockFaust(Contender):
    """It takes some two thousand events a second, so it gets a topic of its own with the first of the same events."""

    name, title, ending = "faust", "stock Faust 0.15.3", Ending.STOPPED
    takes_a_share = True

    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """One Faust worker a worker."""
        app = ["-A", "benchmarks.peers.programs.faust_counts"]
        worker_words = ["worker", "-l", "error", "--without-web"]  # the app's own setting does not count here

        def command(worker: int) -> list[str]:
            folder = str(job.folder / f"worker-{worker}")
            return [sys.executable, "-P", "-m", "faust", *app, "--datadir", folder, *worker_words]

        return ProgramRuns(job, command)

    def check(self, job: Job, expected: Expected) -> str:
        """The changelog holds JSON keys and lists."""
        stored = asyncio.run(kafka_side.latest_values(job.servers, f"{job.name}-counts-changelog"))
        counts = {msgspec.json.decode(key): Counts(*msgspec.json.decode(value)) for key, value in stored.items()}
        return differences(counts, expected.counts)
