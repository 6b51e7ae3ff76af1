"""Apache Flink with the whole job, in one process."""

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks import rig
from benchmarks.peers import java_programs
from benchmarks.peers.contender import Expected, Job, Runs
from benchmarks.peers.equal.contender import EqualContender
from benchmarks.peers.equal.stored_form import all_found
from benchmarks.peers.running import ProgramRuns
from testbed.apache_kafka import java

HEAP = "-Xmx1500m"  # what its memory model needs beside a heap as Kafka Streams has it
DRAIN_SECONDS = 120.0


class EqualFlink(EqualContender):
    """Its guarantee is that of its checkpoints and of its alerts; there is no changelog topic: they are files."""

    def __init__(self, backend: str, guarantee: str) -> None:
        name = f"flink-{backend}" + ("-alo" if guarantee == "at-least-once" else "")
        where = {"hashmap": "heap", "rocksdb": "RocksDB"}[backend]
        super().__init__(name, f"Apache Flink {java_programs.FLINK_VERSION}, state in {where}", "seconds", guarantee)
        self._backend = backend
        self._runs: ProgramRuns | None = None

    def share_out(self, workers: int) -> str:
        """Slots of one task manager."""
        return f"parallelism {workers}"

    def prepare(self) -> None:
        """Its jars, and its program compiled."""
        _class_path()

    @contextmanager
    def open(self, job: Job) -> Iterator[Runs]:
        """One JVM with a MiniCluster."""
        self.make_alerts_topic(job)
        opened = [word for name in ("lang", "util") for word in ("--add-opens", f"java.base/java.{name}=ALL-UNNAMED")]
        quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
        command = [java(), HEAP, *opened, quiet, "-cp", _class_path(), "EqualFlink"]
        environment = {**self.environment(job), "BACKEND": self._backend, "GUARANTEE": self.guarantee.replace("-", "_")}
        with ProgramRuns(job, lambda _: command, environment, processes=1) as runs:
            self._runs = runs
            yield runs

    def check(self, job: Job, expected: Expected) -> str:
        """By what it writes when it is drained into a savepoint."""
        assert self._runs is not None
        self._runs.ask_to_stop()
        rig.until(self._runs.have_ended, DRAIN_SECONDS, "Flink's savepoint")
        kept: dict[str, dict[bytes, bytes]] = {"heads": {}, "numbers": {}}
        for path in (job.folder / "worker-0").glob("kept-*"):
            for line in path.read_text().splitlines():
                state, key, value = line.split()
                kept[state][key.encode()] = bytes.fromhex(value)
        return self.wrong(job, all_found(kept["heads"], kept["numbers"], has_windows=True), expected.projects)


def _class_path() -> str:
    return java_programs.class_path(java_programs.FLINK, java_programs.sources("equal_java", "equal_java/flink"))
