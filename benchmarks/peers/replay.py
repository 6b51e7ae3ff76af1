"""This project's core alone, fed as a replay feeds it."""

import sys
from contextlib import AbstractContextManager

from benchmarks.peers.contender import CannotRun, Contender, Ending, Expected, Job, Runs
from benchmarks.peers.running import ProgramRuns
from tools import compile_core


class Replay(Contender):
    """Its distance to the limit is what the core costs; its distance to the monitor, what exactness costs."""

    name, title, ending = "replay", "this monitor's replay (nothing stored)", Ending.READ

    def prepare(self) -> None:
        """The core compiled."""
        if compile_core.main() != 0:
            raise CannotRun("the core could not be compiled; see ./run compile.")

    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """One process a worker, each with its share of the partitions."""
        return ProgramRuns(job, lambda _: [sys.executable, "-P", "-m", "benchmarks.peers.programs.replay_steps"])

    def check(self, job: Job, expected: Expected) -> str:
        """All events and all projects."""
        sums = [0, 0]
        for worker in range(job.workers):
            lines = (job.folder / f"log-{worker}").read_text().splitlines()
            reports = [line.split()[1:] for line in lines if line.startswith("replayed ")]
            if reports:
                sums = [sums[0] + int(reports[-1][0]), sums[1] + int(reports[-1][1])]
        wanted = [job.events, len(expected.counts)]
        return "" if sums == wanted else f"events and projects are {sums} and should be {wanted}"
