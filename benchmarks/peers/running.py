"""Runs a contender's programs, one process a worker, and reads from their logs when they began and ended."""

import contextlib
import os
import re
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.peers.contender import CannotRun, Job
from benchmarks.peers.progress import Progress
from episode_monitor.demo.guarded import GuardedProcess

STOP_SECONDS = 90.0  # a store of a million keys takes its time to close
_MARK = re.compile(rb"^bench (first|last|at) (\d+) (?:(\d+) )?([\d.E]+)$", re.MULTILINE)


class ProgramRuns:
    """`command` makes the words of a worker's command; `environment` comes on top of the job's."""

    def __init__(
        self,
        job: Job,
        command: Callable[[int], Sequence[str]],
        environment: Mapping[str, str] | None = None,
        *,
        processes: int | None = None,
        may_end: bool = False,
    ) -> None:
        self._job = job
        self._command = command
        self._environment = dict(environment or {})
        self._count = job.workers if processes is None else processes
        self._may_end = may_end
        self._is_stopping = False
        self._processes: list[GuardedProcess] = []
        self._logs: list[_Log] = []
        self.first_at: float | None = None
        self._last: dict[int, float] = {}
        self._progress = Progress()

    def __enter__(self) -> Self:
        try:
            for worker in range(self._count):
                log = self._job.folder / f"log-{worker}"
                log.touch()
                environment = {"PYTHONUNBUFFERED": "1", **self._job.environment(worker), **self._environment}
                self._processes.append(
                    GuardedProcess(
                        f"{self._job.name} worker {worker}", self._command(worker), cwd=self._job.folder, log=log,
                        stop_seconds=STOP_SECONDS, environment=environment,
                    )
                )  # fmt: skip
                self._logs.append(_Log(log))
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _stop(self) -> None:
        self.ask_to_stop()
        for process in self._processes:
            process.stop()

    def pids(self) -> Iterator[int]:
        """Of all that were started; a sampler's thread calls this, so nothing is asked of them here."""
        return iter([process.pid for process in self._processes])

    def look(self) -> None:
        """Read what the logs say. Raises CannotRun where a process ended too early."""
        for log in self._logs:
            for what, partition, offset, at in log.marks():
                if what == "first":
                    self.first_at = min(at, self.first_at or at)
                    continue
                if what == "last":
                    self._last[partition] = max(at, self._last.get(partition, at))
                    offset = self._job.last_offsets[partition]
                self._progress.add(partition, offset + 1, at)
        if self._is_stopping:
            return
        for process in self._processes:
            if process.returncode is not None and not (self._may_end and process.returncode == 0):
                raise CannotRun(f"{process.name} ended (exit {process.returncode}): {process.last_words()}")

    @property
    def last_at(self) -> float | None:
        """Once every partition's last event was taken."""
        if self._last.keys() >= self._job.last_offsets.keys():
            return max(self._last.values())
        return None

    def taken_at(self, events: int) -> float | None:
        """When so many had been taken of all partitions together; None: not yet."""
        return self._progress.reached_at(events)

    def ask_to_stop(self) -> None:
        """SIGTERM, once."""
        if self._is_stopping:
            return
        self._is_stopping = True
        for process in self._processes:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)

    def have_ended(self) -> bool:
        """Whether all processes are gone."""
        return all(process.returncode is not None for process in self._processes)


class _Log:
    """New lines of a log that another process writes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0

    def marks(self) -> Iterator[tuple[str, int, int, float]]:
        """What, partition, offset (0 where none is told), when."""
        with self._path.open("rb") as log:
            log.seek(self._read)
            words = log.read()
        whole = words[: words.rfind(b"\n") + 1]
        self._read += len(whole)
        for found in _MARK.finditer(whole):
            yield found[1].decode(), int(found[2]), int(found[3] or 0), float(found[4])
