"""Bytewax."""

import json
import subprocess
from contextlib import AbstractContextManager

from benchmarks.peers import tools
from benchmarks.peers.contender import ROOT, CannotRun, Contender, Counts, Ending, Expected, Job, Runs, differences
from benchmarks.peers.running import ProgramRuns

SNAPSHOT_SECONDS = "10"  # its own default


class Bytewax(Contender):
    """It scales by threads in a process and has no changelog: its state is recovered from SQLite files."""

    name, title, ending = "bytewax", "Bytewax 0.21", Ending.EXITED

    def prepare(self) -> None:
        """Its package, and the Kafka client that its source needs."""
        tools.python_with("confluent-kafka")
        tools.python_with("bytewax")

    def open(self, job: Job) -> AbstractContextManager[Runs]:
        """One process, with the worker threads that are asked for."""
        python = str(tools.python_with("bytewax"))
        recovery = job.folder / "recovery"
        recovery.mkdir()
        made = subprocess.run([python, "-m", "bytewax.recovery", str(recovery), "1"], capture_output=True, text=True)
        if made.returncode != 0:
            raise CannotRun(f"its recovery files could not be made: {made.stderr.strip()[-300:]}")
        command = [python, "-P", "-m", "bytewax.run", "benchmarks.peers.programs.bytewax_counts:flow"]
        command += ["-w", str(job.workers), "-r", str(recovery), "-s", SNAPSHOT_SECONDS, "-b", "0"]
        return ProgramRuns(job, lambda _: command, {"PYTHONPATH": str(ROOT)}, processes=1, may_end=True)

    def check(self, job: Job, expected: Expected) -> str:
        """What its sink wrote at the end."""
        counts: dict[str, Counts] = {}
        for path in (job.folder / "worker-0").glob("counts-*.json"):
            counts |= {project: Counts(*values) for project, values in json.loads(path.read_text()).items()}
        return differences(counts, expected.counts)
