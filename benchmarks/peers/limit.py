"""The limit of Python here: fetch and decode."""

import sys
from contextlib import AbstractContextManager

from benchmarks.peers.contender import Contender, Ending, Expected, Job, Runs
from benchmarks.peers.running import ProgramRuns


class Limit(Contender):
    """Keeps nothing, so there is nothing to check but that every event was decoded."""

    name, title, ending = "limit", "aiokafka fetch + decode (limit)", Ending.READ

    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """One process a worker, each with its share of the partitions."""
        return ProgramRuns(job, lambda _: [sys.executable, "-P", "-m", "benchmarks.peers.programs.limit_fetch"])

    def check(self, job: Job, expected: Expected) -> str:
        """Every event was decoded."""
        decoded = 0
        for worker in range(job.workers):
            lines = (job.folder / f"log-{worker}").read_text().splitlines()
            decoded += max((int(line.split()[1]) for line in lines if line.startswith("decoded ")), default=0)
        return "" if decoded == job.events else f"{decoded} of {job.events} events were decoded"
